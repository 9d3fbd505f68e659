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
	}
	r, ok := charsetReader(name, bytes.NewReader(b))
	if !ok {
		return guess(b)
	}
	out, _ := io.ReadAll(r) // what was converted before an error is what there is
	return string(bytes.ToValidUTF8(out, []byte("\uFFFD")))
}

func guess(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out, _ := charmap.Windows1252.NewDecoder().Bytes(b)
	return string(out)
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
