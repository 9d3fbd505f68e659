package mailbox

import (
	"slices"
	"strconv"
)

// A UID names a message in its folder for ever: 1 to 2^32-1, rising, never given
// twice (RFC 9051 §2.3.1.1).
type UID uint32

// A ModSeq is a place in a mailbox's history: the number of its latest change
// (RFC 7162 §3.1). 63 bits; 0 is before everything.
type ModSeq int64

// A Range is the UIDs from First to Last, both included, First <= Last.
type Range struct{ First, Last UID }

// A UIDSet is UIDs as ranges, rising, with a gap between two.
type UIDSet []Range

// Add returns the set with u, which is above all in the set, added.
func (s UIDSet) Add(u UID) UIDSet {
	if n := len(s); n > 0 && s[n-1].Last == u-1 {
		s[n-1].Last = u
		return s
	}
	return append(s, Range{u, u})
}

// Contains reports whether u is in the set.
func (s UIDSet) Contains(u UID) bool {
	_, ok := slices.BinarySearchFunc(s, u, func(r Range, u UID) int {
		switch {
		case r.Last < u:
			return -1
		case r.First > u:
			return 1
		}
		return 0
	})
	return ok
}

// Count returns how many UIDs are in the set.
func (s UIDSet) Count() (n int64) {
	for _, r := range s {
		n += int64(r.Last) - int64(r.First) + 1
	}
	return n
}

// Append adds the set in the form of RFC 9051's sequence-set, "3:5,9", to b.
func (s UIDSet) Append(b []byte) []byte {
	for i, r := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(r.First), 10)
		if r.Last > r.First {
			b = strconv.AppendUint(append(b, ':'), uint64(r.Last), 10)
		}
	}
	return b
}

// String returns the set as Append writes it.
func (s UIDSet) String() string { return string(s.Append(nil)) }
