package rules

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Match looks for all patterns and returns a hit for each that was found, in the
// order of the patterns. Its time is linear in the texts; how many words there are
// matters little. whole is false where the texts gave the expressions so much to look at
// that some were not looked for everywhere (see maxWork); all words are.
func (s *Set) Match(t *Texts) (hits []Hit, whole bool) {
	m := s.pool.Get().(*match)
	defer s.pool.Put(m)
	m.begin()
	for place, where := range s.places {
		for _, text := range t.In(where) {
			m.text(place, text)
		}
	}
	slices.SortFunc(m.hits, func(a, b Hit) int { return a.Pattern - b.Pattern })
	return slices.Clone(m.hits), m.work <= maxWork
}

// A match is one run of a set over a message.
type match struct {
	set    *Set
	place  int
	mask   uint64
	run    uint32   // counts runs, so that nothing need be cleared between them
	found  []uint32 // by pattern: the run in which it had its hit
	wanted []bool   // by pattern: its expression is among called
	window []window // by pattern: the part of the text that its expression must look at next
	called []int    // patterns whose expression must look at the text
	seen   []int32
	hits   []Hit
	work   int // of expressions, see maxWork
}

// A window is a part of a text, in octets.
type window struct{ start, end int }

func (m *match) begin() {
	m.run++
	if m.run == 0 { // after four thousand million runs
		clear(m.found)
		m.run = 1
	}
	m.hits, m.work = m.hits[:0], 0
}

// text looks for the patterns of a place in one of its texts.
func (m *match) text(place int, text Text) {
	m.place, m.mask = place, 1<<place
	m.words(text.Folded, true)
	m.words(text.Joined, false)
	m.expressions(text.Folded)
}

// words goes through a text once. What has to begin a word is looked for only where one
// may begin; needs says whether expressions will look at the text.
func (m *match) words(text []byte, needs bool) {
	starts, anywhere := m.set.starts, m.set.anywhere
	inside := false // the octet before is part of a word
	for i, c := range text {
		if !inside && len(starts.words) > 0 {
			m.seen = starts.at(m.seen[:0], text[i:])
			m.met(m.set.startUses, text, i, needs)
		}
		if len(anywhere.words) > 0 {
			m.seen = anywhere.at(m.seen[:0], text[i:])
			m.met(m.set.anywhereUses, text, i, needs)
		}
		inside = 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
	}
}

// met deals with the words that were seen at i.
func (m *match) met(uses []use, text []byte, i int, needs bool) {
	for _, word := range m.seen {
		u := &uses[word]
		switch {
		case u.mask&m.mask == 0 || m.found[u.pattern] == m.run:
		case u.need && needs:
			m.call(u, text, i)
		case !u.need && u.fits(text, i):
			m.hit(u.pattern, text, i, i+u.length)
		}
	}
}

// fits reports whether the word at i has its ends where it must.
func (u *use) fits(text []byte, i int) bool {
	if u.right {
		if next, _ := utf8.DecodeRune(text[i+u.length:]); isWord(next) {
			return false
		}
	}
	if u.left {
		if last, _ := utf8.DecodeLastRune(text[:i]); isWord(last) {
			return false
		}
	}
	return true
}

func (m *match) hit(pattern int, text []byte, start, end int) {
	m.found[pattern] = m.run
	p := &m.set.patterns[pattern]
	h := Hit{Pattern: pattern, Name: p.Name, Weight: p.Weight, Where: m.set.places[m.place]}
	if len(m.hits) < MaxExcerpts {
		h.Excerpt = excerpt(text, start, end)
	}
	m.hits = append(m.hits, h)
}

// MaxExcerpts is how many hits of a message show where they are.
const MaxExcerpts = 64

const (
	around     = 20 // octets shown on each side of a hit
	maxExcerpt = 80
)

// excerpt returns the hit and some text on both sides, in whole characters.
func excerpt(text []byte, start, end int) string {
	start = max(start-around, 0)
	for start > 0 && !utf8.RuneStart(text[start]) {
		start--
	}
	end = min(end+around, start+maxExcerpt, len(text))
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	return strings.TrimSpace(strings.ReplaceAll(string(text[start:end]), "\n", " "))
}
