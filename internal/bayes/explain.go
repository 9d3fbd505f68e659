package bayes

import (
	"cmp"
	"math"
	"slices"
)

// A Reason is a feature of a message and what it says.
type Reason struct {
	Feature string  // as a person reads it: "subject:pills", "no field: message-id"
	Weight  float64 // for spam, or against it where negative
}

// Explain returns the n features that weigh most in what Judge says of the message, the weightiest first.
func (m *Model) Explain(f *Features, domain string, n int) []Reason {
	m.mu.RLock()
	defer m.mu.RUnlock()
	l := everybody()
	var list []Reason
	seen := map[uint32]bool{}
	var lists [families][]uint32
	c := collector{lists: &lists, named: func(fam family, h uint32, name string) {
		h %= entries
		if seen[h] {
			return
		}
		seen[h] = true
		w := 0.0
		for i, who := range team() {
			switch {
			case who.of != fam:
			case who.counts:
				t := m.table[l.totals+i]
				if t[0] > 0 && t[1] > 0 {
					w += who.share * newOdds(float64(t[0]), float64(t[1])).of(m.table[l.at(countTable, h)]) / norm(f.lists[fam])
				}
			default:
				e := m.table[l.at(weightTable, h)]
				w += float64(e[0]) * float64(confidence(e[1])) / 256 / one / norm(f.lists[fam])
			}
		}
		if w != 0 {
			list = append(list, Reason{name, w})
		}
	}}
	c.collect(&f.source)
	slices.SortFunc(list, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)), cmp.Compare(a.Feature, b.Feature))
	})
	return list[:min(n, len(list))]
}
