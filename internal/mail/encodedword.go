package mail

import "strings"

// DecodeText returns a header value as a person reads it: its encoded words (RFC 2047) decoded, in UTF-8.
func DecodeText(s string) string { return decodeWords(s) }

// decodeWords decodes the encoded words in a header value (RFC 2047) and returns
// UTF-8. Rules that senders break are not insisted on: words may stand within
// others, hold spaces, be longer than 75 octets and end in the midst of a character
// that the next one completes. What can't be decoded stays as written.
func decodeWords(s string) string {
	i := strings.Index(s, "=?")
	if i < 0 {
		return clean(s)
	}
	var out strings.Builder
	var run wordRun
	for i >= 0 {
		w, n := cutEncodedWord(s[i:])
		if n == 0 {
			next := strings.Index(s[i+2:], "=?")
			if next < 0 {
				break
			}
			i += 2 + next
			continue
		}
		// White space between encoded words is not text (RFC 2047 §6.2).
		if text := s[:i]; run.empty() || strings.Trim(text, " \t") != "" {
			run.flush(&out)
			out.WriteString(clean(text))
		}
		run.add(&out, w)
		s = s[i+n:]
		i = strings.Index(s, "=?")
	}
	run.flush(&out)
	out.WriteString(clean(s))
	return out.String()
}

func clean(s string) string {
	if isASCII(s) {
		return s
	}
	return guess([]byte(s))
}

// A wordRun collects the octets of neighbouring encoded words in one charset.
type wordRun struct {
	charset string
	octets  []byte
	open    bool
}

func (r *wordRun) empty() bool { return !r.open }

func (r *wordRun) add(out *strings.Builder, w encodedWord) {
	if r.open && !strings.EqualFold(r.charset, w.charset) {
		r.flush(out)
	}
	r.open, r.charset = true, w.charset
	r.octets = w.appendTo(r.octets)
}

func (r *wordRun) flush(out *strings.Builder) {
	if r.open {
		out.WriteString(toUTF8(r.charset, r.octets))
	}
	r.open, r.octets = false, r.octets[:0]
}

// An encodedWord is "=?charset?Q?text?=".
type encodedWord struct {
	charset string
	base64  bool
	text    string
}

// maxEncodedWord bounds an encoded word; RFC 2047 §2 allows 75 octets.
const maxEncodedWord = 4 << 10

// cutEncodedWord takes the encoded word at the front of s, of n octets; n is 0 if there is none.
func cutEncodedWord(s string) (w encodedWord, n int) {
	s = s[:min(len(s), maxEncodedWord)]
	q := strings.IndexByte(s[2:], '?')
	if q <= 0 || len(s) < 2+q+4 || s[2+q+2] != '?' {
		return w, 0
	}
	w.charset, _, _ = strings.Cut(s[2:2+q], "*") // a language: RFC 2231 §5
	if strings.ContainsAny(w.charset, " \t=\"") {
		return w, 0
	}
	switch s[2+q+1] {
	case 'b', 'B':
		w.base64 = true
	case 'q', 'Q':
	default:
		return w, 0
	}
	start := 2 + q + 3
	end := strings.Index(s[start:], "?=")
	if end < 0 {
		return w, 0
	}
	w.text = s[start : start+end]
	return w, start + end + 2
}

// encodedWordEnd returns the length of the encoded word at the front of s, or 0.
func encodedWordEnd(s string) int {
	if !strings.HasPrefix(s, "=?") {
		return 0
	}
	_, n := cutEncodedWord(s)
	return n
}

func (w encodedWord) appendTo(dst []byte) []byte {
	if w.base64 {
		d := &base64Decoder{}
		return d.flush(d.decode(dst, []byte(w.text)))
	}
	for i := 0; i < len(w.text); i++ {
		c := w.text[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(w.text):
			if b, ok := unhex(w.text[i+1], w.text[i+2]); ok {
				c = b
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}
