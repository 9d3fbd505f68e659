package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
	"gatepost/mailbox/offer"
)

// imapPeople is the directory as IMAP wants it.
type imapPeople struct{ directory *directory.Directory }

// Visitor implements imap.People.
func (p imapPeople) Visitor(box int64) mailbox.Visitor {
	v := mailbox.Visitor{Box: box}
	s := p.directory.Snapshot()
	m, ok := s.Box(box)
	if !ok {
		return v
	}
	v.Names = []mailbox.Who{mailbox.BoxWho(box), mailbox.DomainWho(m.Address.Domain()), mailbox.Anyone}
	for _, g := range s.Groups(m.Address) {
		v.Names = append(v.Names, mailbox.GroupWho(string(g)))
	}
	return v
}

// Who implements imap.People. A mailbox and an alias never have one address.
func (p imapPeople) Who(identifier string) (mailbox.Who, bool) {
	s := p.directory.Snapshot()
	if strings.EqualFold(identifier, string(mailbox.Anyone)) {
		return mailbox.Anyone, true
	}
	if name, ok := strings.CutPrefix(identifier, "@"); ok {
		d, ok := s.Domain(spelledDomain(name))
		return mailbox.DomainWho(d.Name), ok
	}
	address, err := mail.ParsePath(identifier)
	if err != nil || address.IsNull() {
		return "", false
	}
	if m, ok := s.Mailbox(address); ok {
		return mailbox.BoxWho(m.ID), true
	}
	a, ok := s.Alias(address)
	return mailbox.GroupWho(string(a.Address)), ok && a.Kind != directory.Forward
}

// Name implements imap.People.
func (p imapPeople) Name(who mailbox.Who) string {
	s := p.directory.Snapshot()
	switch kind, name := who.Split(); kind {
	case "box":
		m, _ := s.Box(who.Box())
		return string(m.Address)
	case "group":
		if _, ok := s.Alias(mail.Path(name)); !ok {
			return ""
		}
		return name
	case "domain":
		return "@" + name
	}
	return string(who)
}

// offers tells people what was shared with them.
type offers struct {
	app   *App
	words *offer.Writer
}

func (a *App) openOffers(context.Context, *config.Config) error {
	w, err := offer.NewWriter()
	a.offers = offers{a, w}
	return err
}

// maxOffered bounds to how many one share is told. Whole domains are told nothing.
const maxOffered = 50

// GiveOwn is Give as the owner of a mailbox asks for it by a mail program. It fails with mailbox.ErrSharingShut where sharing is shut to him, or to
// the owner of the folder; what takes rights away is open.
func (o offers) GiveOwn(ctx context.Context, f imap.Offer, how mailbox.How) (before, after mailbox.Rights, err error) {
	s := o.app.directory.Snapshot()
	by, _ := s.Mailbox(mail.Path(f.By))
	if takes := how == mailbox.Remove || f.Rights == 0; !takes && (s.PageShut(by.ID, directory.PageShares) != "" || s.PageShut(f.Box, directory.PageShares) != "") {
		return 0, 0, mailbox.ErrSharingShut
	}
	return o.Give(ctx, f, how)
}

// Give is give as mail programs have it done: what is beneath has what it had in common.
func (o offers) Give(ctx context.Context, f imap.Offer, how mailbox.How) (before, after mailbox.Rights, err error) {
	return o.give(ctx, f.By, f.By, mailbox.Giving{Grant: f.Grant, How: how})
}

// byCommand is a giver for commands.
func (o offers) byCommand(ctx context.Context, by string, g mailbox.Giving) (before, after mailbox.Rights, err error) {
	return o.give(ctx, byCommand(ctx), by, g)
}

// give changes what somebody has in a folder, and writes to him in the same commit where he begins to see
// it. That it can't be told takes nothing back. By is who gives it as the letter has it, who as the audit has it.
func (o offers) give(ctx context.Context, who, by string, g mailbox.Giving) (before, after mailbox.Rights, err error) {
	return o.giveTold(ctx, who, by, g, false)
}

// giveTold is give; where told is set it fails with errToldOften in the place of giving what can't be told once more.
func (o offers) giveTold(ctx context.Context, who, by string, g mailbox.Giving, told bool) (before, after mailbox.Rights, err error) {
	a, f := o.app, imap.Offer{By: by, Grant: g.Grant}
	all, err := a.mailboxes.Grants(ctx, f.Box, f.Folder)
	if err != nil {
		return 0, 0, err
	}
	for _, g := range all {
		if g.Folder == f.Folder && g.Who == f.Who {
			before = g.Rights
		}
	}
	var letters []*queue.Transfer
	var links []mailbox.Invitation
	after = g.How.Of(before, f.Rights)
	note := a.shareNote(who, g.Grant, after)
	often := false
	if gives := after&^before != 0; gives && who != byCommand(ctx) {
		if often, err = a.toldOften(ctx, *note, g.Who); err == nil && often && told {
			err = errToldOften
		}
		if err != nil {
			return 0, 0, err
		}
	}
	if !often && !before.Has(mailbox.MayLookUp) && after.Has(mailbox.MayLookUp) {
		seen := f
		seen.Rights = after
		letters, links = o.letters(ctx, seen, true)
	}
	before, after, err = a.mailboxes.SetGrantTold(ctx, g, note, letters, links)
	if err == nil && len(letters) > 0 {
		a.queue.Wake(queue.Local)
	}
	return before, after, err
}

// letters are for those whom a grant is for, with what the links in them lead to, where they are to have any.
func (o offers) letters(ctx context.Context, f imap.Offer, linked bool) (list []*queue.Transfer, links []mailbox.Invitation) {
	for _, box := range o.receivers(f.Who) {
		if box.ID == f.Box || box.Address == mail.Path(f.By) {
			continue
		}
		secret, link := "", mailbox.Invitation{}
		if linked && o.app.config.Load().Web.URL != "" {
			secret, link = o.invite(f, box)
		}
		t, err := o.letter(ctx, f, box, secret)
		if err != nil {
			o.app.log.Warn("a share is not told", "to", box.Address, "by", f.By, "error", err)
			continue
		}
		if list = append(list, t); secret != "" {
			links = append(links, link)
		}
	}
	return list, links
}

// invitedFor is how long a share can be answered by the link in its mail.
const invitedFor = 30 * 24 * time.Hour

// invite makes a link for one receiver.
func (o offers) invite(f imap.Offer, to directory.Mailbox) (secret string, i mailbox.Invitation) {
	secret = rand.Text()
	return secret, mailbox.Invitation{ID: invitationID(secret), Box: f.Box, Folder: f.Folder, Reader: to.ID, Expires: o.app.now().Add(invitedFor)}
}

// invitationID is what the store knows of a link: who reads rows can't use it.
func invitationID(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// receivers are the mailboxes that hear of a grant.
func (o offers) receivers(who mailbox.Who) []directory.Mailbox {
	s := o.app.directory.Snapshot()
	switch kind, name := who.Split(); kind {
	case "box":
		if m, ok := s.Box(who.Box()); ok && m.State == directory.Active {
			return []directory.Mailbox{m}
		}
	case "group":
		if r, err := s.Resolve(mail.Path(name)); err == nil {
			return r.Boxes[:min(len(r.Boxes), maxOffered)]
		}
	}
	return nil
}

// letter goes into the mailbox past all filters, as digests do.
func (o offers) letter(ctx context.Context, f imap.Offer, to directory.Mailbox, secret string) (*queue.Transfer, error) {
	s, now := o.app.directory.Snapshot(), o.app.now()
	owner, _ := s.Box(f.Box)
	dom, _ := s.Domain(to.Address.Domain())
	_, group, err := o.app.mailboxes.BoxRights(ctx, mailbox.Visitor{Box: to.ID}, f.Box)
	if err != nil {
		return nil, err
	}
	c := o.app.config.Load()
	link := ""
	if secret != "" {
		link = c.Web.URL + "/share/" + secret
	}
	content := o.words.Write(offer.Letter{
		Link: link, Hidden: c.Sharing.Show == config.ShowAccepted && !group,
		ID: mail.NewID(now), From: mail.Path("postmaster@" + c.Hostname), To: to.Address, By: mail.Path(f.By), Folder: f.Name,
		Name: strings.TrimSuffix(mailbox.SharedName(string(owner.Address), f.Name, group), mailbox.Separator), May: may(f.Rights),
		Language: cmp.Or(to.Language, dom.Language, c.Digest.Language), Now: now,
	})
	t, err := o.app.queue.Letter(ctx, queue.Letter{To: to.Address, Content: content, Kind: "share"})
	if err != nil {
		return nil, err
	}
	t.Destination, t.Boxes = queue.Local, []int64{to.ID}
	return t, nil
}

func may(r mailbox.Rights) offer.May {
	switch {
	case r.Has(mailbox.MayAdminister):
		return offer.Manage
	case r&(mailbox.MayInsert|mailbox.MayWrite|mailbox.MayExpunge|mailbox.MayCreate|mailbox.MayDelete) != 0:
		return offer.Write
	}
	return offer.Read
}
