package imap

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"gatepost/mailbox"
)

var copyCommands = []command{
	{name: "COPY", states: selected, run: (*conn).copy, numbered: true, makes: true},
	{name: "UID COPY", states: selected, run: (*conn).copy, makes: true},
	{name: "MOVE", states: selected, run: (*conn).move, makes: true},
	{name: "UID MOVE", states: selected, run: (*conn).move, makes: true},
}

// copy: RFC 9051 §6.4.7.
func (c *conn) copy(ctx context.Context, r *request) (reply, error) {
	spans, name, err := c.transferArguments(r)
	if err == nil && c.view.releases() {
		err = errCopy
	}
	if err != nil {
		return reply{}, err
	}
	to, err := c.target(ctx, name)
	if len(spans) == 0 || err != nil {
		return reply{}, err
	}
	if err := c.copyFits(ctx, to.Folder, c.view.uids(spans)); err != nil {
		return reply{}, err
	}
	if err := c.audit(ctx, mailbox.ActCopy, "UID %s to %s", c.view.uids(spans), name); err != nil {
		return reply{}, err
	}
	done, err := c.carry(ctx, c.view.uids(spans), to, false)
	if err != nil {
		return reply{}, err
	}
	c.sorted(to, done)
	return reply{code: copyUID(done)}, nil
}

// move: RFC 9051 §6.4.8. COPYUID comes untagged, before the news that tell what
// is gone.
func (c *conn) move(ctx context.Context, r *request) (reply, error) {
	spans, name, err := c.transferArguments(r)
	if err != nil {
		return reply{}, err
	}
	if c.view.releases() {
		return c.release(ctx, spans, name)
	}
	to, err := c.target(ctx, name)
	if err == nil {
		err = cmp.Or(c.writable(), c.may(mailbox.MayTrash|mailbox.MayExpunge)) // RFC 6851 §4.1
	}
	if len(spans) == 0 || err != nil {
		return reply{}, err
	}
	if to.Box != c.view.folder.Box { // within a mailbox it takes no room
		if err := c.copyFits(ctx, to.Folder, c.view.uids(spans)); err != nil {
			return reply{}, err
		}
	}
	done, err := c.carry(ctx, c.view.uids(spans), to, true)
	if err != nil {
		return reply{}, err
	}
	c.sorted(to, done)
	if code := copyUID(done); code != "" {
		c.out.untagged("OK [", code, "] Moved")
	}
	if err := c.sync(ctx, true, true); err != nil {
		return reply{}, err
	}
	return c.withModSeq(), nil
}

// A Sorter hears what owners of mailboxes put into other folders, whether the program moves it or copies it and
// expunges what is left. It must not wait.
type Sorter interface {
	Sorted(Sorted)
}

// A Sorted says that messages came from one folder of a box into another.
type Sorted struct {
	Box      int64
	Address  string // of who did it: the owner, or one who may
	From, To mailbox.Folder
	UIDs     mailbox.UIDSet // in To
	Lists    bool           // a mailbox.ListingMove was noted of it
}

// sorted tells the Sorter what was brought out of the selected folder.
func (c *conn) sorted(to place, done mailbox.Copied) {
	from := c.view.folder
	if c.srv.Sorter != nil && len(done.From) > 0 && from.ID != to.ID && from.Box == to.Box {
		c.srv.Sorter.Sorted(Sorted{Box: to.Box, Address: c.user, From: from, To: to.Folder, UIDs: done.To(), Lists: c.lists(to)})
	}
}

func (c *conn) transferArguments(r *request) (spans []span, name string, err error) {
	r.space()
	numbers := r.numbers()
	r.space()
	name = r.folderName()
	if err := r.end(); err != nil {
		return nil, "", err
	}
	spans, err = c.view.resolve(numbers, r.uid)
	return spans, name, err
}

// errNoTarget is the hint to create a folder (RFC 9051 §6.3.12, §6.4.7).
var errNoTarget = no("TRYCREATE", "No such mailbox")

// target finds the folder that messages are to go to; that it is missing is a
// hint to create it (RFC 9051 §6.3.12, §6.4.7).
func (c *conn) target(ctx context.Context, name string) (place, error) {
	f, err := c.reach(ctx, name, mailbox.MayInsert)
	switch {
	case errors.Is(err, mailbox.ErrNoFolder):
		err = errNoTarget
	case err == nil && f.Use == mailbox.Quarantine:
		err = errInto
	}
	return f, err
}

// copyUID is the response code of RFC 4315 §3; none where nothing was copied.
func copyUID(done mailbox.Copied) string {
	if len(done.From) == 0 {
		return ""
	}
	return "COPYUID " + strconv.FormatUint(uint64(done.UIDValidity), 10) + " " + done.From.String() + " " + done.To().String()
}
