package mail

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outline draws a structure: a line a part, its body's octets and lines.
func outline(m *Message) string {
	var b strings.Builder
	var draw func(p *Part, depth int)
	draw = func(p *Part, depth int) {
		body, _ := io.ReadAll(m.Raw(p))
		if len(p.Parts) > 0 {
			body = nil
		}
		fmt.Fprintf(&b, "%s%s/%s %d-%d-%d lines=%d flaws=%b %q\n", strings.Repeat(" ", depth), p.Type, p.Subtype,
			p.Start, p.Body, p.End, p.Lines, p.Flags, body)
		for _, child := range p.Parts {
			draw(child, depth+1)
		}
	}
	draw(m.Root(), 0)
	return b.String()
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

const mixed = "Content-Type: multipart/mixed; boundary=b\n\n"

var update = flag.Bool("update", false, "write the golden files anew")

// TestRoot compares structures with testdata/root.golden.
func TestRoot(t *testing.T) {
	tests := []struct{ name, content string }{
		{"no header", "hello\nworld\n"},
		{"empty", ""},
		{"two parts", mixed + "pre\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n2\n--b--\npost\n"},
		{"empty part without its line", mixed + "--b\nX: y\n--b--\n"},
		{"part without header", mixed + "--b\nclick here\n--b--\n"},
		{"nothing between", mixed + "--b\n--b--\n"},
		{"not closed", mixed + "--b\n\none\n"},
		{"no boundary", "Content-Type: multipart/mixed\n\n--b\n\none\n"},
		{"bad type", "Content-Type: text\n\nx"},
		{"boundary begins another", mixed + "--bb\n--b x\n--b \n\none\n--b-- \n"},
		{"outer ends inner", mixed + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--\n"},
		{"inner has the same boundary", mixed + "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n"},
		{"closed is closed", mixed + "--b\n\none\n--b--\n--b\n\ntwo\n"},
		{"message", "Content-Type: message/rfc822\n\nSubject: x\n\nbody\nmore\n"},
		{"message in multipart", mixed + "--b\nContent-Type: message/rfc822\n\n" + mixed + "--b\n\none\n--b--\n"},
		{"empty message", "Content-Type: message/rfc822\n\n"},
		{"empty message in multipart", mixed + "--b\nContent-Type: message/rfc822\n--b--\n"},
		{"encoded message", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\neA==\n"},
		{"unknown encoding", "Content-Transfer-Encoding: x-foo\n\nx"},
		{"encoded multipart", "Content-Transfer-Encoding: base64\n" + mixed + "--b\n\none\n--b--\n"},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: 1\n\none\n--b\n\nSubject: 2\n\ntwo\n--b\nbare\n--b--\n"},
	}
	var got strings.Builder
	for _, tt := range tests {
		inMemory, spooled := both(crlf(tt.content))[0], both(crlf(tt.content))[1]
		if a, b := outline(inMemory), outline(spooled); a != b {
			t.Errorf("%s: in memory\n%sspooled\n%s", tt.name, a, b)
		}
		fmt.Fprintf(&got, "%s\n%s\n", tt.name, outline(inMemory))
	}
	golden(t, "testdata/root.golden", got.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestDescribe(t *testing.T) {
	tests := []struct {
		name, header string
		check        func(p *Part) any
		want         any
	}{
		{"type", "Content-Type: TEXT/Html; Charset=\"UTF-8\"", func(p *Part) any { return p.Type + p.Subtype + p.Params["charset"] }, "texthtmlUTF-8"},
		{"default charset", "X: y", func(p *Part) any { return p.Params["charset"] }, "us-ascii"},
		{"no semicolon", "Content-Type: multipart/mixed boundary=\"x y\"", func(p *Part) any { return p.Params["boundary"] }, "x y"},
		{"comment", "Content-Type: text/plain (a;b) ; (c) charset=x", func(p *Part) any { return p.Params["charset"] }, "x"},
		{"first double", "Content-Type: text/plain; a=1; a=2", func(p *Part) any { return p.Params["a"] }, "1"},
		{"escapes", `Content-Type: a/b; a="1\"2\\"`, func(p *Part) any { return p.Params["a"] }, `1"2\`},
		{"open quote", `Content-Type: a/b; a="1; b=2`, func(p *Part) any { return p.Params["a"] }, "1; b=2"},
		{"continued", "Content-Type: a/b; n*1=bc; n*0=\"a\"; n*2=d", func(p *Part) any { return p.Params["n"] }, "abcd"},
		{"extended", "Content-Disposition: attachment; filename*=utf-8'en'%e2%82%ac%20x", func(p *Part) any { return p.Filename }, "€ x"},
		{"continued and extended", "Content-Disposition: attachment; filename*0*=iso-8859-15''%A4; filename*1=%41; filename*2*=%42; filename=z",
			func(p *Part) any { return p.Filename }, "€%41B"},
		{"encoded word", "Content-Disposition: attachment; filename=\"=?utf-8?q?caf=C3=A9?=.pdf\"", func(p *Part) any { return p.Filename }, "café.pdf"},
		{"bare encoded word", "Content-Type: a/b; name==?utf-8?q?a b?=; x=y", func(p *Part) any { return p.Filename + p.Params["x"] }, "a by"},
		{"8-bit name", "Content-Type: a/b; name=\"caf\xe9\"", func(p *Part) any { return p.Filename }, "café"},
		{"disposition first", "Content-Type: a/b; name=x\r\nContent-Disposition: INLINE; filename=y", func(p *Part) any { return p.Disposition + p.Filename }, "inliney"},
		{"encoding", "Content-Transfer-Encoding: (x) BASE64;", func(p *Part) any { return p.Encoding }, "base64"},
		{"id", "Content-ID: <a@b>\r\nContent-Description: =?x?=", func(p *Part) any { return p.ID + p.Description }, "<a@b>=?x?="},
		{"bad pieces", "Content-Type: a/b; n*x=1; n*=2; *=3", func(p *Part) any { return p.Params["n"] }, "2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.check(NewMessage([]byte(tt.header + "\r\n\r\n")).Root()); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// bomb nests multiparts and closes none.
func bomb(depth int) string {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n", i, i)
	}
	return b.String() + "\r\nx\r\n"
}

func TestBounds(t *testing.T) {
	deep := NewMessage([]byte(bomb(2000))).Root()
	levels := 0
	for p := deep; ; p = p.Parts[0] {
		levels++
		if len(p.Parts) == 0 {
			break
		}
	}
	if levels != MaxDepth || !deep.Flags.Has(TooDeep) {
		t.Errorf("%d levels, flaws %b", levels, deep.Flags)
	}
	many := NewMessage([]byte(crlf(mixed + strings.Repeat("--b\n\nx\n", 20000)))).Root()
	if len(many.Parts) != MaxParts-1 || !many.Flags.Has(TooMany) {
		t.Errorf("%d parts, flaws %b", len(many.Parts), many.Flags)
	}
	nested := NewMessage([]byte(strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 2000))).Root()
	if !nested.Flags.Has(TooDeep) {
		t.Errorf("messages: flaws %b", nested.Flags)
	}
	header := strings.Repeat("a:\n", 10000)
	big := NewMessage([]byte(crlf(mixed + strings.Repeat("--b\n"+header+"\nx\n", 200)))).Root()
	if !big.Flags.Has(TooMany) || len(big.Parts) > 2*maxHeaders/len(header) {
		t.Errorf("headers: %d parts, flaws %b", len(big.Parts), big.Flags)
	}
}

// TestHostile asks all there is of messages that are made to be slow. Time that
// grows with the square of their size would be minutes.
func TestHostile(t *testing.T) {
	const html = "Content-Type: text/html\r\n\r\n"
	for name, content := range map[string]string{
		"1.1 KB":          bomb(22),
		"near delimiters": bomb(60) + strings.Repeat("--1\r\n--50\r\n--\r\n", 40000),
		"encoded words":   "Subject: " + strings.Repeat("=?x?q?", 40000),
		"quotes":          "From: " + strings.Repeat("\"(<", 80000),
		"escaped quotes":  "From: " + strings.Repeat("\"\\", 120000),
		"dots":            "From: " + strings.Repeat("a. ", 80000) + "@b",
		"ats":             "From: a" + strings.Repeat("@b", 120000),
		"labels":          "From: a@" + strings.Repeat("b.", 120000),
		"angles":          "From: " + strings.Repeat("a@b<", 60000),
		"pieces":          "Content-Type: a/b" + strings.Repeat("; a*0=b", 30000),
		"comments":        "Content-Type: a/b" + strings.Repeat(";(", 120000),
		"tags":            html + strings.Repeat("<a href=", 100000),
		"attributes":      html + strings.Repeat("<a a", 200000),
		"comment starts":  html + strings.Repeat("<!--", 200000),
		"elements":        html + strings.Repeat("<b>", 100) + strings.Repeat("</i>", 200000),
		"links":           "A: b\r\n\r\n" + strings.Repeat("http://", 100000),
	} {
		t.Run(name, func(t *testing.T) {
			before := processor(t)
			m := NewMessage([]byte(content))
			m.Extract()
			m.Author()
			m.Date()
			if d := processor(t) - before; d > 20*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// processor is the time of processors that the tests have used, which a busy machine does not
// make longer.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func TestRootReadError(t *testing.T) {
	m := NewSpooled(strings.NewReader("A: b\r\n\r\nshort"), 100000)
	m.Root()
	if m.Err() != io.ErrUnexpectedEOF {
		t.Errorf("got %v", m.Err())
	}
}

func FuzzRoot(f *testing.F) {
	f.Add(crlf(mixed + "--b\nContent-Type: message/rfc822\n\nA: b\n\nx\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ny\n--b--\n"))
	f.Add("Content-Type: multipart/digest; boundary=b\n\n--b\nx\n--b\n\n\n--b--")
	f.Add(bomb(60))
	f.Fuzz(func(t *testing.T, s string) {
		var outlines []string
		for _, m := range both(s) {
			nested(t, m.Root(), 0, m.Size(), 1)
			outlines = append(outlines, outline(m))
			m.Extract()
			m.Author()
			m.Date()
			for p := range m.Root().All() {
				body, _ := io.ReadAll(m.Raw(p))
				if n := strings.Count(string(body), "\n"); n != p.Lines {
					t.Errorf("part at %d: %d lines, counted %d", p.Start, p.Lines, n)
				}
			}
		}
		if outlines[0] != outlines[1] {
			t.Errorf("in memory\n%sspooled\n%s", outlines[0], outlines[1])
		}
	})
}

// nested checks that the parts lie in order within start and end.
func nested(t *testing.T, p *Part, start, end int64, depth int) {
	t.Helper()
	if p.Header == nil || p.Start < start || p.Body < p.Start || p.End < p.Body || p.End > end || depth > MaxDepth {
		t.Fatalf("part %d-%d-%d outside %d-%d", p.Start, p.Body, p.End, start, end)
	}
	at := p.Body
	for _, child := range p.Parts {
		nested(t, child, at, p.End, depth+1)
		at = child.End
	}
}
