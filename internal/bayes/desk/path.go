package desk

import (
	"math"
	"slices"
)

// A Path is the way that led to the model as it is: spans of the log, beside which are the entries that roll-backs
// left. Later ones stand first.
type Path []Span

// A Span has the entries after one and up to another.
type Span struct{ After, UpTo int64 }

// PathOf returns the way that the log took, with its rolls in order.
func PathOf(rolls []Roll) (p Path) {
	upTo := int64(math.MaxInt64)
	for i := len(rolls) - 1; i >= 0; i-- {
		if rolls[i].Seq > upTo { // it lies beside the way itself
			continue
		}
		p = append(p, Span{rolls[i].Seq, upTo})
		upTo = rolls[i].To
	}
	return append(p, Span{0, upTo})
}

// Has reports whether what an entry changed is in the model.
func (p Path) Has(seq int64) bool {
	for _, s := range p {
		if seq > s.After && seq <= s.UpTo {
			return true
		}
	}
	return false
}

// stands reports whether a lesson counts.
func (p Path) stands(l Lesson) bool {
	return l.State != Refused && p.Has(l.Seq) && (l.EndedSeq == 0 || !p.Has(l.EndedSeq)) && !slices.ContainsFunc(l.Earlier, p.Has)
}
