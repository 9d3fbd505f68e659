package imap

import (
	"context"
	"errors"
	"strings"

	"gatepost/mailbox"
)

var aclCommands = []command{
	{name: "SETACL", states: inside, run: (*conn).setACL},
	{name: "DELETEACL", states: inside, run: (*conn).deleteACL},
	{name: "GETACL", states: inside, run: (*conn).getACL},
	{name: "LISTRIGHTS", states: inside, run: (*conn).listRights},
	{name: "MYRIGHTS", states: inside, run: (*conn).myRights},
}

var (
	errNoSharing  = no("CANNOT", "Nothing is shared here")
	errIdentifier = no("CANNOT", "Nobody has that name: give an address, @ and a domain, or anyone")
	errNegative   = no("CANNOT", "Negative rights are not served")
	errOwner      = no("CANNOT", "The owner has all rights, and keeps them")
	errWholeBox   = no("CANNOT", "These rights hold for the whole mailbox; they are not the folder's to take")
)

// aclFolder reads a folder's name, and finds it where the session may do all of need in it.
func (c *conn) aclFolder(ctx context.Context, name string, need mailbox.Rights) (place, error) {
	if !c.sharing() {
		return place{}, errNoSharing
	}
	return c.reach(ctx, name, need)
}

// identifier reads whom rights are for.
func (r *request) identifier() string {
	s := r.astring()
	if s == "" {
		r.fail("Empty identifier")
	}
	return s
}

// who finds whom an identifier names.
func (c *conn) who(identifier string) (mailbox.Who, error) {
	if strings.HasPrefix(identifier, "-") {
		return "", errNegative
	}
	who, ok := c.srv.People.Who(identifier)
	if !ok {
		return "", errIdentifier
	}
	return who, nil
}

// rights reads "+lr", "-lr" or "lr" (RFC 4314 §3.1); an unknown letter is BAD.
func (r *request) rights() (mailbox.How, mailbox.Rights) {
	s, how := r.astring(), mailbox.Replace
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		s, how = rest, mailbox.Add
	} else if rest, ok := strings.CutPrefix(s, "-"); ok {
		s, how = rest, mailbox.Remove
	}
	rights, err := mailbox.ParseRights(s)
	if err != nil {
		r.fail("Unknown right in %.20q", s)
	}
	return how, rights
}

// setACL: RFC 4314 §3.1.
func (c *conn) setACL(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	r.space()
	identifier := r.identifier()
	r.space()
	how, rights := r.rights()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	return reply{}, c.grant(ctx, name, identifier, how, rights)
}

// deleteACL: RFC 4314 §3.2. Who may not administer a folder takes himself out by it: he leaves it.
func (c *conn) deleteACL(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	r.space()
	identifier := r.identifier()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	if p, self := c.aboutSelf(ctx, name, identifier); self {
		return reply{}, c.leave(ctx, p)
	}
	return reply{}, c.grant(ctx, name, identifier, mailbox.Replace, 0)
}

// aboutSelf reports whether an identifier is the session's owner, in a folder of somebody else that he sees
// and may not administer.
func (c *conn) aboutSelf(ctx context.Context, name, identifier string) (place, bool) {
	p, err := c.aclFolder(ctx, name, mailbox.MayLookUp)
	if err != nil || p.Box == c.box || p.Use == mailbox.Record || p.Rights.Has(mailbox.MayAdminister) {
		return place{}, false
	}
	who, err := c.who(identifier)
	return p, err == nil && who == mailbox.BoxWho(c.box)
}

// grant changes what one may do in a folder. Who has it selected looks at once.
func (c *conn) grant(ctx context.Context, name, identifier string, how mailbox.How, rights mailbox.Rights) error {
	f, err := c.aclFolder(ctx, name, mailbox.MayAdminister)
	if err != nil {
		return err
	}
	who, err := c.who(identifier)
	if err != nil {
		return err
	}
	give := c.srv.Give
	if give == nil {
		give = func(ctx context.Context, o Offer, how mailbox.How) (before, after mailbox.Rights, err error) {
			return c.srv.Sharing.SetGrant(ctx, o.Box, o.Folder, o.Who, how, o.Rights)
		}
	}
	before, after, err := give(ctx, Offer{c.user, mailbox.Grant{Box: f.Box, Folder: f.ID, Name: f.local, Who: who, Rights: rights}}, how)
	switch {
	case errors.Is(err, mailbox.ErrOwner):
		return errOwner
	case err != nil:
		return err
	}
	c.srv.Changes.Notify(f.Box)
	if after == 0 && before == 0 {
		return c.wholeBox(ctx, f, who)
	}
	return nil
}

// wholeBox fails where what was to be taken away is not the folder's own.
func (c *conn) wholeBox(ctx context.Context, f place, who mailbox.Who) error {
	all, err := c.srv.Sharing.Grants(ctx, f.Box, f.ID)
	for _, g := range all {
		if g.Who == who && g.Folder == 0 {
			return errWholeBox
		}
	}
	return err
}

// getACL: RFC 4314 §3.3. The owner stands first; what one has in the whole mailbox counts
// with what he has in the folder.
func (c *conn) getACL(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	f, err := c.aclFolder(ctx, name, mailbox.MayAdminister)
	if err != nil {
		return reply{}, err
	}
	all, err := c.srv.Sharing.Grants(ctx, f.Box, f.ID)
	if err != nil {
		return reply{}, err
	}
	sum := map[mailbox.Who]mailbox.Rights{}
	order := []mailbox.Who{mailbox.BoxWho(f.Box)}
	sum[order[0]] = mailbox.AllRights
	for _, g := range all {
		if _, known := sum[g.Who]; !known {
			order = append(order, g.Who)
		}
		sum[g.Who] |= g.Rights
	}
	c.out.text("* ACL ")
	c.name(name)
	for _, who := range order {
		if id := c.srv.People.Name(who); id != "" {
			c.out.text(" ")
			c.out.quoted(id)
			c.out.text(" ", sum[who].Wire())
		}
	}
	c.out.text("\r\n")
	return reply{}, nil
}

// listRights: RFC 4314 §3.4. No right here is tied to another.
func (c *conn) listRights(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	r.space()
	identifier := r.identifier()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	f, err := c.aclFolder(ctx, name, mailbox.MayAdminister)
	if err != nil {
		return reply{}, err
	}
	who, err := c.who(identifier)
	if err != nil {
		return reply{}, err
	}
	c.out.text("* LISTRIGHTS ")
	c.name(name)
	c.out.text(" ")
	c.out.quoted(identifier)
	if who == mailbox.BoxWho(f.Box) {
		c.out.text(" ", mailbox.AllRights.Wire(), "\r\n")
	} else {
		c.out.text(` "" `, strings.Join(strings.Split(mailbox.AllRights.Wire(), ""), " "), "\r\n")
	}
	return reply{}, nil
}

// myRights: RFC 4314 §3.5.
func (c *conn) myRights(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	f, err := c.aclFolder(ctx, name, 0)
	if err == nil && f.Rights&mailbox.AnyRight == 0 {
		err = mailbox.ErrNoFolder
	}
	if err != nil {
		return reply{}, err
	}
	c.tellRights(name, f.Rights)
	return reply{}, nil
}

// tellRights appends a MYRIGHTS response; what is held can only be read, and moved out.
func (c *conn) tellRights(name string, r mailbox.Rights) {
	c.out.text("* MYRIGHTS ")
	c.name(name)
	c.out.text(" ", r.Wire(), "\r\n")
}
