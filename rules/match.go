package rules

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Match looks for all patterns and returns a hit for each that was found, in the
// order of the patterns. Its time is linear in the texts; how many words there are
// matters little.
func (s *Set) Match(t *Texts) []Hit {
	m := &match{set: s, found: make([]bool, len(s.patterns)), wanted: make([]bool, len(s.patterns))}
	for place, where := range s.places {
		for _, text := range t.In(where) {
			m.text(place, text)
		}
	}
	slices.SortFunc(m.hits, func(a, b Hit) int { return a.Pattern - b.Pattern })
	return m.hits
}

// A match is one run of a set over a message.
type match struct {
	set    *Set
	place  int
	found  []bool // by pattern: it has its hit
	wanted []bool // by pattern: its expression is among run
	run    []int  // patterns whose expression must look at the text
	hits   []Hit
}

// text looks for the patterns of a place in one of its texts.
func (m *match) text(place int, text Text) {
	m.place = place
	m.words(text.Folded)
	m.words(text.Joined)
	m.expressions(text.Folded)
}

// words scans for words, and for what expressions need.
func (m *match) words(text []byte) {
	m.set.words.scan(text, func(word, end int) {
		u := m.set.uses[word]
		switch {
		case m.found[u.pattern] || m.wanted[u.pattern] || !slices.Contains(m.set.patterns[u.pattern].places, m.place):
		case u.need:
			m.wanted[u.pattern] = true
			m.run = append(m.run, u.pattern)
		case u.fits(text, end):
			m.hit(u.pattern, text, end-u.length, end)
		}
	})
}

// fits reports whether the word that ends at end has its ends where it must.
func (u use) fits(text []byte, end int) bool {
	if u.right {
		if next, _ := utf8.DecodeRune(text[end:]); isWord(next) {
			return false
		}
	}
	if u.left {
		if last, _ := utf8.DecodeLastRune(text[:end-u.length]); isWord(last) {
			return false
		}
	}
	return true
}

// expressions runs those that the words called for, and those that need none.
func (m *match) expressions(text []byte) {
	for _, i := range m.run {
		m.wanted[i] = false
		m.expression(i, text)
	}
	m.run = m.run[:0]
	for _, i := range m.set.blind[m.place] {
		m.expression(i, text)
	}
}

func (m *match) expression(i int, text []byte) {
	if m.found[i] {
		return
	}
	if at := m.set.patterns[i].re.FindIndex(text); at != nil {
		m.hit(i, text, at[0], at[1])
	}
}

func (m *match) hit(pattern int, text []byte, start, end int) {
	m.found[pattern] = true
	p := &m.set.patterns[pattern]
	m.hits = append(m.hits, Hit{
		Pattern: pattern, Name: p.Name, Weight: p.Weight,
		Where: m.set.places[m.place], Excerpt: excerpt(text, start, end),
	})
}

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
