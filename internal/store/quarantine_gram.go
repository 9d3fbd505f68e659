package store

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"gatepost/quarantine"
)

// A gram is something that a held message has: three octets in a row of its texts, or a
// whole value, such as its domain.
type gram uint32

// What grams are of. Those of texts have the three octets in the low bits.
const (
	gramText   gram = 0       // in subject, sender or author
	gramReason gram = 1 << 24 // in the reason
	gramValue  gram = 1 << 31 // a hash of a name and its value
)

// valueGram is the gram of a whole value.
func valueGram(name, value string) gram {
	h := fnv.New32a()
	h.Write([]byte(name))
	h.Write([]byte{0})
	h.Write([]byte(value))
	return gramValue | gram(h.Sum32()>>1)
}

// textGrams adds the grams of a text, which is in lower case already.
func textGrams(list []gram, kind gram, text string) []gram {
	for i := range max(len(text)-2, 0) {
		list = append(list, kind|gram(text[i])<<16|gram(text[i+1])<<8|gram(text[i+2]))
	}
	return list
}

// A gramRow is what grams are made of.
type gramRow struct {
	time, box                                 int64
	guarded                                   int64
	recipient, domain, sender, client, filter string // in lower case where they have one,
	subject, author, reason                   string // as here
}

// grams adds all that a row has.
func (r *gramRow) grams(list []gram) []gram {
	list = append(list, valueGram("recipient", r.recipient), valueGram("domain", r.domain), valueGram("sender", r.sender),
		valueGram("client", r.client), valueGram("filter", r.filter), valueGram("box", strconv.FormatInt(r.box, 10)))
	if r.guarded > 0 {
		list = append(list, valueGram("guarded", ""))
	}
	for _, text := range [...]string{r.subject, r.sender, r.author} {
		list = textGrams(list, gramText, text)
	}
	return textGrams(list, gramReason, r.reason)
}

// maxGrams bounds what one search looks for: the more it has, the fewer rows it leaves,
// but the last ones leave hardly fewer than the first. maxAnyOf bounds how many values one
// of them may be of.
const (
	maxGrams = 12
	maxAnyOf = 16
)

// wantedGrams is what every row has that q asks for: of each of the lists one.
func wantedGrams(q quarantine.Query) (list [][]gram) {
	add := func(is bool, name, value string) {
		if is {
			list = append(list, []gram{valueGram(name, value)})
		}
	}
	add(q.Sender != "", "sender", string(q.Sender.Fold()))
	add(q.NullOnly, "sender", "")
	add(q.Guarded, "guarded", "")
	add(q.Recipient != "", "recipient", string(q.Recipient.Fold()))
	add(q.Box != 0, "box", strconv.FormatInt(q.Box, 10))
	add(q.Client.IsValid(), "client", clientText(q.Client))
	add(q.Domain != "", "domain", q.Domain)
	texts := textGrams(nil, gramText, strings.ToLower(q.Subject))
	texts = textGrams(texts, gramText, strings.ToLower(q.Text))
	texts = textGrams(texts, gramReason, strings.ToLower(q.Reason))
	for _, g := range spread(texts, maxGrams-len(list)) {
		list = append(list, []gram{g})
	}
	add(q.Filter != "", "filter", q.Filter)
	if n := len(q.Domains); n > 0 && n <= maxAnyOf {
		var either []gram
		for _, d := range q.Domains {
			either = append(either, valueGram("domain", d))
		}
		list = append(list, either)
	}
	return list
}

// spread is n of a list, from all over it.
func spread(list []gram, n int) []gram {
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) <= n {
		return list
	}
	some := make([]gram, n)
	for i := range some {
		some[i] = list[i*len(list)/n]
	}
	return some
}

// place is where a gram stands among the others: Knuth's multiplicative hash, which no two
// grams share.
func (g gram) place() uint32 { return uint32(g) * 2654435761 }

// bucketBits is how many bits of a place say which bucket of a block a gram is in. A bucket is
// a row; a search reads one for each gram and block, so that it must be small.
func bucketBits(level int) int {
	if level == 0 {
		return 7
	}
	return 13
}

// A posting says that a row of a block has a gram. They sort by the gram's place, then the slot.
type posting uint64

// A slot is the place of a row in a block. Each group has as many as it has rows, but the
// last rows of a group that is longer share one.
const (
	groupSlots = groupRows
	slotBits   = 19
	maxGroups  = 1 << slotBits / groupSlots
)

func newPosting(g gram, slot int) posting { return posting(uint64(g.place())<<slotBits | uint64(slot)) }

func (p posting) place() uint32 { return uint32(p >> slotBits) }
func (p posting) slot() int     { return int(p & (1<<slotBits - 1)) }

// encodeBucket writes the postings of one bucket, in order: for each gram, the difference
// of its place to the one before, the length of what follows, and its slots, each as the
// difference to the one before; or, where that is shorter, an empty octet and a bit for each slot.
func encodeBucket(list []posting, groups int) []byte {
	var out, set []byte
	before := uint32(0)
	for len(list) > 0 {
		at := list[0].place()
		n := 1
		for n < len(list) && list[n].place() == at {
			n++
		}
		set = encodeSlots(set[:0], list[:n], groups)
		out = binary.AppendUvarint(out, uint64(at-before))
		out = binary.AppendUvarint(out, uint64(len(set)))
		out = append(out, set...)
		before, list = at, list[n:]
	}
	return out
}

func encodeSlots(set []byte, list []posting, groups int) []byte {
	at := -1
	for _, p := range list {
		set = binary.AppendUvarint(set, uint64(p.slot()-at))
		at = p.slot()
	}
	if whole := 1 + groups; len(set) > whole {
		set = append(set[:0], make([]byte, whole)...)
		for _, p := range list {
			set[1+p.slot()/groupSlots] |= 1 << (p.slot() % groupSlots)
		}
	}
	return set
}

var errGrams = errors.New("the grams of held messages are damaged")

// A slotSet is a set of a block's slots, a bit each: an octet is a group.
type slotSet []byte

// has reports whether any row of a group is in the set.
func (s slotSet) has(group int) bool { return s[group] != 0 }

// count is how many slots are in the set.
func (s slotSet) count() (n int) {
	at := 0
	for ; at+8 <= len(s); at += 8 { // eight groups at once: there are many sets to count
		n += bits.OnesCount64(binary.LittleEndian.Uint64(s[at:]))
	}
	for _, b := range s[at:] {
		n += bits.OnesCount8(b)
	}
	return n
}

// groups is in how many groups the set has slots.
func (s slotSet) groups() (n int) {
	for _, b := range s {
		if b != 0 {
			n++
		}
	}
	return n
}

// slotsOf returns which of a block's slots have g, by its bucket; nil: none.
func slotsOf(bucket []byte, g gram, groups int) (slotSet, error) {
	for at := uint32(0); len(bucket) > 0; {
		step, n := binary.Uvarint(bucket)
		size, m := binary.Uvarint(bucket[max(n, 0):])
		if n <= 0 || m <= 0 || size > uint64(len(bucket)-n-m) {
			return nil, errGrams
		}
		at += uint32(step)
		body := bucket[n+m:][:size]
		if at == g.place() {
			set := make(slotSet, groups)
			return set, set.decode(body)
		}
		if at > g.place() {
			break
		}
		bucket = bucket[n+m:][size:]
	}
	return nil, nil
}

func (s slotSet) decode(body []byte) error {
	if len(body) == len(s)+1 && body[0] == 0 {
		copy(s, body[1:])
		return nil
	}
	for at := -1; len(body) > 0; {
		step, n := binary.Uvarint(body)
		if n <= 0 || step == 0 || step > uint64(len(s)*groupSlots-1-at) {
			return errGrams
		}
		at += int(step)
		s[at/groupSlots] |= 1 << (at % groupSlots)
		body = body[n:]
	}
	return nil
}

// and keeps what is in both, and returns how many slots those are.
func (s slotSet) and(other slotSet) (n int) {
	at := 0
	for ; at+8 <= len(s); at += 8 {
		both := binary.LittleEndian.Uint64(s[at:]) & binary.LittleEndian.Uint64(other[at:])
		binary.LittleEndian.PutUint64(s[at:], both)
		n += bits.OnesCount64(both)
	}
	for ; at < len(s); at++ {
		s[at] &= other[at]
		n += bits.OnesCount8(s[at])
	}
	return n
}

// or takes in what is in the other.
func (s slotSet) or(other slotSet) {
	for i := range s {
		s[i] |= other[i]
	}
}

// encodeMarks writes times that grow.
func encodeMarks(marks []int64) []byte {
	var out []byte
	before := int64(0)
	for _, m := range marks {
		out = binary.AppendVarint(out, m-before)
		before = m
	}
	return out
}

func decodeMarks(b []byte) (marks []int64, err error) {
	for at := int64(0); len(b) > 0; {
		step, n := binary.Varint(b)
		if n <= 0 || len(marks) == maxGroups {
			return nil, errGrams
		}
		at += step
		marks, b = append(marks, at), b[n:]
	}
	return marks, nil
}
