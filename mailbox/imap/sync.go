package imap

import (
	"context"
	"errors"
	"strconv"
	"time"
	"unique"

	"gatepost/mailbox"
)

// staleAfter is how long a session goes without asking the store, hint or not.
const staleAfter = time.Second

// sync tells the client what others did in the selected folder. Expunges wait
// where the command at hand is numbered. Without must, the store is asked only
// after a hint or when the last time is long ago.
func (c *conn) sync(ctx context.Context, expunges, must bool) error {
	if c.hinted() || must || time.Since(c.asked) > staleAfter {
		c.asked = time.Now()
		d, err := c.since(ctx)
		if errors.Is(err, mailbox.ErrNoFolder) {
			c.closed(err)
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case !c.view.lazy:
			c.apply(d)
		case d.HighestModSeq > c.view.modseq:
			if err := c.load(ctx); err != nil || c.view == nil {
				return err
			}
		}
	}
	if expunges {
		c.tellExpunges()
	}
	c.tellExists()
	c.tellSafe()
	return nil
}

func (c *conn) hinted() bool {
	select {
	case <-c.hints:
		return true
	default:
		return false
	}
}

// apply takes a delta into the view and tells of flags.
func (c *conn) apply(d mailbox.Delta) {
	v := c.view
	if v.gone == 0 {
		v.safe = v.modseq
	}
	for _, u := range d.Expunged {
		v.lose(u)
	}
	if d.Forgot {
		v.keep(d.Present)
	}
	for _, e := range d.Changed {
		h := unique.Make(e.Flags)
		fresh := v.learn(h)
		if fresh {
			c.flags()
		}
		if e.UID > v.last() {
			v.entries = append(v.entries, entry{uid: e.UID, flags: h})
			continue
		}
		i, ok := v.find(e.UID)
		if !ok || v.entries[i].flags == h && !c.condstore {
			continue
		}
		if v.entries[i].flags = h; c.wantsFlags() {
			c.news(i, e.ModSeq)
		}
	}
	v.modseq = max(v.modseq, d.HighestModSeq)
}

// lose marks a message as expunged.
func (v *view) lose(u mailbox.UID) {
	if i, ok := v.find(u); ok && !v.entries[i].gone {
		v.entries[i].gone = true
		v.gone++
	}
}

// keep loses all that is not in the set. What came after the view's last is in neither.
func (v *view) keep(set mailbox.UIDSet) {
	for _, e := range v.entries {
		if !set.Contains(e.uid) {
			v.lose(e.uid)
		}
	}
}

// news tells the flags of the message at place i.
func (c *conn) news(i int, seq mailbox.ModSeq) {
	e := c.view.entries[i]
	c.out.text("* ", strconv.Itoa(i+1), " FETCH (UID ", strconv.Itoa(int(e.uid)), " FLAGS (")
	c.out.b = e.flags.Value().Append(c.out.b)
	c.out.text(")")
	if c.condstore {
		c.out.text(" MODSEQ (", strconv.FormatInt(int64(seq), 10), ")")
	}
	c.out.text(")\r\n")
	c.out.flushIfFull()
}

// tellExpunges tells what is gone, from the highest number down, so that each
// number is right when it is read, and takes it out of the view. What the client
// never heard of needs no telling.
func (c *conn) tellExpunges() {
	v := c.view
	switch {
	case v.gone == 0:
		return
	case c.qresync:
		c.tellVanished()
		v.compact()
		return
	}
	for i := len(v.entries) - 1; i >= 0; i-- {
		if v.entries[i].gone && i < v.told {
			c.out.untagged(strconv.Itoa(i+1), " EXPUNGE")
			c.out.flushIfFull()
			v.told--
		}
	}
	v.compact()
}

// compact takes the entries that are gone out.
func (v *view) compact() {
	kept := v.entries[:0]
	for _, e := range v.entries {
		if !e.gone {
			kept = append(kept, e)
		}
	}
	clear(v.entries[len(kept):])
	v.entries, v.gone = kept, 0
}

// tellExists tells the number of messages where it grew.
func (c *conn) tellExists() {
	if n := len(c.view.entries); n > c.view.told {
		c.out.untagged(strconv.Itoa(n), " EXISTS")
		c.view.told = n
	}
}

// flags tells which flags are in use, and that any keyword can be made.
func (c *conn) flags() {
	c.out.text(`* FLAGS (\Answered \Flagged \Deleted \Seen \Draft`)
	for _, k := range c.view.keywords {
		c.out.text(" ", k)
	}
	c.out.text(")\r\n")
	if c.view.readOnly {
		c.out.untagged("OK [PERMANENTFLAGS ()] Read-only")
		return
	}
	c.permanentFlags()
}
