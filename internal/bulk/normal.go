package bulk

import (
	"strings"

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
)

// A Normal is a message in its normal form.
type Normal struct {
	Body   Words
	Quoted bool // most of the text is quoted
	Cut    bool // there is more than was read

	names names // of recipients
}

// Normalise brings a message's text to its normal form. fold brings text to one case and look, as
// rules.Fold does; it is asked about what is not ASCII alone.
func Normalise(m *mail.Message, fold func(string) string) Normal {
	return normalise(m, fold, Words{})
}

// normalise is Normalise with room for the words of the body.
func normalise(m *mail.Message, fold func(string) string, room Words) Normal {
	x := m.Extract()
	text := x.Visible
	if len(strings.TrimSpace(text)) < minVisible {
		text = x.Text
	}
	n := Normal{Cut: x.Cut || len(text) > maxText, names: namesOf(m, fold)}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	own, quoted := split(text)
	n.Quoted = quoted > 2*len(own)
	n.Body = n.words(own, fold, room)
	return n
}

// subject is the message's subject in its normal form.
func (n *Normal) subject(m *mail.Message, fold func(string) string) Words {
	return n.words(unprefixed(m.Extract().Subject), fold, Words{})
}

func (n *Normal) words(text string, fold func(string) string, room Words) Words {
	room.cut(0)
	r := reader{w: room, names: n.names, fold: fold}
	r.read(text)
	return r.w
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
