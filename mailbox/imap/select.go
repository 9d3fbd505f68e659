package imap

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"gatepost/mailbox"
)

var selectCommands = []command{
	{name: "SELECT", states: inside, run: (*conn).selectFolder, quiet: true},
	{name: "EXAMINE", states: inside, run: (*conn).selectFolder, quiet: true},
	{name: "UNSELECT", states: selected, run: (*conn).unselectFolder, quiet: true},
	{name: "CLOSE", states: selected, run: (*conn).closeFolder, quiet: true},
	{name: "CHECK", states: selected, run: (*conn).noop},
	{name: "EXPUNGE", states: selected, run: (*conn).expunge},
	{name: "UID EXPUNGE", states: selected, run: (*conn).expunge},
}

// selectFolder: RFC 9051 §6.3.2, §6.3.3.
func (c *conn) selectFolder(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	condstore := false
	var known *resync
	if r.take(' ') {
		r.list(func() {
			switch name := r.word(); {
			case name == "QRESYNC" && c.qresync && known == nil:
				known = r.resync()
			case name != "CONDSTORE":
				r.fail("Unknown parameter, or one that is not enabled: %s", name)
			}
			condstore = true
		})
	}
	err := r.end()
	if errors.As(err, new(syntaxError)) {
		return reply{}, err
	}
	if c.view != nil { // also where the new one can't be opened
		c.unselect()
		c.out.untagged("OK [CLOSED] Previous mailbox is closed")
	}
	if err != nil { // no folder has such a name
		return reply{}, err
	}
	c.condstore = c.condstore || condstore
	rep, err := c.open(ctx, name, r.name == "EXAMINE")
	if err == nil && known != nil {
		if err = c.load(ctx); err == nil {
			err = c.resync(ctx, known)
		}
	}
	return rep, err
}

func (c *conn) open(ctx context.Context, name string, readOnly bool) (reply, error) {
	p, err := c.reach(ctx, name, mailbox.MayRead)
	f := p.Folder
	if err == nil {
		err = c.auditFolder(ctx, f, mailbox.ActSelect, "")
	}
	if err == nil {
		f, err = c.gather(ctx, f)
	}
	if err != nil {
		return reply{}, err
	}
	examined := readOnly || p.Rights&changing == 0
	readOnly = examined || f.Use == mailbox.Quarantine
	v := &view{readOnly: readOnly, examined: examined}
	unseen, err := c.survey(ctx, v, f)
	if err != nil {
		return reply{}, err
	}
	c.view, c.state = v, selected
	c.enterFolder(p)
	c.describe(unseen)
	if examined {
		return reply{code: "READ-ONLY"}, nil
	}
	// Of what is held, too, though no flag of it can be changed (PERMANENTFLAGS): from a
	// read-only mailbox programs offer no moves.
	return reply{code: "READ-WRITE"}, nil
}

// describe tells what RFC 9051 §6.3.2 and RFC 3501 §6.3.1 want to be told.
func (c *conn) describe(unseen int) {
	f := c.view.folder
	c.flags()
	c.out.untagged(strconv.Itoa(c.view.told), " EXISTS")
	if !c.rev2 {
		c.out.untagged("0 RECENT")
		if unseen > 0 {
			c.out.untagged("OK [UNSEEN ", strconv.Itoa(unseen), "] First unseen")
		}
	}
	c.out.untagged("OK [UIDVALIDITY ", strconv.FormatUint(uint64(f.UIDValidity), 10), "] UIDs valid")
	c.out.untagged("OK [UIDNEXT ", strconv.FormatUint(uint64(f.UIDNext), 10), "] Next UID")
	c.out.untagged("OK [HIGHESTMODSEQ ", strconv.FormatInt(int64(f.HighestModSeq), 10), "] Latest change")
	c.out.untagged("OK [MAILBOXID (", folderID(f), ")] Its number")
	if c.rev2 {
		c.listLine("LIST", f.Name, "", false)
	}
}

func (c *conn) unselect() { c.view, c.state = nil, known }

// unselectFolder: RFC 9051 §6.4.2.
func (c *conn) unselectFolder(_ context.Context, r *request) (reply, error) {
	if err := r.noArguments(); err != nil {
		return reply{}, err
	}
	c.unselect()
	return reply{}, nil
}

// closeFolder: RFC 9051 §6.4.1. It expunges and tells nothing of it.
func (c *conn) closeFolder(ctx context.Context, r *request) (reply, error) {
	if err := r.noArguments(); err != nil {
		return reply{}, err
	}
	v := c.view
	c.unselect()
	if v.readOnly || !v.rights.Has(mailbox.MayExpunge) { // RFC 4314 §4
		return reply{}, nil
	}
	// Only what the client knew of: nothing that came after its last news.
	if err := c.srv.Store.Expunge(ctx, v.folder.ID, v.all()); err != nil {
		return reply{}, err
	}
	c.srv.Changes.Notify(v.folder.Box)
	return reply{}, nil
}

// all returns the UIDs up to the last that the client was told of.
func (v *view) all() mailbox.UIDSet {
	if v.told == 0 {
		return nil
	}
	return mailbox.UIDSet{{First: 1, Last: v.lastTold()}}
}

// expunge: RFC 9051 §6.4.3, §6.4.9. The news before the tagged response tell
// what is gone.
func (c *conn) expunge(ctx context.Context, r *request) (reply, error) {
	set := c.view.all()
	if r.uid {
		r.space()
		numbers := r.numbers()
		spans, err := c.view.resolve(numbers, true)
		if r.err == nil && err != nil {
			r.err = err
		}
		set = c.view.uids(spans)
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	if err := cmp.Or(c.writable(), c.may(mailbox.MayExpunge)); err != nil {
		return reply{}, err
	}
	if err := c.srv.Store.Expunge(ctx, c.view.folder.ID, set); err != nil {
		return reply{}, err
	}
	c.changed()
	if err := c.sync(ctx, true, true); err != nil {
		return reply{}, err
	}
	return c.withModSeq(), nil
}

// errReadOnly: the folder was opened with EXAMINE.
var errReadOnly = no("READ-ONLY", "The mailbox is open read-only")

func (c *conn) writable() error {
	switch {
	case c.view.releases() && !c.view.examined:
		return errHeld
	case c.view.readOnly:
		return errReadOnly
	}
	return nil
}
