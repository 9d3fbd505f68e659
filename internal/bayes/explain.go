package bayes

import (
	"cmp"
	"math"
	"slices"
)

// A Reason is a feature of a message and what it says.
type Reason struct {
	Feature string  // as a person reads it: "subject:viagra", "free … offer"
	Weight  float64 // for spam, or against it where negative
}

// Explain returns the n features that weigh most in what Judge says of the message, the weightiest first.
func (m *Model) Explain(f *Features, domain string, n int) []Reason {
	m.mu.RLock()
	defer m.mu.RUnlock()
	l := everybody()
	nh, ns := float64(m.cell[l.wordHam]), float64(m.cell[l.wordSpam])
	seen := map[string]bool{}
	var list []Reason
	add := func(name string, weight float64) {
		if weight != 0 && !seen[name] {
			seen[name] = true
			list = append(list, Reason{name, weight})
		}
	}
	tokens := f.source.tokens()
	for i, t := range tokens {
		w := float64(m.cell[l.at(pairTable, single(t.hash))]) / one / norm(f.pairs)
		if nh > 0 && ns > 0 {
			w += wordShare * m.evidence(single(t.hash), l, nh, ns) / 12
		}
		add(f.source.name(t), w)
		if i > 0 && tokens[i-1].span == t.span {
			add(f.source.name(tokens[i-1])+" "+f.source.word(t), float64(m.cell[l.at(pairTable, pair(tokens[i-1].hash, t.hash, 1))])/one/norm(f.pairs))
		}
	}
	slices.SortFunc(list, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)), cmp.Compare(a.Feature, b.Feature))
	})
	return list[:min(n, len(list))]
}

func (s *source) word(t token) string { return string(s.text[t.start:t.end]) }

func (s *source) name(t token) string { return s.spans[t.span].prefix + s.word(t) }
