package mail

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/charmap"
)

// toUTF8 converts text from a charset. Where the charset is unknown or not named
// the text is taken for UTF-8 if it is that, else for Windows-1252, so that what a
// person or a rule could read stays readable.
func toUTF8(name string, b []byte) string {
	name = charsetName(name)
	switch name {
	case "":
		return guess(b)
	case "utf-8":
		if utf8.Valid(b) {
			return string(b)
		}
		return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
	case "windows-1252":
		return fromLatin(b)
	}
	r, ok := charsetReader(name, bytes.NewReader(b))
	if !ok {
		return guess(b)
	}
	out, _ := io.ReadAll(r) // what was converted before an error is what there is
	return string(bytes.ToValidUTF8(out, []byte("\uFFFD")))
}

// decodeBody is toUTF8 for the body of a part. There is more to go by
// than the name, which is often wrong: a byte order mark, the <meta> of HTML, and what
// the text can't be.
func decodeBody(p *Part, b []byte) string {
	if isPlain(b) && p.writesASCII(b) {
		return dropCR(b)
	}
	return decodeNamed(p, b)
}

// decodeNamed is decodeBody for a body of any octets.
func decodeNamed(p *Part, b []byte) string {
	name, b := bodyCharset(p, b)
	switch {
	case (name == "" || name == "utf-8") && utf8.Valid(b):
		return dropCR(b)
	case !strings.HasPrefix(name, "utf-16"):
		return toUTF8(name, []byte(dropCR(b)))
	}
	return strings.ReplaceAll(toUTF8(name, b), "\r\n", "\n")
}

// isPlain reports whether there is nothing in a body but ASCII, without NUL and ESC.
func isPlain(b []byte) bool {
	return isASCII(b) && bytes.IndexByte(b, 0) < 0 && bytes.IndexByte(b, 0x1b) < 0
}

// writesASCII reports whether a plain body of a part is what it looks like, whatever charset it
// names: most write ASCII as it is.
func (p *Part) writesASCII(b []byte) bool {
	name := charsetName(p.Params["charset"])
	if name == "" && p.isHTML() {
		name = metaCharset(b)
	}
	return name == "" || name == "utf-8" || isWide(name) || isSingle(name)
}

// isSingle reports whether a charset has an octet for each character, and has ASCII in it.
func isSingle(name string) bool {
	switch name {
	case "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258",
		"iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-9", "iso-8859-10", "iso-8859-13",
		"iso-8859-14", "iso-8859-15", "iso-8859-16", "koi8-r", "koi8-u":
		return true
	}
	return false
}

// isWide reports whether a charset has ASCII in it, and for other characters several octets.
func isWide(name string) bool {
	switch name {
	case "gb2312", "gbk", "gb18030", "big5", "euc-kr", "euc-jp", "shift_jis":
		return true
	}
	return false
}

// bodyCharset returns the charset to believe in, and the body without byte order mark.
func bodyCharset(p *Part, b []byte) (string, []byte) {
	for _, bom := range [...]struct{ mark, name string }{{"\xef\xbb\xbf", "utf-8"}, {"\xff\xfe", "utf-16le"}, {"\xfe\xff", "utf-16be"}} {
		if rest, ok := bytes.CutPrefix(b, []byte(bom.mark)); ok {
			return bom.name, rest
		}
	}
	name := charsetName(p.Params["charset"])
	if name != "utf-8" && name != "windows-1252" && (name == "" || !isCharset(name)) {
		name = ""
		if p.isHTML() {
			name = metaCharset(b)
		}
	}
	wide := wideCharset(b)
	switch {
	case strings.HasPrefix(name, "utf-16"):
		if wide == "" {
			return "", b
		}
		return wide, b
	case wide != "":
		return wide, b
	case name == "" && (bytes.Contains(b, []byte("\x1b$B")) || bytes.Contains(b, []byte("\x1b$@"))):
		return "iso-2022-jp", b
	case name == "utf-8" && !hasUTF8(b), name != "utf-8" && name != "utf-7" && isUTF8(b, name):
		return "", b // toUTF8 guesses
	}
	return name, b
}

// sniffed is how much of a body is looked at for what it might be, in octets.
const sniffed = 2 << 10

// metaCharset returns the charset that an HTML document names itself, or "".
func metaCharset(b []byte) string {
	s := string(b[:min(len(b), sniffed)])
	for {
		i := indexFold(s, "<meta")
		if i < 0 {
			return ""
		}
		tag, rest, _ := strings.Cut(s[i:], ">")
		if n := indexFold(tag, "charset="); n >= 0 {
			value := strings.TrimLeft(tag[n+len("charset="):], " \"'")
			if end := strings.IndexAny(value, " \"';/"); end >= 0 {
				value = value[:end]
			}
			if name := charsetName(value); isCharset(name) && !strings.HasPrefix(name, "utf-16") {
				return name
			}
		}
		s = rest
	}
}

// wideCharset returns the UTF-16 that a body is in, "" if it is in none: of Latin text
// every other octet is 0.
func wideCharset(b []byte) string {
	b = b[:min(len(b), sniffed)]
	var zeros [2]int
	for i, c := range b {
		if c == 0 {
			zeros[i&1]++
		}
	}
	switch most := len(b) * 2 / 5; {
	case len(b) < 4:
	case zeros[1] >= most && zeros[0]*8 < zeros[1]:
		return "utf-16le"
	case zeros[0] >= most && zeros[1]*8 < zeros[0]:
		return "utf-16be"
	}
	return ""
}

// hasUTF8 reports whether octets that are not ASCII are UTF-8, at least one time in two.
func hasUTF8(b []byte) bool {
	good, bad := 0, 0
	for len(b) > 0 {
		if b[0] < utf8.RuneSelf {
			b = b[1:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			bad++
		} else {
			good++
		}
		b = b[n:]
	}
	return good >= bad
}

// isUTF8 reports whether a body that is said to be in another charset is UTF-8: one
// octet of single-byte text hardly makes a character of it by chance; five pairs of others hardly do.
func isUTF8(b []byte, name string) bool {
	if !utf8.Valid(b) {
		return false
	}
	if !isWide(name) {
		return !strings.HasPrefix(name, "iso-2022") && name != "hz-gb-2312"
	}
	const enough = 5
	n := 0
	for i := 0; i < len(b) && n < enough; i++ {
		if b[i] >= 0xc0 {
			n++
		}
	}
	return n == enough
}

func isCharset(name string) bool {
	if isSingle(name) || isWide(name) {
		return true
	}
	_, ok := charsetReader(name, strings.NewReader(""))
	return ok
}

// dropCR makes CRLF LF.
func dropCR(b []byte) string {
	var out strings.Builder
	out.Grow(len(b))
	for {
		n := bytes.IndexByte(b, '\r')
		if n < 0 {
			out.Write(b)
			return out.String()
		}
		end := n + 1
		if end < len(b) && b[end] == '\n' {
			end = n
		}
		out.Write(b[:end])
		b = b[n+1:] // of CRLF the LF goes with the next line
	}
}

func guess(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return fromLatin(b)
}

// fromLatin decodes Windows-1252.
func fromLatin(b []byte) string {
	var out strings.Builder
	out.Grow(len(b) + len(b)/8)
	for len(b) > 0 {
		n := 0
		for n < len(b) && b[n] < utf8.RuneSelf {
			n++
		}
		out.Write(b[:n])
		if b = b[n:]; len(b) > 0 {
			out.WriteRune(charmap.Windows1252.DecodeByte(b[0]))
			b = b[1:]
		}
	}
	return out.String()
}

// charsetReader returns a reader that converts from the charset charsetName
// returned, false if it is unknown.
func charsetReader(name string, r io.Reader) (io.Reader, bool) {
	if name == "utf-7" {
		return &transferReader{src: r, dec: &utf7Decoder{}}, true
	}
	conv, err := charset.Reader(name, r)
	return conv, err == nil
}

// charsetName returns the name under which a charset is known: "" for ASCII, which
// in mail means all that nobody labelled, otherwise lower case without the aliases
// that the tables of golang.org/x/text lack. As in browsers, Latin-1 is
// Windows-1252, whose letters stand where Latin-1 has control characters.
func charsetName(name string) string {
	name = strings.ToLower(strings.Trim(name, " \t\"'"))
	switch name {
	case "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "x-unknown", "unknown", "8bit", "7bit", "default", "binary":
		return ""
	case "utf8":
		return "utf-8"
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "l1", "ansi", "cp1252":
		return "windows-1252"
	case "cp932", "ms932", "windows-932", "windows-31j", "x-sjis", "sjis":
		return "shift_jis"
	case "cp936", "ms936", "windows-936", "x-gbk":
		return "gbk"
	case "cp949", "ms949", "windows-949", "x-windows-949", "uhc", "ks_c_5601":
		return "euc-kr"
	case "cp950", "ms950", "windows-950", "x-big5":
		return "big5"
	case "unicode-1-1-utf-7", "x-unicode-1-1-utf-7", "utf7", "csutf7":
		return "utf-7"
	}
	return name
}
