package imap

import (
	"context"
	"slices"
	"time"
	"unique"

	"gatepost/mailbox"
)

// setMany is setFlags for what may be more than storeBatch messages; ok is false, and nothing is done, where
// they have to be changed by so many at a time.
func (c *conn) setMany(ctx context.Context, spans []span, change mailbox.FlagChange) (done mailbox.Stored, others mailbox.UIDSet, ok bool, err error) {
	set := c.view.uids(spans)
	if width(spans) <= storeBatch {
		done, others, err = c.setFlags(ctx, set, change)
		return done, others, true, err
	}
	if done, ok, err = c.setPlanned(ctx, set, change); ok {
		c.remember()
	}
	return done, nil, ok, err
}

// remember has the server remember the view, which is all that the folder is: else who selects it next
// reads what was changed here.
func (c *conn) remember() {
	v := c.view
	untold := func(e entry) bool { return e.flags == untoldFlags }
	if len(v.entries) <= c.limits.Eager || slices.ContainsFunc(v.entries, untold) {
		return
	}
	now := view{entries: slices.Clone(v.entries)}
	now.compact()
	c.srv.remembered.keep(v.folder.ID, snapshot{v.modseq, now.entries})
}

// setFlags changes flags in the store and then in the view. Others are the messages
// whose flags are not what the change alone would have made of those in the view.
func (c *conn) setFlags(ctx context.Context, set mailbox.UIDSet, change mailbox.FlagChange) (done mailbox.Stored, others mailbox.UIDSet, err error) {
	if done, ok, err := c.setPlanned(ctx, set, change); ok || err != nil {
		return done, nil, err
	}
	v := c.view
	done, err = c.srv.Store.SetFlags(ctx, v.folder.ID, set, change)
	for _, e := range done.Entries {
		h := unique.Make(e.Flags)
		if v.learn(h) {
			c.flags()
		}
		if i, ok := v.find(e.UID); ok {
			if want, aerr := change.Apply(v.entries[i].flags.Value()); aerr != nil || want != e.Flags {
				others = others.Add(e.UID)
			}
			v.entries[i].flags = h
		}
	}
	if done.Before == v.modseq { // else others' changes are still to be told
		v.modseq = done.After
	}
	if done.After != done.Before {
		c.changed()
	}
	return done, others, err
}

// setPlanned is setFlags where the view tells what comes of the change, and is what the folder is:
// then the store reads nothing, and there is no news to ask for. Else ok is false.
func (c *conn) setPlanned(ctx context.Context, set mailbox.UIDSet, change mailbox.FlagChange) (done mailbox.Stored, ok bool, err error) {
	v := c.view
	p := planner{FlagPlan: mailbox.FlagPlan{At: v.modseq}, change: change, seqs: c.condstore, known: map[flagsHandle]flagsHandle{}}
	spans := v.places(set)
	if change.Guarded || !p.plan(v.entries, spans) {
		return done, false, nil
	}
	done.Before = v.modseq
	if done.After, ok, err = c.srv.Store.SetPlanned(ctx, v.folder.ID, p.FlagPlan); !ok || err != nil {
		return done, false, err
	}
	done.Entries = make([]mailbox.Entry, 0, p.there)
	for _, s := range spans {
		for i := s.first; i < s.end; i++ {
			e := &v.entries[i]
			if e.gone {
				continue
			}
			e.flags = p.known[e.flags]
			done.Entries = append(done.Entries, mailbox.Entry{UID: e.uid, ModSeq: done.After, Flags: e.flags.Value()})
		}
	}
	for _, to := range p.known {
		if v.learn(to) {
			c.flags()
		}
	}
	v.modseq = done.After
	c.changedByPlan()
	return done, true, nil
}

// changedByPlan is changed where the view has all that there is to know of what is selected.
func (c *conn) changedByPlan() {
	if c.watch != nil { // other folders are watched, too
		c.changed()
		return
	}
	c.asked = time.Now()
	c.srv.Changes.NotifyOthers(c.box, c.hints)
	if c.foreign() {
		c.srv.Changes.NotifyOthers(c.view.folder.Box, c.hints)
	}
}

type flagsHandle = unique.Handle[mailbox.Flags]

// A planner works out a change by a view.
type planner struct {
	mailbox.FlagPlan
	change mailbox.FlagChange
	seqs   bool                        // the MODSEQ of what stays as it is has to be told
	known  map[flagsHandle]flagsHandle // what flags become
	there  int                         // messages that are asked for and are there
}

// plan is false where the view does not tell what the store has to do.
func (p *planner) plan(entries []entry, spans []span) bool {
	for _, s := range spans {
		beside := false
		for _, e := range entries[s.first:s.end] {
			if e.gone {
				continue
			}
			to, ok := p.becomes(e.flags)
			if !ok || p.seqs && to == e.flags {
				return false
			}
			if p.there++; to == e.flags {
				beside = false
				continue
			}
			p.Put(e.uid, e.flags.Value(), to.Value(), beside)
			beside = true
		}
	}
	return p.Messages > 0 // else a flag may have been changed by others, and is to be changed back
}

func (p *planner) becomes(from flagsHandle) (to flagsHandle, ok bool) {
	if to, ok = p.known[from]; ok {
		return to, true
	}
	flags, err := p.change.Apply(from.Value())
	if err != nil || from == untoldFlags {
		return to, false
	}
	to = unique.Make(flags)
	p.known[from] = to
	return to, true
}
