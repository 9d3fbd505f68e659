package imap

import (
	"context"
	"strconv"

	"gatepost/mailbox"
)

var storeCommands = []command{
	{name: "STORE", states: selected, run: (*conn).store, numbered: true},
	{name: "UID STORE", states: selected, run: (*conn).store},
}

// store: RFC 9051 §6.4.6, with UNCHANGEDSINCE of RFC 7162 §3.1.3.
func (c *conn) store(ctx context.Context, r *request) (reply, error) {
	var change mailbox.FlagChange
	r.space()
	numbers := r.numbers()
	r.space()
	if r.peek() == '(' {
		r.list(func() { r.storeModifier(&change) })
		r.space()
	}
	silent := r.flagChange(&change)
	if err := r.end(); err != nil {
		return reply{}, err
	}
	spans, err := c.view.resolve(numbers, r.uid)
	if err != nil {
		return reply{}, err
	}
	if err := c.writable(); err != nil {
		return reply{}, err
	}
	if err := c.storable(&change); err != nil {
		return reply{}, err
	}
	c.condstore = c.condstore || change.Guarded
	var all stored
	batch := mailbox.MaxDense
	for len(spans) > 0 {
		front, rest := take(spans, batch)
		done, others, ok, err := c.setMany(ctx, front, change)
		if !ok && err == nil {
			batch = storeBatch
			continue
		}
		spans = rest
		c.tellStored(done, r.uid, func(u mailbox.UID) bool { return silent && !others.Contains(u) })
		if err != nil {
			return reply{}, err
		}
		all.add(done)
	}
	return all.reply(c.view, r.uid), nil
}

// storeBatch is how many messages are changed before the client hears of them, where the store does
// not take more at once.
const storeBatch = mailbox.MaxPlan

// stored is what came of a STORE.
type stored struct {
	asked  bool
	found  int
	failed mailbox.UIDSet // by the guard
}

func (s *stored) add(done mailbox.Stored) {
	s.asked = true
	s.found += len(done.Entries) + len(done.Failed)
	s.failed = append(s.failed, done.Failed...)
}

func (r *request) storeModifier(change *mailbox.FlagChange) {
	if r.word() != "UNCHANGEDSINCE" {
		r.fail("Unknown STORE modifier")
	}
	r.space()
	change.Guarded, change.UnchangedSince = true, mailbox.ModSeq(r.number())
}

// flagChange reads "+FLAGS.SILENT (\Deleted)"; the list may lack its parentheses.
func (r *request) flagChange(change *mailbox.FlagChange) (silent bool) {
	switch {
	case r.take('+'):
		change.How = mailbox.Add
	case r.take('-'):
		change.How = mailbox.Remove
	}
	switch name := r.word(); name {
	case "FLAGS":
	case "FLAGS.SILENT":
		silent = true
	default:
		r.fail("Unknown data item to store")
	}
	r.space()
	var names []string
	if r.peek() == '(' {
		names = r.flags()
	} else {
		for names = append(names, r.flag()); r.take(' '); {
			names = append(names, r.flag())
		}
	}
	if r.err == nil {
		if change.Flags, r.err = mailbox.ParseFlags(names); r.err != nil {
			r.b = nil
		}
	}
	return silent
}

// tellStored tells the flags of what was stored; silently only its MODSEQ, where that
// is wanted. What others did is never silent (RFC 9051 §6.4.6).
func (c *conn) tellStored(done mailbox.Stored, uid bool, silent func(mailbox.UID) bool) {
	for _, e := range done.Entries {
		silent := silent(e.UID)
		if silent && !c.condstore {
			continue
		}
		i, ok := c.view.find(e.UID)
		if !ok || i >= c.view.told {
			continue
		}
		c.out.text("* ", strconv.Itoa(i+1), " FETCH (")
		if uid || c.condstore {
			c.out.text("UID ", strconv.FormatUint(uint64(e.UID), 10), " ")
		}
		if !silent {
			c.out.text("FLAGS (")
			c.out.b = e.Flags.Append(c.out.b)
			c.out.text(") ")
		}
		if c.condstore {
			c.out.text("MODSEQ (", strconv.FormatInt(int64(e.ModSeq), 10), ") ")
		}
		c.out.closeList()
		c.out.flushIfFull()
	}
}

// reply makes the tagged response: what a guard left alone is named
// (RFC 7162 §3.1.3), what is gone is hinted at.
func (s *stored) reply(v *view, uid bool) reply {
	switch {
	case len(s.failed) > 0 && uid:
		return reply{code: "MODIFIED " + s.failed.String(), text: "Conditional STORE failed for some"}
	case len(s.failed) > 0:
		return reply{code: "MODIFIED " + v.sequence(s.failed).String(), text: "Conditional STORE failed for some"}
	case s.asked && s.found == 0:
		return reply{"NO", "EXPUNGEISSUED", "These messages were expunged meanwhile"}
	}
	return reply{}
}

// sequence turns UIDs into sequence numbers.
func (v *view) sequence(set mailbox.UIDSet) (numbers mailbox.UIDSet) {
	for _, s := range v.places(set) {
		for i := s.first; i < s.end; i++ {
			if set.Contains(v.entries[i].uid) {
				numbers = numbers.Add(mailbox.UID(i + 1))
			}
		}
	}
	return numbers
}
