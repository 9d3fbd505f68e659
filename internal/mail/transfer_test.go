package mail

import (
	"bytes"
	"strings"
	"testing"
)

// slowQuoted decodes octet by octet.
func slowQuoted(src []byte) []byte {
	var d quotedDecoder
	var dst []byte
	for _, c := range src {
		switch d.state {
		case quotedText:
			dst = d.text(dst, c)
		case quotedEqual:
			dst = d.equal(dst, c)
		case quotedDigit:
			d.state = quotedText
			if b, ok := unhex(d.first, c); ok {
				dst = append(dst, b)
				break
			}
			dst = d.text(append(dst, '=', d.first), c)
		case quotedBreak:
			dst = d.softBreak(dst, c)
		}
	}
	return d.flush(dst)
}

// FuzzQuoted: text is decoded in runs as it is octet by octet, whatever pieces it comes in.
func FuzzQuoted(f *testing.F) {
	for _, s := range []string{
		"", "a b=20=\r\nc \t\r\nd", "a =  \r\nb=", "=4", "=4x=x4=3D3D", " \t", "a " + strings.Repeat(" ", 2*maxSpaces+3) + "\r\nb", strings.Repeat("\t", maxSpaces+1) + "=\n",
		"a=" + strings.Repeat(" ", maxSpaces+5) + "b", "\n\r =\r", "a \n b \r c ",
	} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, src []byte, piece int) {
		var d quotedDecoder
		var got []byte
		for b := src; len(b) > 0; {
			n := min(len(b), max(piece, 1))
			got, b = d.decode(got, b[:n]), b[n:]
		}
		if got, want := d.flush(got), slowQuoted(src); !bytes.Equal(got, want) {
			t.Errorf("%q in pieces of %d: got %q, want %q", src, piece, got, want)
		}
	})
}
