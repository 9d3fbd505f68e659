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
// and are left out. Names are made only of those that are returned: this is asked about each message.
func (m *Model) Explain(f *Features, domain string, n int) []Reason {
	m.mu.RLock()
	top := m.heaviest(f, domain, 3*n) // words in lower case have no names of their own
	m.mu.RUnlock()
	list := make([]Reason, 0, len(top))
	var lists [families][]uint32
	c := collector{lists: &lists,
		wanted: func(fam family, h uint32) bool {
			return slices.ContainsFunc(top, func(t heavy) bool { return t.fam == fam && t.place == h%entries })
		},
		named: func(fam family, h uint32, name string) {
			at := slices.IndexFunc(top, func(t heavy) bool { return t.fam == fam && t.place == h%entries })
			list = append(list, Reason{readable(name), top[at].points})
			top = slices.Delete(top, at, at+1) // who comes again has been named
		}}
	c.collect(&f.source)
	slices.SortFunc(list, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)), cmp.Compare(a.Feature, b.Feature))
	})
	return list[:min(n, len(list))]
}

// heavy is a feature that has a name, and what it adds to the score.
type heavy struct {
	fam    family
	place  uint32
	points float64
}

// heaviest finds the n features with names that weigh most, the weightiest first.
func (m *Model) heaviest(f *Features, domain string, n int) []heavy {
	points := m.certain(1, domain) * 7.5 / scale
	layers, shares, some := m.layers(domain)
	top := make([]heavy, 0, n+1)
	for fam := range families {
		if fam == headGrams || fam == textGrams {
			continue
		}
		voices := m.voices(f, fam, layers[:some], shares[:some])
		for _, h := range f.lists[fam] {
			w := 0.0
			for i := range voices {
				w += voices[i].weight(m, h)
			}
			w *= points
			if w == 0 || len(top) == n && math.Abs(w) <= math.Abs(top[n-1].points) {
				continue
			}
			at := len(top)
			for at > 0 && math.Abs(top[at-1].points) < math.Abs(w) {
				at--
			}
			top = slices.Insert(top, at, heavy{fam, h, w})
			top = top[:min(len(top), n)]
		}
	}
	return top
}

// A voice is a learner of a layer that looks at a family.
type voice struct {
	layer  layer
	counts bool
	odds   odds
	share  float64 // of what it says of one feature in the sum
}

// voices are those that look at a family, but for those that know nothing.
func (m *Model) voices(f *Features, fam family, layers []layer, shares []float64) (list []voice) {
	for n, l := range layers {
		for i, who := range team() {
			v := voice{layer: l, counts: who.counts, share: shares[n] * who.share / norm(f.lists[fam])}
			ham, spam := m.table[l.totals+i][0], m.table[l.totals+i][1]
			if who.of != fam || v.counts && (ham <= 0 || spam <= 0) {
				continue
			}
			if v.counts {
				v.odds = newOdds(float64(ham), float64(spam))
			}
			list = append(list, v)
		}
	}
	return list
}

// weight is what a feature adds to the sum.
func (v *voice) weight(m *Model, h uint32) float64 {
	if v.counts {
		return v.share * v.odds.of(m.table[v.layer.at(countTable, h)])
	}
	e := m.table[v.layer.at(weightTable, h)]
	if e[1] == 0 {
		return 0
	}
	return v.share * float64(int64(e[0])*int64(confidence(e[1]))>>8) / one
}
