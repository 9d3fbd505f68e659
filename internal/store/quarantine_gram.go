package store

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
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

// buckets is how many rows the grams of a block are in.
const buckets = 512

// bucket is where a gram is kept.
func (g gram) bucket() uint32 { return uint32(g) * 2654435761 >> 23 } // Knuth's multiplicative hash, 9 bits

// A posting says that a group of a block has a gram. They sort by bucket, gram, group.
type posting uint64

func newPosting(g gram, group int) posting {
	return posting(uint64(g.bucket())<<48 | uint64(g)<<16 | uint64(group))
}

func (p posting) bucket() uint32 { return uint32(p >> 48) }
func (p posting) gram() gram     { return gram(p >> 16) }
func (p posting) group() int     { return int(p & 0xffff) }

// maxGroups bounds a block's groups.
const maxGroups = 1 << 16

// encodeBucket writes the postings of one bucket, in order: for each gram, the difference
// to the one before, the length of what follows, and its groups, each as the difference to the
// one before; or, where that is shorter, an empty octet and a bit for each group.
func encodeBucket(list []posting, groups int) []byte {
	var out, set []byte
	before := gram(0)
	for len(list) > 0 {
		g := list[0].gram()
		n := 1
		for n < len(list) && list[n].gram() == g {
			n++
		}
		set = encodeGroups(set[:0], list[:n], groups)
		out = binary.AppendUvarint(out, uint64(g-before))
		out = binary.AppendUvarint(out, uint64(len(set)))
		out = append(out, set...)
		before, list = g, list[n:]
	}
	return out
}

func encodeGroups(set []byte, list []posting, groups int) []byte {
	at := -1
	for _, p := range list {
		set = binary.AppendUvarint(set, uint64(p.group()-at))
		at = p.group()
	}
	if whole := 1 + (groups+7)/8; len(set) > whole {
		set = append(set[:0], make([]byte, whole)...)
		for _, p := range list {
			set[1+p.group()/8] |= 1 << (p.group() % 8)
		}
	}
	return set
}

var errGrams = errors.New("the grams of held messages are damaged")

// A groupSet is a set of a block's groups, a bit each.
type groupSet []byte

func newGroupSet(groups int) groupSet { return make(groupSet, (groups+7)/8) }

func (s groupSet) has(group int) bool { return s[group/8]&(1<<(group%8)) != 0 }

func (s groupSet) empty() bool {
	for _, b := range s {
		if b != 0 {
			return false
		}
	}
	return true
}

// groupsOf returns which of a block's groups have g, by its bucket.
func groupsOf(bucket []byte, g gram, groups int) (groupSet, error) {
	set := newGroupSet(groups)
	for at := gram(0); len(bucket) > 0; {
		step, n := binary.Uvarint(bucket)
		size, m := binary.Uvarint(bucket[max(n, 0):])
		if n <= 0 || m <= 0 || size > uint64(len(bucket)-n-m) {
			return nil, errGrams
		}
		at += gram(step)
		body := bucket[n+m:][:size]
		if at == g {
			return set, set.decode(body, groups)
		}
		if at > g {
			break
		}
		bucket = bucket[n+m:][size:]
	}
	return set, nil
}

func (s groupSet) decode(body []byte, groups int) error {
	if len(body) == len(s)+1 && body[0] == 0 {
		copy(s, body[1:])
		return nil
	}
	for at := -1; len(body) > 0; {
		step, n := binary.Uvarint(body)
		if n <= 0 || step == 0 || step > uint64(groups-1-at) {
			return errGrams
		}
		at += int(step)
		s[at/8] |= 1 << (at % 8)
		body = body[n:]
	}
	return nil
}

// and keeps what is in both.
func (s groupSet) and(other groupSet) {
	for i := range s {
		s[i] &= other[i]
	}
}

// or takes in what is in the other.
func (s groupSet) or(other groupSet) {
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
