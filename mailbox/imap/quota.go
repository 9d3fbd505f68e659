package imap

import (
	"context"
	"strconv"

	"gatepost/mailbox"
)

// Quotas know what mailboxes may hold (RFC 9208).
type Quotas interface {
	// Quota returns the limits of a box and what it takes up; a limit of 0 is none.
	Quota(ctx context.Context, box int64) (limit, there mailbox.Usage, err error)
	// Limited reports whether anything bounds a box. It does not wait.
	Limited(box int64) bool
	// Fits returns nil, or mailbox.ErrOverQuota, where so much more is to come into a box.
	Fits(ctx context.Context, box int64, more mailbox.Usage) error
}

var quotaCommands = []command{
	{name: "GETQUOTA", states: inside, run: (*conn).getQuota},
	{name: "GETQUOTAROOT", states: inside, run: (*conn).getQuotaRoot},
	{name: "SETQUOTA", states: inside, run: (*conn).setQuota},
}

// quotaRoot is the name of the one quota root that a mailbox with limits has (RFC 9208 §3.2).
const quotaRoot = "mailbox"

// deletedStorage is the STATUS item of that name (RFC 9208 §4.1.4).
const deletedStorage = "DELETED-STORAGE"

// quotaCapabilities: RFC 9208 §3. There is no QUOTASET.
const quotaCapabilities = "QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE"

// getQuota: RFC 9208 §4.1.1.
func (c *conn) getQuota(ctx context.Context, r *request) (reply, error) {
	r.space()
	root := r.astring()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	limit, there, err := c.quota(ctx, c.box)
	switch {
	case err != nil:
		return reply{}, err
	case root != quotaRoot || limit == mailbox.Usage{}:
		return reply{}, no("NONEXISTENT", "No such quota root")
	}
	c.quotaLine(limit, there)
	return reply{}, nil
}

// getQuotaRoot: RFC 9208 §4.1.2. All folders of a mailbox have the same root; that of
// what is held has none.
func (c *conn) getQuotaRoot(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	f, err := c.folder(ctx, name)
	if err != nil {
		return reply{}, err
	}
	limit, there, err := c.quota(ctx, f.Box)
	if err != nil {
		return reply{}, err
	}
	some := limit != mailbox.Usage{} && f.Use != mailbox.Quarantine && f.Box == c.box
	c.out.text("* QUOTAROOT ")
	c.name(f.Name)
	if some {
		c.out.text(` "`, quotaRoot, `"`)
	}
	c.out.text("\r\n")
	if some {
		c.quotaLine(limit, there)
	}
	return reply{}, nil
}

// setQuota: RFC 9208 §4.1.3. Limits are set by administrators, elsewhere.
func (c *conn) setQuota(_ context.Context, r *request) (reply, error) {
	r.space()
	r.astring()
	r.space()
	r.list(func() {
		r.word()
		r.space()
		r.while("a number", func(c byte) bool { return '0' <= c && c <= '9' })
	})
	if err := r.end(); err != nil {
		return reply{}, err
	}
	return reply{}, no("NOPERM", "Quotas are set by the administrator")
}

func (c *conn) quota(ctx context.Context, box int64) (limit, there mailbox.Usage, err error) {
	if c.srv.Quotas == nil {
		return limit, there, nil
	}
	return c.srv.Quotas.Quota(ctx, box)
}

// quotaLine is a QUOTA response (RFC 9208 §4.2.1). STORAGE is in units of 1024 octets (§5.1);
// what is begun counts, so that a full mailbox looks full.
func (c *conn) quotaLine(limit, there mailbox.Usage) {
	c.out.text(`* QUOTA "`, quotaRoot, `" (`)
	space := ""
	if limit.Bytes > 0 {
		c.out.text("STORAGE ", units((there.Bytes+1023)/1024), " ", units(limit.Bytes/1024))
		space = " "
	}
	if limit.Messages > 0 {
		c.out.text(space, "MESSAGE ", units(there.Messages), " ", units(limit.Messages))
	}
	c.out.text(")\r\n")
}

func units(n int64) string { return strconv.FormatInt(max(n, 0), 10) }

// fits refuses what has no room in a box.
func (c *conn) fits(ctx context.Context, box int64, more mailbox.Usage) error {
	if c.srv.Quotas == nil {
		return nil
	}
	return c.srv.Quotas.Fits(ctx, box, more)
}

// copyFits refuses a COPY that has no room. How much it is is asked only where there are
// limits.
func (c *conn) copyFits(ctx context.Context, to mailbox.Folder, set mailbox.UIDSet) error {
	if c.srv.Quotas == nil || !c.srv.Quotas.Limited(to.Box) {
		return nil
	}
	more, err := c.srv.Store.Measure(ctx, c.view.folder.ID, set, false)
	if err != nil || more.Messages == 0 {
		return err
	}
	return c.fits(ctx, to.Box, more)
}

// deletedStorage returns the octets of a folder's messages with \Deleted. They are counted only where something is deleted.
func (c *conn) deletedStorage(ctx context.Context, f mailbox.Folder) (int64, error) {
	if f.Deleted == 0 {
		return 0, nil
	}
	u, err := c.srv.Store.Measure(ctx, f.ID, everything, true)
	return u.Bytes, err
}
