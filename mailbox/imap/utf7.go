package imap

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// utf7 is the base64 of modified UTF-7 (RFC 3501 §5.1.3): "," for "/", no padding.
var utf7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

// encodeUTF7 writes a folder's name as IMAP4rev1 has it.
func encodeUTF7(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := 0
		for n < len(s) && (s[n] < ' ' || s[n] > '~') {
			n++
		}
		switch {
		case n > 0:
			b.WriteString("&" + encodeRun(s[:n]) + "-")
		case s[0] == '&':
			b.WriteString("&-")
			n = 1
		default:
			b.WriteByte(s[0])
			n = 1
		}
		s = s[n:]
	}
	return b.String()
}

// encodeRun encodes what is not printable ASCII, as UTF-16 in base64.
func encodeRun(s string) string {
	var units []byte
	for _, u := range utf16.Encode([]rune(s)) {
		units = append(units, byte(u>>8), byte(u))
	}
	return utf7.EncodeToString(units)
}

// decodeUTF7 reads what encodeUTF7 writes; false where it is anything else, so that
// no two spellings lead to one name.
func decodeUTF7(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '&' {
			b.WriteByte(s[i])
			continue
		}
		run, _, closed := strings.Cut(s[i+1:], "-")
		if !closed {
			return "", false
		}
		if run == "" {
			b.WriteByte('&')
		} else if text, ok := decodeRun(run); ok {
			b.WriteString(text)
		} else {
			return "", false
		}
		i += len(run) + 1
	}
	name := b.String()
	return name, encodeUTF7(name) == s
}

func decodeRun(run string) (string, bool) {
	octets, err := utf7.DecodeString(run)
	if err != nil || len(octets)%2 != 0 {
		return "", false
	}
	units := make([]uint16, len(octets)/2)
	for i := range units {
		units[i] = uint16(octets[2*i])<<8 | uint16(octets[2*i+1])
	}
	text := string(utf16.Decode(units))
	return text, !strings.ContainsRune(text, utf8.RuneError)
}

// decodeName reads a folder's name, or a pattern for some, from a command. UTF-8 as it is is
// taken from everybody; what is no modified UTF-7 stands for itself, "&" included,
// since older clients write so.
func decodeName(s string, utf8Names bool) string {
	if utf8Names || strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }) {
		return s
	}
	if name, ok := decodeUTF7(s); ok {
		return name
	}
	return s
}

// name appends a folder's name as the session wants it.
func (c *conn) name(s string) {
	if c.rev2 || c.utf8 {
		c.out.utf8(s)
	} else {
		c.out.quoted(encodeUTF7(s))
	}
}

// utf8 appends s in quotes with 8 bits, as IMAP4rev2 allows (RFC 9051 §4.3). s
// holds no control characters.
func (o *output) utf8(s string) {
	o.text(`"`, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s), `"`)
}
