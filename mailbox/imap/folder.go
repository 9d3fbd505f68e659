package imap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gatepost/mailbox"
)

var folderCommands = []command{
	{name: "CREATE", states: inside, run: (*conn).create},
	{name: "DELETE", states: inside, run: (*conn).delete},
	{name: "RENAME", states: inside, run: (*conn).rename},
	{name: "SUBSCRIBE", states: inside, run: (*conn).subscribe},
	{name: "UNSUBSCRIBE", states: inside, run: (*conn).unsubscribe},
	{name: "STATUS", states: inside, run: (*conn).statusOf},
}

// newName reads a name for a folder to be; a separator at its end, which says that
// others will be beneath, is dropped (RFC 9051 §6.3.4).
func (r *request) newName() string {
	s := strings.TrimSuffix(decodeName(r.astring(), r.utf8), mailbox.Separator)
	if r.err != nil {
		return ""
	}
	name, err := mailbox.CleanAny(s)
	if err != nil {
		r.err, r.b = err, nil
	}
	return name
}

// create: RFC 9051 §6.3.4, with RFC 6154's USE and RFC 8474's MAILBOXID.
func (c *conn) create(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.newName()
	var use mailbox.Use
	if r.take(' ') {
		use = r.use()
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	at, err := c.site(ctx, name)
	if err == nil && at.box != c.box && use != "" {
		err = no("USEATTR", "A use is for the owner to give")
	}
	if err != nil {
		return reply{}, err
	}
	f, err := c.srv.Store.CreateFolder(ctx, at.box, at.local, use)
	if err != nil {
		return reply{}, err
	}
	c.srv.Changes.Notify(at.box)
	return reply{code: "MAILBOXID (" + folderID(f) + ")"}, nil
}

// use reads (USE (\Sent)). A folder has one use here.
func (r *request) use() (use mailbox.Use) {
	r.list(func() {
		if r.word() != "USE" {
			r.fail("Unknown CREATE parameter")
		}
		r.space()
		r.list(func() {
			u, ok := mailbox.ParseUse(r.flag())
			if r.err == nil && (!ok || use != "") {
				r.err, r.b = no("USEATTR", "No folder can be made for that use"), nil
			}
			use = u
		})
	})
	return use
}

func folderID(f mailbox.Folder) string { return fmt.Sprintf("F%d", f.ID) }

// delete: RFC 9051 §6.3.5.
func (c *conn) delete(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	f, err := c.reach(ctx, name, mailbox.MayDelete)
	if err != nil {
		return reply{}, err
	}
	if err := c.srv.Store.DeleteFolder(ctx, f.Box, f.local); err != nil {
		return reply{}, err
	}
	if c.view != nil && c.view.folder.ID == f.ID {
		c.unselect()
	}
	c.srv.Changes.Notify(f.Box)
	return reply{}, nil
}

// rename: RFC 9051 §6.3.6.
func (c *conn) rename(ctx context.Context, r *request) (reply, error) {
	r.space()
	from := r.folderName()
	r.space()
	to := r.newName()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	at, err := c.site(ctx, to)
	if err != nil {
		return reply{}, err
	}
	f, err := c.reach(ctx, from, mailbox.MayDelete)
	switch {
	case err != nil:
	case f.Box != at.box:
		err = errApart
	case from == mailbox.Inbox:
		err = c.renameInbox(ctx, to)
	case !f.Rights.Has(mailbox.MayAdminister): // he gives nobody rights by it, himself neither
		err = c.srv.Sharing.RenameKept(ctx, at.box, f.local, at.local)
	default:
		err = c.srv.Store.RenameFolder(ctx, at.box, f.local, at.local)
	}
	if err != nil {
		return reply{}, err
	}
	c.srv.Changes.Notify(at.box)
	return reply{}, nil
}

// renameInbox moves the inbox's messages into a new folder; the inbox stays.
func (c *conn) renameInbox(ctx context.Context, to string) error {
	inbox, err := c.folder(ctx, mailbox.Inbox)
	if err != nil {
		return err
	}
	f, err := c.srv.Store.CreateFolder(ctx, c.box, to, "")
	if err != nil {
		return err
	}
	_, err = c.srv.Store.Move(ctx, inbox.ID, everything, f.ID)
	return err
}

// everything is all UIDs that there can be.
var everything = mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}

// subscribe: RFC 9051 §6.3.7.
func (c *conn) subscribe(ctx context.Context, r *request) (reply, error) {
	return c.setSubscribed(ctx, r, true)
}

func (c *conn) unsubscribe(ctx context.Context, r *request) (reply, error) {
	return c.setSubscribed(ctx, r, false)
}

func (c *conn) setSubscribed(ctx context.Context, r *request, on bool) (reply, error) {
	r.space()
	name := r.newName()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	if done, err := c.subscribeShared(ctx, name, on); done || err != nil {
		if err == nil {
			c.changed()
		}
		return reply{}, err
	}
	if err := c.srv.Store.Subscribe(ctx, c.box, name, on); err != nil {
		return reply{}, err
	}
	c.changed()
	return reply{}, nil
}

// statusOf: RFC 9051 §6.3.11.
func (c *conn) statusOf(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	r.space()
	items := r.statusItems()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	f, err := c.folder(ctx, name)
	if err == nil {
		f, err = c.gather(ctx, f)
	}
	if err != nil {
		return reply{}, err
	}
	return reply{}, c.status(ctx, f, items)
}

// statusItems reads a list of STATUS items, one at least.
func (r *request) statusItems() (items []string) {
	r.list(func() {
		item := r.word()
		if statusValue(item, mailbox.Folder{}) == "" {
			r.fail("Unknown STATUS item")
		}
		items = append(items, item)
	})
	if len(items) == 0 {
		r.fail("No STATUS items")
	}
	return items
}

// statusValue returns the value of a STATUS item, "" for one that is unknown.
func statusValue(item string, f mailbox.Folder) string {
	switch item {
	case "MESSAGES":
		return fmt.Sprint(f.Messages)
	case "RECENT": // no message is recent here; IMAP4rev2 dropped the notion
		return "0"
	case "UIDNEXT":
		return fmt.Sprint(f.UIDNext)
	case "UIDVALIDITY":
		return fmt.Sprint(f.UIDValidity)
	case "UNSEEN":
		return fmt.Sprint(f.Unseen)
	case deletedStorage: // see status
		return "0"
	case "DELETED":
		return fmt.Sprint(f.Deleted)
	case "SIZE":
		return fmt.Sprint(f.Size)
	case "HIGHESTMODSEQ":
		return fmt.Sprint(f.HighestModSeq)
	case "MAILBOXID":
		return "(" + folderID(f) + ")"
	case "APPENDLIMIT":
		return "NIL" // the server's own limit holds
	}
	return ""
}

// status appends a STATUS response.
func (c *conn) status(ctx context.Context, f mailbox.Folder, items []string) error {
	storage := int64(0)
	if slices.Contains(items, deletedStorage) {
		var err error
		if storage, err = c.deletedStorage(ctx, f); err != nil {
			return err
		}
	}
	c.statusLine(f, items, storage)
	c.condstore = c.condstore || slices.Contains(items, "HIGHESTMODSEQ") // RFC 7162 §3.1.2.1
	return nil
}

// statusLine is a STATUS response; storage is what messages with \Deleted take up, where it is asked for.
func (c *conn) statusLine(f mailbox.Folder, items []string, storage int64) {
	c.out.text("* STATUS ")
	c.name(f.Name)
	open := " ("
	for _, item := range items {
		value := statusValue(item, f)
		if item == deletedStorage {
			value = fmt.Sprint(storage)
		}
		c.out.text(open, item, " ", value)
		open = " "
	}
	c.out.text(")\r\n")
}
