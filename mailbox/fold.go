package mailbox

import (
	"bytes"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold takes away what comparing is not to see: case, width and the like, in the sense of
// RFC 5051. What it makes is kept in signatures, so it has to stay what it is: NFKD of the full
// case folding.
//
// Most of what mail holds is ASCII, and letters and signs that a table folds one by one. Only a
// stretch with other runes in it goes through the libraries, by itself: what stands beside ASCII
// never changes it.
func Fold(s string) string {
	if lower, ok := foldASCII(s); ok {
		return lower
	}
	if !utf8.ValidString(s) { // the libraries see more than one octet in what is none
		return foldAll(s)
	}
	f := folding{s: s, out: make([]byte, 0, len(s)+len(s)/4)}
	for f.at < len(s) {
		if c := s[f.at]; c < utf8.RuneSelf {
			f.out = append(f.out, lowerASCII[c])
			f.at++
			f.mark, f.outMark = f.at, len(f.out)
			continue
		}
		r, n := utf8.DecodeRuneInString(s[f.at:])
		folded := easyRunes().of(r)
		if folded == "" {
			f.hard()
			continue
		}
		f.out = append(f.out, folded...)
		f.at += n
	}
	return string(f.out)
}

// Holds reports whether Fold(s) has a text in it that is folded itself.
func Holds(s, folded string) bool {
	if !isASCII(s) || len(folded) > holding {
		return strings.Contains(Fold(s), folded)
	}
	return isASCII(folded) && holdsASCII(s, folded)
}

// holding is how long a text may be that holdsASCII looks for.
const holding = 256

// holdsASCII is Holds for ASCII, which it folds piece by piece where none has to be kept.
func holdsASCII(s, folded string) bool {
	var b [8 * holding]byte
	for {
		piece := b[:min(len(s), len(b))]
		for i := range piece {
			piece[i] = lowerASCII[s[i]]
		}
		if bytes.Contains(piece, []byte(folded)) {
			return true
		}
		if len(piece) == len(s) {
			return false
		}
		s = s[len(piece)-holding:] // what begins in there may go on in the next piece
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func foldAll(s string) string { return norm.NFKD.String(cases.Fold().String(s)) }

func foldASCII(s string) (string, bool) {
	upper := false
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return "", false
		}
		upper = upper || 'A' <= s[i] && s[i] <= 'Z'
	}
	if !upper {
		return s, true
	}
	b := []byte(s)
	for i, c := range b {
		b[i] = lowerASCII[c]
	}
	return string(b), true
}

var lowerASCII = func() (t [256]byte) {
	for i := range t {
		if t[i] = byte(i); 'A' <= i && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()

// A folding is a text on its way.
type folding struct {
	s   string
	at  int // what is before it is in out
	out []byte

	mark, outMark int // behind the last octet of ASCII
}

// apart is how many octets of ASCII end a stretch that goes through the libraries: words of
// another script with spaces between them are one.
const apart = 16

// hard folds from the last octet of ASCII on, since marks may change their order, up to where
// there is much of ASCII again.
func (f *folding) hard() {
	end, plain := f.at, 0
	for ; end < len(f.s) && plain < apart; end++ {
		if plain++; f.s[end] >= utf8.RuneSelf {
			plain = 0
		}
	}
	end -= plain
	f.out = append(f.out[:f.outMark], foldAll(f.s[f.mark:end])...)
	f.at, f.mark, f.outMark = end, end, len(f.out)
}

// Easy are runes that neither change what is beside them nor are changed by it: letters and
// signs of Latin, Greek and Cyrillic, and punctuation.
type easy struct{ letters, signs []string }

const (
	firstLetter, lastLetter = 0x80, 0x52f
	firstSign, lastSign     = 0x2000, 0x206f
)

var easyRunes = sync.OnceValue(func() easy {
	return easy{foldEach(firstLetter, lastLetter), foldEach(firstSign, lastSign)}
})

// foldEach folds some runes; "" stands for those that depend on others.
func foldEach(first, last rune) []string {
	list := make([]string, 0, last-first+1)
	for r := first; r <= last; r++ {
		folded := foldAll(string(r))
		if norm.NFKD.PropertiesString(folded).CCC() != 0 {
			folded = ""
		}
		list = append(list, folded)
	}
	return list
}

// of returns a rune folded, "" where it has to be looked at with what is around it.
func (e easy) of(r rune) string {
	switch {
	case r >= firstLetter && r <= lastLetter:
		return e.letters[r-firstLetter]
	case r >= firstSign && r <= lastSign:
		return e.signs[r-firstSign]
	}
	return ""
}
