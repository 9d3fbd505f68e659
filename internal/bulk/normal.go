package bulk

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/mail"
)

const (
	// maxText bounds what is read of a message's text, in octets.
	maxText = 128 << 10
	// minVisible is how many octets of HTML text are a text: with fewer the reader has to
	// look at the plain part.
	minVisible = 40
	// maxFooter is how long, in octets, what stands below a line across the text may be to be a footer
	// that lists and free mailers add.
	maxFooter = 1000
	// minRule is how long such a line is.
	minRule = 20
	// maxNames bounds the names of recipients that are left out.
	maxNames = 200
)

// A Normal is a message in its normal form: words of letters with single spaces between.
type Normal struct {
	Subject string
	Body    string
	Quoted  bool // most of the text is quoted
	Cut     bool // there is more than was read
}

// Normalise brings a message to its normal form. fold brings text to one case and look, as
// rules.Fold does.
func Normalise(m *mail.Message, fold func(string) string) Normal {
	x := m.Extract()
	text := x.Visible
	if len(strings.TrimSpace(text)) < minVisible {
		text = x.Text
	}
	n := Normal{Cut: x.Cut || len(text) > maxText}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	own, quoted := split(text)
	n.Quoted = quoted > 2*len(own)
	names := namesOf(m, fold)
	n.Body = words(fold(own), names)
	n.Subject = words(fold(unprefixed(x.Subject)), names)
	return n
}

// split takes out of a text what others wrote, and returns how long that was: lines that
// are quoted, and what follows a line that says that the original message does. The signature
// (RFC 3676 §4.3) goes, too: it is the same under whatever its owner writes.
func split(text string) (own string, quoted int) {
	var b strings.Builder // what is left, where that is not all before a place
	read := 0
	whole := func(n int) string {
		if quoted == 0 {
			return text[:n]
		}
		return b.String()
	}
	for line := range strings.Lines(text) {
		start := read
		read += len(line)
		t := strings.TrimRight(line, "\r\n")
		switch trimmed := strings.TrimSpace(t); {
		case strings.HasPrefix(trimmed, ">"):
			if quoted == 0 {
				b.Grow(len(text))
				b.WriteString(text[:start])
			}
			quoted += len(line)
			continue
		case t == "-- ", len(text)-read <= maxFooter && isRule(trimmed):
			return whole(start), quoted
		case isOriginal(trimmed):
			own = whole(start)
			return own, len(text) - len(own)
		}
		if quoted > 0 {
			b.WriteString(line)
		}
	}
	return whole(read), quoted
}

// isRule reports whether a line is drawn across the text.
func isRule(line string) bool {
	return len(line) >= minRule && strings.Trim(line, line[:1]) == "" && strings.ContainsAny(line[:1], "-_=*~#")
}

// isOriginal reports whether a line says that what follows is a message that somebody else
// wrote: "-----Original Message-----", "________________________________ From: …".
func isOriginal(line string) bool {
	if !strings.HasPrefix(line, "-----") || !strings.HasSuffix(line, "-----") {
		return false
	}
	switch strings.ToLower(strings.Trim(line, "- ")) {
	case "original message", "forwarded message", "message d'origine", "message transféré", "ursprüngliche nachricht":
		return true
	}
	return false
}

// unprefixed takes "Re:", "Fwd:" and the like off a subject.
func unprefixed(subject string) string {
	for {
		head, rest, found := strings.Cut(strings.TrimSpace(subject), ":")
		switch strings.ToLower(strings.TrimSpace(head)) {
		case "re", "fw", "fwd", "aw", "wg", "tr", "sv", "vs", "antw":
			if found {
				subject = rest
				continue
			}
		}
		return subject
	}
}

// namesOf are the words by which a message may name whom it is to: those of the names and
// local parts in its To and Cc.
func namesOf(m *mail.Message, fold func(string) string) map[string]bool {
	names := map[string]bool{}
	for _, field := range []string{"To", "Cc"} {
		for _, a := range mail.ParseAddressList(m.Header().Get(field)) {
			for _, s := range []string{a.Name, a.Local} {
				for w := range strings.FieldsFuncSeq(fold(s), notLetter) {
					if len(names) < maxNames && len(w) > 2 {
						names[w] = true
					}
				}
			}
		}
	}
	return names
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// words returns the words of a folded text: what is left of each of its parts that is no address,
// no link and no name when all that is not a letter is gone. Characters of scripts that put
// no spaces between words are words of their own.
func words(text string, names map[string]bool) string {
	var b strings.Builder
	b.Grow(len(text))
	for text != "" {
		token, plain := cutToken(text)
		text = text[len(token):]
		switch {
		case plain && !isAddress(token):
			plainLetters(&b, token, names)
		case !plain:
			for part := range strings.FieldsSeq(token) { // there are other spaces than ASCII's
				if !isAddress(part) {
					letters(&b, part, names)
				}
			}
		}
		text = strings.TrimLeft(text, " ")
	}
	return strings.TrimSuffix(b.String(), " ")
}

// cutToken returns what of a text is before its first space, and whether that is printable ASCII.
func cutToken(text string) (token string, plain bool) {
	plain = true
	for i := range len(text) {
		c := text[i]
		if c == ' ' {
			return text[:i], plain
		}
		plain = plain && c > ' ' && c < utf8.RuneSelf
	}
	return text, plain
}

// plainLetters is letters for ASCII.
func plainLetters(b *strings.Builder, token string, names map[string]bool) {
	for i := 0; i < len(token); {
		start := i
		for i < len(token) && 'a' <= token[i]|0x20 && token[i]|0x20 <= 'z' {
			i++
		}
		if word := token[start:i]; word != "" && !(len(word) > 2 && names[word]) {
			b.WriteString(word)
			b.WriteByte(' ')
		}
		i++
	}
}

// isAddress reports whether a token is a mail address or a link.
func isAddress(token string) bool {
	return strings.Contains(token, "@") || strings.Contains(token, "://") || strings.HasPrefix(token, "www.")
}

// letters writes the words of one token.
func letters(b *strings.Builder, token string, names map[string]bool) {
	for word := range strings.FieldsFuncSeq(token, notLetter) {
		if names[word] {
			continue
		}
		if first, _ := utf8.DecodeRuneInString(word); !unspaced(first) {
			b.WriteString(word)
			b.WriteByte(' ')
			continue
		}
		for _, r := range word {
			b.WriteRune(r)
			b.WriteByte(' ')
		}
	}
}

// unspaced reports whether words in a character's script stand without spaces between.
func unspaced(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
