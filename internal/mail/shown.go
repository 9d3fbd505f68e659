package mail

import (
	"slices"
	"unicode/utf8"
)

// shown returns the text as a reader sees it: without the characters that show
// nothing, with what stands between right-to-left override and its end the other way
// round, and lines ended by LF alone. Secret is what was written in tag characters
// (Unicode §23.9), with which text is smuggled past people to machines.
func shown(s string) (text, secret string) {
	i := plainLength(s)
	if i == len(s) {
		return s, ""
	}
	w := shower{out: append(make([]byte, 0, len(s)), s[:i]...), mirror: -1}
	if i > 0 {
		w.last, _ = utf8.DecodeLastRuneInString(s[:i])
	}
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		w.rune(r, s[i:i+n], i+n < len(s) && s[i+n] == '\n')
		i += n
	}
	w.unmirror()
	return string(w.out), string(w.secret)
}

// plainLength returns how much of s, from its start, shown leaves as it is.
func plainLength(s string) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r < ' ' || r == 0x7f || isBlind(r) || r == zwnj || r == zwj {
			return i
		}
		i += n
	}
	return len(s)
}

// A shower writes text as it is shown.
type shower struct {
	out    []byte
	secret []byte
	mirror int  // where in out an override began, -1 outside
	last   rune // the last that was written
}

// Characters that shape or order their neighbours.
const (
	zwnj       = 0x200c
	zwj        = 0x200d
	rlo        = 0x202e // what follows stands right to left
	popFormat  = 0x202c // ends it
	firstTag   = 0xe0020
	lastTag    = 0xe007e
	firstJoins = 0x0600 // scripts from here on have use for joiners, and so have emoji
)

func (w *shower) rune(r rune, raw string, beforeLF bool) {
	switch {
	case r == rlo:
		w.unmirror()
		w.mirror = len(w.out)
	case r == popFormat:
		w.unmirror()
	case firstTag <= r && r <= lastTag:
		w.secret = append(w.secret, byte(r-firstTag+' '))
	case r == zwj || r == zwnj:
		if w.last >= firstJoins {
			w.out = append(w.out, raw...)
		}
	case r == '\r':
		if !beforeLF {
			w.line()
		}
	case r == '\n':
		w.line()
	case r == '\v', r == '\f':
		w.out = append(w.out, ' ')
	case r < ' ' && r != '\t', r == 0x7f, isBlind(r):
	default:
		w.out = append(w.out, raw...)
		w.last = r
	}
}

// line ends a line, and with it what is the other way round.
func (w *shower) line() {
	w.unmirror()
	w.out = append(w.out, '\n')
	w.last = '\n'
}

// unmirror turns what an override covers.
func (w *shower) unmirror() {
	if w.mirror >= 0 {
		mirror(w.out[w.mirror:])
	}
	w.mirror = -1
}

// mirror turns text round, character by character.
func mirror(b []byte) {
	slices.Reverse(b)
	for i := 0; i < len(b); {
		n := i + 1
		for n < len(b) && n < i+utf8.UTFMax && b[n-1]&0xc0 == 0x80 {
			n++ // the octets of a character stand in the wrong order
		}
		slices.Reverse(b[i:n])
		i = n
	}
}

// isBlind reports whether a character shows nothing and takes no place: soft
// hyphens, zero-width spaces, marks of direction, fillers, tags. Joiners are not among them,
// nor are variation selectors, which belong to the character before.
func isBlind(r rune) bool {
	switch {
	case r < 0xad:
		return r >= 0x80 && r < 0xa0 && r != 0x85
	case r == 0xad, r == 0x034f, r == 0x061c, r == 0x180e, r == 0xfeff, r == 0x3164, r == 0xffa0:
		return true
	case r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x200b, r == 0x200e, r == 0x200f:
		return true
	case 0x202a <= r && r <= 0x202e, 0x2060 <= r && r <= 0x206f, 0xfff9 <= r && r <= 0xfffb:
		return true
	case 0x1d173 <= r && r <= 0x1d17a, 0xe0000 <= r && r <= 0xe00ff:
		return true
	}
	return false
}
