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
	c.condstore = c.condstore || change.Guarded
	set := c.view.uids(spans)
	asked := set.Count()
	done, err := c.setFlags(ctx, set, change)
	if !silent || c.condstore {
		c.tellStored(done, r.uid, silent)
	}
	if err != nil {
		return reply{}, err
	}
	return c.stored(done, asked, r.uid)
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

// tellStored tells the flags of what was stored; silently only its MODSEQ.
func (c *conn) tellStored(done mailbox.Stored, uid, silent bool) {
	for _, e := range done.Entries {
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

// stored makes the tagged response: what a guard left alone is named
// (RFC 7162 §3.1.3), what is gone is hinted at.
func (c *conn) stored(done mailbox.Stored, asked int64, uid bool) (reply, error) {
	switch {
	case len(done.Failed) > 0:
		failed := done.Failed
		if !uid {
			failed = c.view.sequence(failed)
		}
		return reply{code: "MODIFIED " + failed.String(), text: "Conditional STORE failed for some"}, nil
	case asked > 0 && len(done.Entries) == 0:
		return reply{"NO", "EXPUNGEISSUED", "These messages were expunged meanwhile"}, nil
	}
	return reply{}, nil
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
