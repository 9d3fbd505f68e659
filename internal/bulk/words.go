package bulk

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/mail"
	"gatepost/internal/sketch"
)

// Words are those of a text that tell it from others, in order: no addresses, no links, no names of who
// it is to, of all else the letters. Characters of scripts that put no spaces between words
// are words of their own.
type Words struct {
	letters []byte   // of all words, one behind the other
	ends    []int32  // where each ends
	numbers []uint64 // of each, as sketch.Number gives them
}

// Len returns how many there are.
func (w *Words) Len() int { return len(w.ends) }

// String returns the words with single spaces between.
func (w *Words) String() string {
	var b strings.Builder
	start := int32(0)
	for i, end := range w.ends {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.Write(w.letters[start:end])
		start = end
	}
	return b.String()
}

// put adds a word that has a number; letters are those of all, its own being the last.
func (w *Words) put(letters []byte, number uint64) {
	w.letters = letters
	w.ends = append(w.ends, int32(len(letters)))
	w.numbers = append(w.numbers, number)
}

// cut leaves the first n words.
func (w *Words) cut(n int) {
	end := int32(0)
	if n > 0 {
		end = w.ends[n-1]
	}
	w.letters, w.ends, w.numbers = w.letters[:end], w.ends[:n], w.numbers[:n]
}

// What an octet is to a reader; letters of ASCII are in lower case.
const (
	isBreak = iota // ends a word
	isSpace        // ends a token, which is what is between two spaces
	isAt           // makes a token an address
	isColon        // makes one a link, before two slashes
	isOdd          // is for fold
)

// kinds are those of all octets.
var kinds = func() (table [256]byte) {
	for c := range table {
		switch lower := byte(c) | 0x20; {
		case 'a' <= lower && lower <= 'z':
			table[c] = lower
		case c == ' ', '\t' <= c && c <= '\r':
			table[c] = isSpace
		case c < ' ', c >= 0x7f:
			table[c] = isOdd
		case c == '@':
			table[c] = isAt
		case c == ':':
			table[c] = isColon
		}
	}
	return table
}()

// A reader takes the words out of a text in one go, without copies of it. What is not ASCII is folded first, token
// by token, since no character of one changes another.
type reader struct {
	w     Words
	names names
	fold  func(string) string
}

func (r *reader) read(text string) {
	const perWord = 5 // octets, about
	r.w.letters = slices.Grow(r.w.letters, len(text))
	r.w.ends = slices.Grow(r.w.ends, len(text)/perWord+1)
	r.w.numbers = slices.Grow(r.w.numbers, len(text)/perWord+1)
	for text != "" {
		text = text[r.plain(text):]
		n := oddLength(text)
		if n > 0 {
			r.folded(r.fold(text[:n]))
		}
		text = text[n:]
	}
}

// plain takes the words of tokens in ASCII, up to the first that is not, and returns where that is.
func (r *reader) plain(text string) int {
	letters := slices.Grow(r.w.letters, len(text))
	letters, r.w.letters = letters[:cap(letters)], letters
	n := len(r.w.letters) // where the next letter goes; before it those of a word that has not ended
	token, before, address := 0, r.w.Len(), false
	for i := range len(text) {
		kind := kinds[text[i]]
		if kind >= 'a' {
			letters[n] = kind
			n++
			continue
		}
		n = r.word(n)
		switch kind {
		case isAt:
			address = true
		case isColon:
			address = address || strings.HasPrefix(text[i:], "://")
		case isOdd:
			r.w.cut(before)
			return token
		case isSpace:
			if address || isWWW(text[token:i]) {
				r.w.cut(before)
				n = len(r.w.letters)
			}
			token, before, address = i+1, r.w.Len(), false
		}
	}
	r.word(n)
	if address || isWWW(text[token:]) {
		r.w.cut(before)
	}
	return len(text)
}

// word ends a word whose letters stand behind those of the others, up to n, and returns where
// the next begins.
func (r *reader) word(n int) int {
	start := len(r.w.letters)
	if n == start {
		return n
	}
	word := r.w.letters[start:n]
	number := sketch.Number(word)
	if r.names.has(word, number) {
		return start
	}
	r.w.put(r.w.letters[:n], number)
	return n
}

// isWWW reports whether a token is the name of a host that is known by its beginning.
func isWWW(token string) bool {
	return len(token) >= len("www.") && token[3] == '.' && strings.EqualFold(token[:3], "www")
}

// oddLength returns how long the tokens with which a text begins are that are not ASCII, one behind the
// other, with the spaces behind them.
func oddLength(text string) int {
	token, odd := 0, false
	for i := range len(text) {
		switch kinds[text[i]] {
		case isOdd:
			odd = true
		case isSpace:
			if !odd && i > token {
				return token
			}
			token, odd = i+1, false
		}
	}
	if odd {
		return len(text)
	}
	return token
}

// folded takes the words of a text that fold has made.
func (r *reader) folded(text string) {
	for token := range strings.FieldsSeq(text) { // there are other spaces than ASCII's
		if isAddress(token) {
			continue
		}
		for word := range strings.FieldsFuncSeq(token, notLetter) {
			if r.names.has([]byte(word), sketch.Number([]byte(word))) {
				continue
			}
			first, size := utf8.DecodeRuneInString(word)
			if !unspaced(first) {
				size = len(word)
			}
			for ; word != ""; _, size = utf8.DecodeRuneInString(word) {
				r.w.put(append(r.w.letters, word[:size]...), sketch.Number([]byte(word[:size])))
				word = word[size:]
			}
		}
	}
}

// isAddress reports whether a folded token is a mail address or a link.
func isAddress(token string) bool {
	return strings.Contains(token, "@") || strings.Contains(token, "://") || strings.HasPrefix(token, "www.")
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// unspaced reports whether words in a character's script stand without spaces between.
func unspaced(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// names are numbers of the words by which a message may name whom it is to.
type names struct {
	list []uint64
	bits uint64 // one for each by its highest six; most words are told from all by that
}

// Bounds of names.
const (
	maxNames = 200 // that are left out
	minName  = 3   // octets
)

// namesOf are the words of the names and local parts in a message's To and Cc.
func namesOf(m *mail.Message, fold func(string) string) (n names) {
	for _, field := range []string{"To", "Cc"} {
		for _, a := range mail.ParseAddressList(m.Header().Get(field)) {
			for _, s := range []string{a.Name, a.Local} {
				for w := range strings.FieldsFuncSeq(fold(s), notLetter) {
					n.add([]byte(w))
				}
			}
		}
	}
	return n
}

func (n *names) add(word []byte) {
	number := sketch.Number(word)
	if len(n.list) == maxNames || len(word) < minName || n.has(word, number) {
		return
	}
	n.list = append(n.list, number)
	n.bits |= 1 << (number >> 58)
}

// has reports whether a word is a name.
func (n *names) has(word []byte, number uint64) bool {
	return n.bits>>(number>>58)&1 > 0 && len(word) >= minName && slices.Contains(n.list, number)
}
