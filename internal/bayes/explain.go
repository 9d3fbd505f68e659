package bayes

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Reason is a feature of a message and what it says.
type Reason struct {
	Feature string  // as a person reads it: "subject:pills", "no field: message-id"
	Weight  float64 // in points, as they count where the score is near 7.5: for spam, or against it where negative
}

// maxName bounds the name of a feature, in octets.
const maxName = 80

// readable makes a name one that can stand in a line of text.
func readable(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, clip(name, maxName+utf8.UTFMax))
	for len(name) > maxName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return strings.TrimSpace(strings.TrimSuffix(name, ": "))
}

// Explain returns the n features that weigh most in what Judge says of the message, the weightiest first. 4-grams have no names
// and are left out.
func (m *Model) Explain(f *Features, domain string, n int) []Reason {
	m.mu.RLock()
	defer m.mu.RUnlock()
	points := m.certain(1) * 7.5 / scale
	layers, shares, some := m.layers(domain)
	var list []Reason
	seen := map[uint32]bool{}
	var lists [families][]uint32
	c := collector{lists: &lists, named: func(fam family, h uint32, name string) {
		h %= entries
		if _, is := slices.BinarySearch(f.lists[fam], h); !is || seen[h] {
			return
		}
		seen[h] = true
		w := 0.0
		for i, l := range layers[:some] {
			w += shares[i] * m.weight(f, l, fam, h)
		}
		if w != 0 {
			list = append(list, Reason{readable(name), w * points})
		}
	}}
	c.collect(&f.source)
	slices.SortFunc(list, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)), cmp.Compare(a.Feature, b.Feature))
	})
	return list[:min(n, len(list))]
}

// weight is what a feature adds to the sum of a layer.
func (m *Model) weight(f *Features, l layer, fam family, h uint32) (w float64) {
	for i, who := range team() {
		if who.of != fam {
			continue
		}
		if !who.counts {
			w += who.share * m.weighed([]uint32{h}, l) * norm([]uint32{h}) / norm(f.lists[fam])
			continue
		}
		ham, spam := m.table[l.totals+i][0], m.table[l.totals+i][1]
		if ham > 0 && spam > 0 {
			w += who.share * newOdds(float64(ham), float64(spam)).of(m.table[l.at(countTable, h)]) / norm(f.lists[fam])
		}
	}
	return w
}
