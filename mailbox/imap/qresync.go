package imap

import (
	"context"
	"slices"
	"strconv"

	"gatepost/mailbox"
)

// QRESYNC (RFC 7162 §3.2): a client that was here before hears what changed since, and
// removals are told by UID.

// A resync is what a client knows of a folder that it opens (RFC 7162 §3.2.5).
type resync struct {
	uidValidity uint32
	modseq      mailbox.ModSeq
	uids        numberSet // without ranges: all that there ever were
	// The client knew these numbers to be of these UIDs: of each a sample.
	numbers, ids []uint32
}

// maxMatches bounds the sample of message sequence match data.
const maxMatches = 10_000

// resync reads (67890007 715194045007 41,43:211 (1,10,20 3,27,41)).
func (r *request) resync() *resync {
	k := &resync{}
	r.space()
	r.expect('(')
	k.uidValidity = r.number32()
	r.space()
	k.modseq = mailbox.ModSeq(r.number())
	if k.uidValidity == 0 || k.modseq == 0 {
		r.fail("UIDVALIDITY and MODSEQ are above 0")
	}
	for more := r.take(' '); more && r.err == nil; more = r.take(' ') {
		if r.peek() != '(' {
			if k.uids = r.knownNumbers(); len(k.numbers) > 0 {
				r.fail("Unexpected set")
			}
			continue
		}
		r.expect('(')
		k.numbers = r.ascending()
		r.space()
		k.ids = r.ascending()
		if len(k.numbers) != len(k.ids) {
			r.fail("As many sequence numbers as UIDs are expected")
		}
		r.expect(')')
		break
	}
	r.expect(')')
	return k
}

// knownNumbers reads a set without "*" and "$" (RFC 7162 §7, known-uids).
func (p *parser) knownNumbers() numberSet {
	set := p.numbers()
	if set.saved || slices.ContainsFunc(set.ranges, func(r numberRange) bool { return r.a == 0 || r.b == 0 }) {
		p.fail("Expected numbers")
	}
	return set
}

// ascending reads a set whose numbers rise, and returns them one by one.
func (p *parser) ascending() (list []uint32) {
	for _, r := range p.knownNumbers().ranges {
		for n := int64(r.a); n <= int64(r.b); n++ {
			if len(list) > 0 && int64(list[len(list)-1]) >= n || len(list) == maxMatches {
				p.fail("Expected rising numbers, %d at most", maxMatches)
				return nil
			}
			list = append(list, uint32(n))
		}
		if r.a > r.b {
			p.fail("Expected rising numbers")
		}
	}
	return list
}

// resync tells what happened since the client was here (RFC 7162 §3.2.5.1).
func (c *conn) resync(ctx context.Context, k *resync) error {
	v := c.view
	if k.uidValidity != v.folder.UIDValidity || v.folder.UIDNext == 1 {
		return nil
	}
	d, err := c.srv.Store.Gone(ctx, v.folder.ID, k.modseq)
	if err != nil {
		return err
	}
	if len(k.uids.ranges) == 0 {
		k.uids.ranges = []numberRange{{1, uint32(v.folder.UIDNext - 1)}}
	}
	spans, err := v.resolve(k.uids, true)
	if err != nil {
		return err
	}
	if d.Forgot {
		k.uids.ranges = above32(k.uids.ranges, v.matched(k))
	}
	c.vanishedEarlier(d, k.uids)
	if d.HighestModSeq <= k.modseq {
		return nil
	}
	return c.tellChanged(ctx, k.modseq, spans)
}

// resyncPage is how many changes of a resynchronization are in memory at once.
const resyncPage = 4096

// tellChanged tells what changed after a ModSeq, of a part of the folder, a page after the other. What
// changed since the folder was opened is told as news, later: a MODSEQ beyond what was told of the
// folder would hide what else happened meanwhile.
func (c *conn) tellChanged(ctx context.Context, after mailbox.ModSeq, spans []span) error {
	v := c.view
	for from := mailbox.UID(1); ; {
		page, err := c.srv.Store.Changed(ctx, v.folder.ID, after, from, resyncPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			if i, ok := v.find(e.UID); ok && e.ModSeq <= v.modseq && contains(spans, i) {
				c.news(i, e.ModSeq)
			}
		}
		if len(page) < resyncPage {
			return nil
		}
		from = page[len(page)-1].UID + 1
	}
}

// matched returns the UID up to which nothing is missing from the client's knowledge: a message
// that is where it knew it to be has the same messages below as then (RFC 7162 §3.2.5.2).
func (v *view) matched(k *resync) (u uint32) {
	for i, n := range k.numbers {
		if int64(n) <= int64(v.told) && v.entries[n-1].uid == mailbox.UID(k.ids[i]) {
			u = k.ids[i]
		}
	}
	return u
}

// above32 leaves of ranges what is above u. "*" is not in them.
func above32(ranges []numberRange, u uint32) (rest []numberRange) {
	for _, r := range ranges {
		if high := max(r.a, r.b); high > u {
			rest = append(rest, numberRange{max(min(r.a, r.b), u+1), high})
		}
	}
	return rest
}

// vanishedEarlier tells which of a set of UIDs are gone. Those that the view still holds are not
// among them: they are told as news, which change the numbers of others (RFC 7162 §3.2.10.2).
func (c *conn) vanishedEarlier(d mailbox.Delta, asked numberSet) {
	set := c.view.asUIDs(asked, d.UIDNext)
	var gone mailbox.UIDSet
	if d.Forgot {
		gone = without(set, d.Present)
	} else {
		for _, u := range d.Expunged {
			if set.Contains(u) {
				gone = gone.Add(u)
			}
		}
	}
	gone = without(gone, c.view.held())
	c.vanished(" (EARLIER)", gone)
}

// asUIDs returns a set of UIDs as it was written, whether they are there or not, in order and below
// next.
func (v *view) asUIDs(set numberSet, next mailbox.UID) (uids mailbox.UIDSet) {
	if set.saved {
		return v.saved
	}
	highest := uint32(v.last())
	for _, r := range set.ranges {
		if r.a == 0 {
			r.a = highest
		}
		if r.b == 0 {
			r.b = highest
		}
		if low, high := min(r.a, r.b), max(r.a, r.b); high > 0 {
			uids = append(uids, mailbox.Range{First: mailbox.UID(max(low, 1)), Last: mailbox.UID(min(high, uint32(next-1)))})
		}
	}
	slices.SortFunc(uids, func(a, b mailbox.Range) int { return int(int64(a.First) - int64(b.First)) })
	merged := uids[:0]
	for _, r := range uids {
		switch n := len(merged); {
		case r.First > r.Last:
		case n > 0 && int64(r.First) <= int64(merged[n-1].Last)+1:
			merged[n-1].Last = max(merged[n-1].Last, r.Last)
		default:
			merged = append(merged, r)
		}
	}
	return merged
}

// held are the UIDs in the view.
func (v *view) held() (set mailbox.UIDSet) {
	for _, e := range v.entries {
		set = set.Add(e.uid)
	}
	return set
}

// without returns what is in a and not in b.
func without(a, b mailbox.UIDSet) (rest mailbox.UIDSet) {
	for _, r := range a {
		for len(b) > 0 && b[0].Last < r.First {
			b = b[1:]
		}
		next := int64(r.First)
		for _, cut := range b {
			if cut.First > r.Last {
				break
			}
			if int64(cut.First) > next {
				rest = append(rest, mailbox.Range{First: mailbox.UID(next), Last: cut.First - 1})
			}
			next = int64(cut.Last) + 1
		}
		if next <= int64(r.Last) {
			rest = append(rest, mailbox.Range{First: mailbox.UID(next), Last: r.Last})
		}
	}
	return rest
}

// maxVanished is how many ranges go into one response: clients read lines of bounded length.
const maxVanished = 500

// vanished appends VANISHED responses (RFC 7162 §3.2.10).
func (c *conn) vanished(tag string, gone mailbox.UIDSet) {
	for part := range slices.Chunk(gone, maxVanished) {
		c.out.text("* VANISHED", tag, " ")
		c.out.b = mailbox.UIDSet(part).Append(c.out.b)
		c.out.text("\r\n")
		c.out.flushIfFull()
	}
}

// tellVanished tells what is gone of what the client was told of.
func (c *conn) tellVanished() {
	v := c.view
	var gone mailbox.UIDSet
	for _, e := range v.entries[:v.told] {
		if e.gone {
			gone = gone.Add(e.uid)
		}
	}
	v.told -= int(gone.Count())
	c.vanished("", gone)
}

// tellSafe says up to where the client knows all while expunges wait to be told, else it would go
// by the highest MODSEQ that it saw (RFC 7162 §6).
func (c *conn) tellSafe() {
	if c.qresync && c.view.gone > 0 {
		c.out.untagged("OK [HIGHESTMODSEQ ", strconv.FormatInt(int64(c.view.safe), 10), "] Expunges are still to be told")
	}
}

// withModSeq is the OK of a command that removed messages (RFC 7162 §3.2.7).
func (c *conn) withModSeq() reply {
	if !c.qresync || c.view == nil || c.view.gone > 0 {
		return reply{}
	}
	return reply{code: "HIGHESTMODSEQ " + strconv.FormatInt(int64(c.view.modseq), 10)}
}
