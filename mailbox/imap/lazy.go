package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unique"

	"gatepost/mailbox"
)

// A large folder's UIDs and flags are not read when it is selected: all that SELECT tells of it
// is in one row, however many messages there are. They are read for the first command that
// needs them, or when something changed, and then made to be what they were when the folder
// was selected, but for flags: the client has heard of none yet. What SELECT leaves out then
// is UNSEEN, which it may (RFC 3501 §6.3.1), and FLAGS names keywords once they are read.
//
// Of large folders that were read the server remembers UIDs and flags, and asks the store only
// what came since.

// survey reads the folder into the view, or leaves that for later, and returns the number of
// the first unseen message where it is known.
func (c *conn) survey(ctx context.Context, v *view, f mailbox.Folder) (unseen int, err error) {
	if f.Messages > int64(c.limits.Eager) && f.Use != mailbox.Quarantine {
		v.folder, v.lazy = f, true
		v.modseq, v.told = f.HighestModSeq, int(f.Messages)
		return 0, nil
	}
	v.entries = make([]entry, 0, f.Messages)
	v.folder, err = c.srv.Store.Index(ctx, f.ID, func(e mailbox.Entry) {
		if v.add(e); unseen == 0 && e.Flags.System&mailbox.Seen == 0 {
			unseen = len(v.entries)
		}
	})
	v.modseq, v.told = v.folder.HighestModSeq, len(v.entries)
	return unseen, err
}

// lastTold returns a UID above which are only messages that the client was not told of.
func (v *view) lastTold() mailbox.UID {
	switch {
	case v.told == 0:
		return 0
	case v.lazy:
		return v.folder.UIDNext - 1
	}
	return v.entries[v.told-1].uid
}

// errOutOfStep: what the store has can't be what the client was told.
var errOutOfStep = errors.New("imap: the folder is not what it was when it was selected")

// untoldFlags stand in a view where the client has to be told of the flags.
var untoldFlags = unique.Make(mailbox.Flags{Keywords: "\x00"})

// load reads what survey has left, and tells what changed since the folder was selected.
func (c *conn) load(ctx context.Context) error {
	v := c.view
	if v == nil || !v.lazy {
		return nil
	}
	all, err := c.srv.remembered.read(ctx, c.srv.Store, v.folder.ID)
	if err != nil {
		return err
	}
	// Asked later than all was read: what is neither in all nor expunged here never was.
	d, err := c.srv.Store.Since(ctx, v.folder.ID, v.modseq)
	if err != nil {
		return err
	}
	if err := v.fill(all, d); err != nil {
		c.out.untagged("BYE [UNAVAILABLE] The mailbox changed too much, select it again")
		c.closing = true
		c.unselect()
		return err
	}
	fresh := false
	for _, e := range v.entries {
		fresh = e.flags != untoldFlags && v.learn(e.flags) || fresh
	}
	if fresh {
		c.flags()
	}
	c.apply(d)
	return nil
}

// fill makes the entries what they were when the folder was selected, by what they are now and
// what came since.
func (v *view) fill(all []entry, d mailbox.Delta) error {
	known := func(u mailbox.UID) bool { return u < v.folder.UIDNext }
	entries := make([]entry, 0, v.told)
	gone := d.Expunged
	for _, e := range all {
		if !known(e.uid) {
			break
		}
		for len(gone) > 0 && gone[0] <= e.uid {
			if gone[0] < e.uid {
				entries = append(entries, entry{uid: gone[0], flags: untoldFlags})
			}
			gone = gone[1:]
		}
		entries = append(entries, e)
	}
	for _, u := range gone {
		if known(u) && (len(entries) == 0 || entries[len(entries)-1].uid < u) {
			entries = append(entries, entry{uid: u, flags: untoldFlags})
		}
	}
	if d.Forgot || len(entries) != v.told {
		return fmt.Errorf("%w: %d messages, %d told", errOutOfStep, len(entries), v.told)
	}
	v.entries, v.lazy = entries, false
	for _, e := range d.Changed {
		if i, ok := v.find(e.UID); ok {
			v.entries[i].flags = untoldFlags
		}
	}
	return nil
}

// maxRemembered bounds the entries of all folders that a server remembers: 64 MiB.
const maxRemembered = 4 << 20

// A recollection keeps UIDs and flags of folders as they were at some ModSeq. The store has the
// truth: what is remembered is brought up to date by it each time.
type recollection struct {
	mu      sync.Mutex
	folders map[int64]snapshot
	order   []int64 // the one that was used last is the last
	size    int     // entries
}

// A snapshot is never changed.
type snapshot struct {
	modseq  mailbox.ModSeq
	entries []entry
}

// read returns the entries of a folder as they are now; they are not to be changed.
func (m *recollection) read(ctx context.Context, store Store, folder int64) ([]entry, error) {
	if old, ok := m.recall(folder); ok {
		d, err := store.Since(ctx, folder, old.modseq)
		if err != nil {
			return nil, err
		}
		if d.HighestModSeq <= old.modseq {
			return old.entries, nil
		}
		if now := old.after(d); !d.Forgot && int64(len(now.entries)) == d.Messages {
			m.keep(folder, now)
			return now.entries, nil
		}
	}
	var now snapshot
	f, err := store.Index(ctx, folder, func(e mailbox.Entry) {
		now.entries = append(now.entries, entry{uid: e.UID, flags: unique.Make(e.Flags)})
	})
	if err != nil {
		return nil, err
	}
	now.modseq = f.HighestModSeq
	m.keep(folder, now)
	return now.entries, nil
}

// after is the snapshot with what came since.
func (s snapshot) after(d mailbox.Delta) snapshot {
	v := view{entries: slices.Clone(s.entries)}
	for _, u := range d.Expunged {
		v.lose(u)
	}
	for _, e := range d.Changed {
		h := unique.Make(e.Flags)
		if i, ok := v.find(e.UID); ok {
			v.entries[i].flags = h
		} else if e.UID > v.last() {
			v.entries = append(v.entries, entry{uid: e.UID, flags: h})
		}
	}
	v.compact()
	return snapshot{d.HighestModSeq, v.entries}
}

func (m *recollection) recall(folder int64) (snapshot, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.folders[folder]
	if ok {
		m.use(folder)
	}
	return s, ok
}

func (m *recollection) use(folder int64) {
	m.order = append(slices.DeleteFunc(m.order, func(id int64) bool { return id == folder }), folder)
}

// keep remembers a snapshot, unless a later one is known, and forgets what was not used for
// longest.
func (m *recollection) keep(folder int64, s snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.folders[folder]
	if ok && old.modseq > s.modseq || len(s.entries) > maxRemembered {
		return
	}
	if m.folders == nil {
		m.folders = map[int64]snapshot{}
	}
	m.folders[folder] = s
	m.size += len(s.entries) - len(old.entries)
	m.use(folder)
	for m.size > maxRemembered {
		first := m.order[0]
		m.size -= len(m.folders[first].entries)
		delete(m.folders, first)
		m.order = m.order[1:]
	}
}
