package mail

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
)

// FuzzPlainBody: a body of plain ASCII is read as one of any octets would be, whatever charset it names.
func FuzzPlainBody(f *testing.F) {
	all := make([]byte, 0, 127)
	for c := byte(1); c < 0x80; c++ {
		if c != 0x1b {
			all = append(all, c)
		}
	}
	for _, name := range []string{
		"", "us-ascii", "UTF-8", "iso-8859-1", "iso-8859-2", "iso-8859-6", "iso-8859-8", "iso-8859-12", "iso-8859-16", "windows-1251", "windows-1258", "koi8-r", "koi8-u", "gb2312",
		"gbk", "gb18030", "big5", "euc-kr", "euc-jp", "shift_jis", "iso-2022-jp", "hz-gb-2312", "utf-7", "utf-16", "utf-16le", "ibm037", "x-unknown-8bit", "macintosh",
	} {
		for _, html := range []bool{false, true} {
			f.Add(name, html, all)
			f.Add(name, html, []byte("a\r\nb~{<:Ky2;~}+AGE-"))
			f.Add("", html, []byte("<META content='text/html; charset="+name+"'>a~{<:Ky2;~}+AGE-\r"))
		}
	}
	f.Fuzz(func(t *testing.T, name string, html bool, body []byte) {
		p := &Part{Type: "text", Subtype: "plain", Params: map[string]string{"charset": name}}
		if html {
			p.Subtype = "html"
		}
		if got, want := decodeBody(p, body), decodeNamed(p, body); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	})
}

// TestFromLatin: as the library's decoder has it.
func TestFromLatin(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c), 'x')
	}
	for i := range all {
		want, err := charmap.Windows1252.NewDecoder().Bytes(all[i:])
		if got := fromLatin(all[i:]); err != nil || got != string(want) {
			t.Fatalf("got %q, want %q (%v)", got, want, err)
		}
	}
}

// TestIsASCII: wherever the octet stands that is none.
func TestIsASCII(t *testing.T) {
	for n := range 40 {
		b := bytes.Repeat([]byte{0x7f}, n)
		if !isASCII(b) || !isASCII(string(b)) {
			t.Errorf("%d octets are none", n)
		}
		for i := range n {
			b[i] = 0x80
			if isASCII(b) || isASCII(string(b)) {
				t.Errorf("octet %d of %d was not seen", i, n)
			}
			b[i] = 0x7f
		}
	}
}

// TestIndexFold: in either case, wherever it stands.
func TestIndexFold(t *testing.T) {
	for _, c := range []struct {
		s, word string
		want    int
	}{
		{"a<META", "<meta", 1}, {"<<meta", "<meta", 1}, {"<met", "<meta", -1}, {"", "url(", -1}, {"xURL(", "url(", 1}, {"u\u017frl(", "url(", -1}, {"url[", "url(", -1},
		{strings.Repeat("<", 9) + "meta", "<meta", 8},
	} {
		if got := indexFold(c.s, c.word); got != c.want {
			t.Errorf("%q in %q: got %d, want %d", c.word, c.s, got, c.want)
		}
	}
}
