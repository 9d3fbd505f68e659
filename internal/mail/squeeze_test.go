package mail

import (
	"bytes"
	"strings"
	"testing"
)

func squeezed(source string, chunk int) string {
	s := newSqueezer()
	var out []byte
	for b := []byte(source); len(b) > 0; {
		n := min(chunk, len(b))
		out = append(out, s.squeeze(b[:n])...)
		b = b[n:]
	}
	return string(append(out, s.rest()...))
}

// TestSqueeze: what is left of HTML, so that what nobody sees takes no room.
func TestSqueeze(t *testing.T) {
	long := strings.Repeat("x", 2*maxAttribute)
	for _, tt := range []struct{ name, source, want string }{
		{"comments", "a<!-- <p> -->b<!-->c<!--->d<!----!>e<!-- > - -- >--->f<!-", "abcdef<!-"},
		{"comment to the end", "a<!-- b", "a"},
		{"Outlook", "a<!--[if mso]>b<!-- c --><![endif]-->d", "a<!--[if mso]>b<![endif]-->d"},
		{"scripts", "a<script type=x>b<!-- </scriptx> </SCRIPT >c<iframe>d</iframe>", "a<script type=x></SCRIPT >c<iframe></iframe>"},
		{"styles", "<style>" + strings.Repeat("y", maxSheets+1) + "</style>a<style>z</style>", "<style>" + strings.Repeat("y", maxSheets) + "</style>a<style></style>"},
		{"raw text", "<xmp><!-- </xmp>a<TextArea><!--</textarea>b<title><!--</title>c", "<xmp><!-- </xmp>a<TextArea><!--</textarea>b<title><!--</title>c"},
		{"values", `<img src="` + long + `" alt='` + long + `' x=` + long + ` y>`, `<img src="` + long[:maxAttribute-1] + `" alt='` + long[:maxAttribute-1] + `' x=` + long[:maxAttribute] + ` y>`},
		{"comment in a value", `<a title="<!-- "><p a='>' b = "<!--">`, `<a title="<!-- "><p a='>' b = "<!--">`},
		{"no values", `<a ="><!-- x -->b<a b/=">c<!x="><!--y-->d</ x=">e<?style>f<!style>` + long, `<a =">b<a b/=">c<!x=">d</ x=">e<?style>f<!style>` + long},
		{"no tags", "a < b <1 <<p> <", "a < b <1 <<p> <"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, chunk := range []int{1, 3, 1 << 20} {
				if got := squeezed(tt.source, chunk); got != tt.want {
					t.Errorf("in pieces of %d: got %.200q, want %.200q", chunk, got, tt.want)
				}
			}
		})
	}
}

func FuzzSqueeze(f *testing.F) {
	f.Add("<!-- --!><style>a</style><a b = \"c\" d='e' f=g><script><!--</script><![endif]--><!--[if mso]></p x=\">")
	f.Fuzz(func(t *testing.T, source string) {
		got := squeezed(source, 1<<20)
		if len(got) > len(source) || got != squeezed(source, 1) {
			t.Errorf("%q became %q, and by octets %q", source, got, squeezed(source, 1))
		}
		if len(source) < maxAttribute && !bytes.Contains([]byte(source), []byte("<")) && got != source {
			t.Errorf("%q became %q", source, got)
		}
		if len(source) >= maxAttribute {
			return
		}
		var before, after page // what is left shows the same
		readHTML(source, &before)
		readHTML(got, &after)
		if before.visible.String() != after.visible.String() {
			t.Errorf("%q shows %q, and as %q %q", source, before.visible.String(), got, after.visible.String())
		}
	})
}
