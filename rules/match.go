package rules

import (
	"bytes"
	"slices"
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
	return m.shown(), m.work <= maxWork
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
	hits   []spot
	buf    []byte // of excerpts
	work   int    // of expressions, see maxWork
}

// A spot is where a pattern was found.
type spot struct {
	pattern, place int
	text           []byte
	start, end     int
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
		var next byte
		if i+1 < len(text) {
			next = text[i+1]
		}
		if !inside && starts.may(c, next) {
			m.seen = starts.at(m.seen[:0], text[i:])
			m.met(m.set.startUses, text, i, needs)
		}
		if anywhere.may(c, next) {
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
			if u.near.there(text, i, i+u.length) {
				m.call(u, text, i)
			}
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
	m.hits = append(m.hits, spot{pattern, m.place, text, start, end})
}

// shown makes hits of all spots, in the order of the patterns. Their excerpts are one string.
func (m *match) shown() []Hit {
	if len(m.hits) == 0 {
		return nil
	}
	slices.SortFunc(m.hits, func(a, b spot) int { return a.pattern - b.pattern })
	hits := make([]Hit, len(m.hits))
	var ends [MaxExcerpts]int
	m.buf = m.buf[:0]
	for i := range m.hits {
		s := &m.hits[i]
		p := &m.set.patterns[s.pattern]
		hits[i] = Hit{Pattern: s.pattern, Name: p.Name, Weight: p.Weight, Where: m.set.places[s.place]}
		if i < len(ends) {
			m.buf = appendExcerpt(m.buf, s.text, s.start, s.end)
			ends[i] = len(m.buf)
		}
	}
	clear(m.hits) // which holds texts
	all, start := string(m.buf), 0
	for i := range hits[:min(len(hits), len(ends))] {
		hits[i].Excerpt, start = all[start:ends[i]], ends[i]
	}
	return hits
}

// MaxExcerpts is how many hits of a message show where they are.
const MaxExcerpts = 64

const (
	around     = 20 // octets shown on each side of a hit
	maxExcerpt = 80
)

// appendExcerpt appends the hit and some text on both sides, in whole characters.
func appendExcerpt(dst, text []byte, start, end int) []byte {
	start = max(start-around, 0)
	for start > 0 && !utf8.RuneStart(text[start]) {
		start--
	}
	end = min(end+around, start+maxExcerpt, len(text))
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	n := len(dst)
	dst = append(dst, bytes.TrimSpace(text[start:end])...)
	for i := range dst[n:] {
		if dst[n+i] == '\n' {
			dst[n+i] = ' '
		}
	}
	return dst
}
