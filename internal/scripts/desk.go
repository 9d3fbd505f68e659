package scripts

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
)

// Rows are what the store keeps of scripts and of what they may know.
type Rows interface {
	mailbox.ScriptChanges
	mailbox.ScriptNews
	mailbox.ScriptMemory
}

// Config is what a Desk needs.
type Config struct {
	Rows    Rows
	Folders mailbox.Folders
	// Global has the scripts that all mailboxes may include (RFC 6609 §3.2): NAME.sieve each. Nil: none.
	Global fs.FS
	Log    *slog.Logger
}

// A Desk has the scripts at hand. It is safe for use by many goroutines. As mailbox.Scripts it
// hands on to the rows, and knows at once what changed.
type Desk struct {
	c Config
	cache

	refreshing sync.Mutex // one at a time, since revisions only rise
	mu         sync.RWMutex
	active     map[int64]active // by box; boxes without are not in it
	last       int64            // the revision up to which active is
}

var _ mailbox.ScriptChanges = (*Desk)(nil)

// active says which script of a box runs.
type active struct {
	name     string
	revision int64
}

// New returns a Desk that knows the rows as they are.
func New(ctx context.Context, c Config) (*Desk, error) {
	d := &Desk{c: c, active: map[int64]active{}}
	return d, d.Refresh(ctx)
}

// followEvery is how soon a script counts that another node stored.
const followEvery = time.Second

// Run follows the rows until ctx ends.
func (d *Desk) Run(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.Refresh(ctx); err != nil && ctx.Err() == nil {
			d.c.Log.Warn("changes of scripts not read", "error", err)
		}
	}
}

// Refresh learns what changed in the rows.
func (d *Desk) Refresh(ctx context.Context) error {
	d.refreshing.Lock()
	defer d.refreshing.Unlock()
	for {
		news, last, err := d.c.Rows.ScriptsSince(ctx, d.last)
		if err != nil {
			return fmt.Errorf("scripts: %w", err)
		}
		d.mu.Lock()
		for _, n := range news {
			if d.last = n.Revision; n.Active == "" {
				delete(d.active, n.Box)
			} else {
				d.active[n.Box] = active{n.Active, n.Revision}
			}
		}
		if len(news) == 0 {
			d.last = last
		}
		done := d.last >= last
		d.mu.Unlock()
		if done {
			return nil
		}
	}
}

// Has reports whether a box has an active script. It asks nobody.
func (d *Desk) Has(box int64) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.active[box]
	return ok
}

// Active returns the script that decides about a box's new mail, and its revision; nil where there
// is none. A script that can't be compiled any more fails with sieve.Error among the causes.
func (d *Desk) Active(ctx context.Context, box int64) (*sieve.Script, int64, error) {
	d.mu.RLock()
	a, ok := d.active[box]
	d.mu.RUnlock()
	if !ok {
		return nil, 0, nil
	}
	s, err := d.cache.get(key{box, a.revision, a.name}, func() (string, error) { return d.content(ctx, box, a.name) })
	return s, a.revision, err
}

// Include returns a script that one of the box's includes, of its own or of those for all; nil
// where there is none of that name.
func (d *Desk) Include(ctx context.Context, box int64, global bool, name string) (*sieve.Script, error) {
	if global {
		return d.global(name)
	}
	d.mu.RLock()
	revision := d.active[box].revision
	d.mu.RUnlock()
	return d.cache.get(key{box, revision, name}, func() (string, error) { return d.content(ctx, box, name) })
}

// content reads a script's text.
func (d *Desk) content(ctx context.Context, box int64, name string) (string, error) {
	s, err := d.c.Rows.Script(ctx, box, name)
	return s.Content, err
}

// Folders returns a box's folders.
func (d *Desk) Folders(ctx context.Context, box int64) ([]mailbox.Folder, error) {
	return d.c.Folders.Folders(ctx, box)
}

// Recalls reports whether a box remembers an identity.
func (d *Desk) Recalls(ctx context.Context, box int64, id string, now time.Time) (bool, error) {
	return d.c.Rows.Recalls(ctx, box, id, now)
}

// Scripts implements mailbox.Scripts.
func (d *Desk) Scripts(ctx context.Context, box int64) ([]mailbox.Script, error) {
	return d.c.Rows.Scripts(ctx, box)
}

// Script implements mailbox.Scripts.
func (d *Desk) Script(ctx context.Context, box int64, name string) (mailbox.Script, error) {
	return d.c.Rows.Script(ctx, box, name)
}

// PutScript implements mailbox.Scripts.
func (d *Desk) PutScript(ctx context.Context, box int64, s mailbox.Script) error {
	return d.changed(ctx, d.c.Rows.PutScript(ctx, box, s))
}

// DeleteScript implements mailbox.Scripts.
func (d *Desk) DeleteScript(ctx context.Context, box int64, name string) error {
	return d.changed(ctx, d.c.Rows.DeleteScript(ctx, box, name))
}

// RenameScript implements mailbox.Scripts.
func (d *Desk) RenameScript(ctx context.Context, box int64, from, to string) error {
	return d.changed(ctx, d.c.Rows.RenameScript(ctx, box, from, to))
}

// ActivateScript implements mailbox.Scripts.
func (d *Desk) ActivateScript(ctx context.Context, box int64, name string) error {
	return d.changed(ctx, d.c.Rows.ActivateScript(ctx, box, name))
}

// Together implements mailbox.ScriptChanges.
func (d *Desk) Together(ctx context.Context, box int64, f func(mailbox.Scripts) error) error {
	return d.changed(ctx, d.c.Rows.Together(ctx, box, f))
}

// changed has a change count here at once. Where that fails it is stored all the same, and counts
// with the next second.
func (d *Desk) changed(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	if err := d.Refresh(ctx); err != nil {
		d.c.Log.Warn("changes of scripts not read", "error", err)
	}
	return nil
}
