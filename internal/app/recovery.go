package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/web"
)

// How long links work.
const (
	resetFor    = access.LinksWithin // one that was mailed; who may not ask again has some that work, whoever asked
	resetByHand = 24 * time.Hour     // one that an operator hands on
	confirmFor  = 24 * time.Hour
)

// errNoURL: a link would lead nowhere.
var errNoURL = errors.New("web.url is not set: no link can be sent")

// recoveries is what pages and operations do about lost passwords.
type recoveries struct{ *App }

var _ web.Recoveries = recoveries{}

// onPages is a mailbox whose owner can use the pages.
func (r recoveries) onPages(id int64) (directory.Mailbox, error) {
	s := r.directory.Snapshot()
	m, ok := s.Box(id)
	if !ok || m.State != directory.Active || !s.Serves(id, directory.ServiceWeb) {
		return m, access.ErrNoLink
	}
	return m, nil
}

// boxOf is a mailbox whose owner can set a password on the pages. It fails with a web.Shut where that is shut.
func (r recoveries) boxOf(id int64) (directory.Mailbox, error) {
	m, err := r.onPages(id)
	if err != nil {
		return m, err
	}
	if by := r.directory.Snapshot().PageShut(id, directory.PagePassword); by != "" {
		return m, web.Shut{By: by}
	}
	return m, nil
}

// Recovery implements web.Recoveries.
func (r recoveries) Recovery(ctx context.Context, box int64) (access.Recovery, error) {
	return r.store.Accounts().Recovery(ctx, box, r.now())
}

// AskRecovery implements web.Recoveries.
func (r recoveries) AskRecovery(ctx context.Context, box int64, address string) error {
	m, err := r.boxOf(box)
	if err != nil {
		return err
	}
	to, err := r.elsewhere(m, address)
	if err != nil {
		return err
	}
	return r.mailLink(ctx, m, access.LinkConfirm, to, confirmFor)
}

// elsewhere reads an address that leads elsewhere than to the mailbox: who can't open it must get what comes there.
func (r recoveries) elsewhere(m directory.Mailbox, address string) (mail.Path, error) {
	to, err := mail.ParsePath(address)
	if err != nil || to.IsNull() {
		return "", web.ErrRecoveryAddress
	}
	to = to.Fold()
	if found, err := r.directory.Snapshot().Resolve(to); err == nil && slices.ContainsFunc(found.Boxes, func(b directory.Mailbox) bool { return b.ID == m.ID }) {
		return "", web.ErrRecoveryAddress
	}
	return to, nil
}

// ForgetRecovery implements web.Recoveries.
func (r recoveries) ForgetRecovery(ctx context.Context, box int64) error {
	m, err := r.boxOf(box)
	if err != nil {
		return err
	}
	if err := r.store.Accounts().SetRecovery(ctx, box, "", r.now()); err != nil {
		return err
	}
	r.tellOwner(ctx, m, "removed", "")
	return nil
}

// Link implements web.Recoveries.
func (r recoveries) Link(ctx context.Context, kind access.LinkKind, secret string) (web.AccountLink, error) {
	l, m, err := r.link(ctx, kind, secret)
	return web.AccountLink{Name: string(m.Address), Address: l.Address}, err
}

func (r recoveries) link(ctx context.Context, kind access.LinkKind, secret string) (access.Link, directory.Mailbox, error) {
	l, err := r.store.Accounts().Link(ctx, access.LinkID(secret), r.now())
	if err == nil && l.Kind != kind {
		err = access.ErrNoLink
	}
	if err != nil {
		return l, directory.Mailbox{}, err
	}
	usable := r.boxOf
	if kind == access.LinkSend { // it leads to no password
		usable = r.onPages
	}
	m, err := usable(l.Box)
	if err == nil && l.Mark != ownerMark(r.directory.Snapshot(), m) {
		err = access.ErrNoLink
	}
	return l, m, err
}

// Confirm implements web.Recoveries.
func (r recoveries) Confirm(ctx context.Context, secret string) (web.AccountLink, error) {
	l, m, err := r.link(ctx, access.LinkConfirm, secret)
	if err == nil {
		_, err = r.store.Accounts().TakeLink(ctx, l.ID, r.now())
	}
	if err != nil {
		return web.AccountLink{}, err
	}
	r.log.Info("recovery address confirmed", "mailbox", m.Address)
	r.tellOwner(ctx, m, "confirmed", l.Address)
	return web.AccountLink{Name: string(m.Address), Address: l.Address}, nil
}

// Reset implements web.Recoveries. The link is used up before the password is set: twice it is worth nothing, whatever comes between.
func (r recoveries) Reset(ctx context.Context, secret, password string, from netip.Addr) (web.AccountLink, error) {
	l, m, err := r.link(ctx, access.LinkReset, secret)
	if err != nil {
		return web.AccountLink{}, err
	}
	shown := web.AccountLink{Name: string(m.Address)}
	if err := directory.Usable(password); err != nil {
		return shown, web.ErrPassword
	}
	if _, err := r.store.Accounts().TakeLink(ctx, l.ID, r.now()); err != nil {
		return shown, err
	}
	if err := r.directory.SetPassword(ctx, m.Address, password, string(m.Address), "by a link, from "+from.String()); err != nil {
		return shown, err
	}
	if _, err := r.desk.CloseAll(ctx, persons{r.directory}.owner(m), "", string(m.Address)); err != nil {
		return shown, err
	}
	r.log.Info("password set by a link", "mailbox", m.Address, "client", from)
	r.tellOwner(ctx, m, "reset", from.String())
	return shown, nil
}

// PasswordChanged implements web.Recoveries.
func (r recoveries) PasswordChanged(ctx context.Context, box int64, from netip.Addr) {
	if m, err := r.boxOf(box); err == nil {
		r.tellOwner(ctx, m, "changed", from.String())
	}
}

// tellOwner writes into the inbox what became of an account: who has lost it to somebody else hears of it there.
func (r recoveries) tellOwner(ctx context.Context, m directory.Mailbox, what, detail string) {
	now := r.now()
	content := r.letters.account(r.languageOf(m), m.Address, m.Address, what, detail, "", r.config.Load().Hostname, now)
	if err := r.deliverLetter(ctx, m.ID, queue.Letter{To: m.Address, Content: content, Kind: "account"}, now); err != nil {
		r.log.Error("an owner is not told of a change of his account", "mailbox", m.Address, "change", what, "error", err)
	}
}

// newLink makes a link, and its address.
func (r recoveries) newLink(m directory.Mailbox, kind access.LinkKind, to mail.Path, life time.Duration) (l access.Link, url string) {
	secret, id := access.NewLink()
	path := map[access.LinkKind]string{access.LinkReset: "/reset/", access.LinkConfirm: "/confirm/", access.LinkSend: "/mailbox/collected/confirm/"}[kind]
	now := r.now()
	return access.Link{ID: id, Box: m.ID, Kind: kind, Address: string(to), Mark: ownerMark(r.directory.Snapshot(), m), Created: now, Expires: now.Add(life)}, r.config.Load().Web.URL + path + secret
}

// mailLink sends a link to an address; what is asked for too often fails with access.ErrManyLinks.
func (r recoveries) mailLink(ctx context.Context, m directory.Mailbox, kind access.LinkKind, to mail.Path, life time.Duration) error {
	if r.config.Load().Web.URL == "" {
		return errNoURL
	}
	l, url := r.newLink(m, kind, to, life)
	content := r.letters.account(r.languageOf(m), m.Address, to, string(kind)+"link", "", url, r.config.Load().Hostname, l.Created)
	t, err := r.queue.Letter(ctx, queue.Letter{To: to, Content: content, Kind: "recovery", Life: life})
	if errors.Is(err, queue.ErrMany) {
		return access.ErrManyLinks
	}
	if err != nil {
		return err
	}
	if err := r.store.Accounts().PutLink(ctx, l, access.MaxLinks, l.Created.Add(-access.LinksWithin), t); err != nil {
		return err
	}
	r.queue.Wake(t.Destination)
	return nil
}

// Lost implements web.Recoveries.
func (r recoveries) Lost(name string, from netip.Addr) error { return r.lost.ask(name, from, r.now()) }

// A lostDesk has links sent to people who lost their passwords. It does so behind the answer, which therefore takes as
// long for names that nobody has.
type lostDesk struct {
	app   *App
	names chan string

	mu     sync.Mutex
	since  time.Time
	asked  int
	byNets map[netip.Prefix]int
}

// What is asked for by all, and by one network, within an hour.
const (
	lostWithin  = time.Hour
	maxLost     = 2000
	maxLostFrom = 10
	maxLostWide = 100 // of an IPv6 /48, of which anybody gets one: else he would use up what all may ask
	lostWaiting = 100
)

func (d *lostDesk) open(a *App) { d.app, d.names = a, make(chan string, lostWaiting) }

// ask takes a request. It fails with an access.Blocked where there were too many.
func (d *lostDesk) ask(name string, from netip.Addr, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.since) >= lostWithin || now.Before(d.since) {
		d.since, d.asked, d.byNets = now, 0, map[netip.Prefix]int{}
	}
	net := access.NetworkOf(from)
	wide := net
	if net.Addr().Is6() {
		wide, _ = net.Addr().Prefix(48)
	}
	if d.asked >= maxLost || d.byNets[net] >= maxLostFrom || d.byNets[wide] >= maxLostWide {
		return access.Blocked{Until: d.since.Add(lostWithin)}
	}
	d.asked++
	if d.byNets[net]++; wide != net {
		d.byNets[wide]++
	}
	select {
	case d.names <- name:
	default:
		return access.Blocked{Until: now.Add(time.Minute)}
	}
	return nil
}

// sendTime bounds what one request takes.
const sendTime = 30 * time.Second

func (d *lostDesk) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case name := <-d.names:
			bounded, cancel := context.WithTimeout(ctx, sendTime)
			if err := (recoveries{d.app}).send(bounded, name); err != nil && ctx.Err() == nil {
				d.app.log.Warn("no link for a lost password is sent", "error", err)
			}
			cancel()
		}
	}
}

// send mails a link to the owner of a mailbox, where he has a recovery address, and has a password to lose.
func (r recoveries) send(ctx context.Context, name string) error {
	address, err := mail.ParsePath(name)
	if err != nil {
		return nil
	}
	m, ok := r.directory.Snapshot().Mailbox(address.Fold())
	if !ok || m.Password.Hash == "" || r.directory.Snapshot().LoginSource(m) != "" {
		return nil
	}
	if _, err := r.boxOf(m.ID); err != nil {
		return nil
	}
	known, err := r.Recovery(ctx, m.ID)
	if err != nil || known.Address == "" {
		return err
	}
	if err := r.mailLink(ctx, m, access.LinkReset, mail.Path(known.Address), resetFor); err != nil {
		return fmt.Errorf("mailbox %s: %w", m.Address, err)
	}
	r.log.Info("link for a lost password sent", "mailbox", m.Address)
	return nil
}
