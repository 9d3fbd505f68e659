package rules

import "unicode/utf8"

// An expression that needs letters is run where they were met, not over the whole text: what
// it matches is at most expression.reach octets long and has those letters in it, so it
// lies within that distance of them. What bounds such a part could be taken for the text's
// own ends, or a word's; so a part has a character more on each side, and where a match
// touches an end that is not the text's, the whole text decides.

// maxWork bounds what the expressions of a set look at in a message: octets, each counted
// once for 32 instructions of the expression, and at least once. Go's regular expressions
// take time in proportion, ten to a hundred nanoseconds: a second or so.
const maxWork = 8 << 20

// call notes that an expression needs to look at the text around a use of its letters at i.
func (m *match) call(u *use, text []byte, i int) {
	p := &m.set.patterns[u.pattern]
	part := p.around(text, i, i+u.length)
	if !m.wanted[u.pattern] {
		m.wanted[u.pattern] = true
		m.called = append(m.called, u.pattern)
		m.window[u.pattern] = part
		return
	}
	w := &m.window[u.pattern]
	if part.start <= w.end {
		w.end = max(w.end, part.end)
		return
	}
	if m.part(u.pattern, text, *w) {
		*w = settled(text)
		return
	}
	*w = part
}

// settled is the window of an expression that need not look at the text any more: all that
// follow are within it.
func settled(text []byte) window { return window{-1, len(text)} }

// around is the part of the text in which a match lies that has the letters from start to
// end in it, and a character more on both sides.
func (e *expression) around(text []byte, start, end int) window {
	if e.reach < 0 {
		return window{0, len(text)}
	}
	w := window{max(0, end-e.reach-utf8.UTFMax), min(len(text), start+e.reach+utf8.UTFMax)}
	for w.start > 0 && !utf8.RuneStart(text[w.start]) {
		w.start--
	}
	for w.end < len(text) && !utf8.RuneStart(text[w.end]) {
		w.end++
	}
	return w
}

// expressions runs those that the words called for, and those that need none.
func (m *match) expressions(text []byte) {
	for _, i := range m.called {
		if w := m.window[i]; w.start >= 0 {
			m.part(i, text, w)
		}
		m.wanted[i] = false
	}
	m.called = m.called[:0]
	for _, i := range m.set.blind[m.place] {
		if m.found[i] != m.run {
			m.part(i, text, window{0, len(text)})
		}
	}
}

// part has an expression look at a part of the text; it reports whether no other part is of
// interest: it has its hit, or has seen the whole text.
func (m *match) part(i int, text []byte, w window) (done bool) {
	p := &m.set.patterns[i]
	part := text[w.start:w.end]
	if !p.possible(part) {
		return false
	}
	if m.work += len(part) * p.cost; m.work > maxWork {
		return false
	}
	at := p.re.FindIndex(part)
	switch {
	case at == nil:
		return false
	case at[0] == 0 && w.start > 0, at[1] == len(part) && w.end < len(text):
		m.part(i, text, window{0, len(text)})
		return true
	}
	m.hit(i, text, w.start+at[0], w.start+at[1])
	return true
}
