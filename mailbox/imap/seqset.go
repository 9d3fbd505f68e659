package imap

import (
	"cmp"
	"slices"

	"gatepost/mailbox"
)

// A numberSet is a sequence-set as it was written (RFC 9051 §9): sequence
// numbers or UIDs. 0 stands for "*".
type numberSet struct {
	ranges []numberRange
	saved  bool // "$": the result that SEARCH saved
}

type numberRange struct{ a, b uint32 }

// numbers reads a sequence-set.
func (p *parser) numbers() (set numberSet) {
	if p.take('$') {
		return numberSet{saved: true}
	}
	for more := true; more && p.err == nil; more = p.take(',') {
		r := numberRange{a: p.setNumber()}
		if r.b = r.a; p.take(':') {
			r.b = p.setNumber()
		}
		set.ranges = append(set.ranges, r)
	}
	return set
}

func (p *parser) setNumber() uint32 {
	if p.take('*') {
		return 0
	}
	n := p.number32()
	if n == 0 {
		p.fail("0 is not a message number")
	}
	return n
}

// isNumberSet reports whether a sequence-set comes next.
func (p *parser) isNumberSet() bool {
	c := p.peek()
	return c == '*' || c == '$' || '1' <= c && c <= '9'
}

// resolve finds the places that set names, rising and without overlap. A sequence
// number beyond the last message is an error; a UID that is not there is not.
func (v *view) resolve(set numberSet, uid bool) ([]span, error) {
	if set.saved {
		return v.places(v.saved), nil
	}
	spans := make([]span, 0, len(set.ranges))
	for _, r := range set.ranges {
		s, err := v.resolveRange(r, uid)
		if err != nil {
			return nil, err
		}
		if s.first < s.end {
			spans = append(spans, s)
		}
	}
	return mergeSpans(spans), nil
}

func (v *view) resolveRange(r numberRange, uid bool) (span, error) {
	if v.told == 0 && (uid || r.a == 0 || r.b == 0) {
		return span{}, nil // "*" of an empty folder
	}
	star := uint32(v.told)
	if uid {
		star = uint32(v.entries[v.told-1].uid)
	}
	r.a, r.b = cmp.Or(r.a, star), cmp.Or(r.b, star)
	low, high := min(r.a, r.b), max(r.a, r.b)
	if !uid {
		if int64(high) > int64(v.told) {
			return span{}, syntaxError("No such message")
		}
		return span{int(low) - 1, int(high)}, nil
	}
	first, _ := v.find(mailbox.UID(low))
	end, found := v.find(mailbox.UID(high))
	if found {
		end++
	}
	return span{first, min(end, v.told)}, nil
}

func mergeSpans(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	merged := spans[:0]
	for _, s := range spans {
		if n := len(merged); n > 0 && s.first <= merged[n-1].end {
			merged[n-1].end = max(merged[n-1].end, s.end)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}
