package remote

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// said is a connection on which a server has said something and gone.
func said(text string) *conn {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		io.WriteString(there, text)
	}()
	go io.Copy(io.Discard, there)
	return newConn(here, 10*time.Second)
}

func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"* OK [UIDVALIDITY 7] hello (\r\n", "* 1 FETCH (UID 4 BODY[] {5}\r\nhello FLAGS (\\Seen))\r\n", "* LIST (\\Sent) \"/\" {3}\r\na\"b\r\n",
		"+ \r\n", "* 1 FETCH (BODY[HEADER.FIELDS (DATE)] NIL)\r\n", "* {99999999999}\r\n", "((((\r\n", "* 1 FETCH (BODY[] \"x\\\"\")\r\n", "* 2 FETCH (UID 3 FLAGS (\\Seen $Work (x)))\r\n", "* LIST (\\Noselect) NIL \"\"\r\n", "* NAMESPACE ((\"\" \"/\")) NIL ((\"#\" NIL)(x))\r\n",
		"* 1 FETCH (BODY[] {1500}\r\n" + strings.Repeat("x", 1500) + ")\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := said(text)
		defer c.Close()
		var got bytes.Buffer
		into := &literalSink{after: "BODY[]", w: &got, most: 1000}
		for range 100 {
			r, err := c.response(into)
			if err != nil {
				break
			}
			r.failed()
			r.code("UIDVALIDITY")
			if _, ok, err := entry(r); ok && err == nil {
				flagsOf(r, map[string]string{})
				body(r)
			}
			spaced(r).others("INBOX/x")
			if l, ok := listed(r, "LIST"); ok && l.Name == "" {
				t.Error("a folder without a name")
			}
		}
		if got.Len() > 1000 {
			t.Errorf("%d octets of 1000", got.Len())
		}
	})
}

// What is not too large comes as it was, with lines that end in CRLF; no more is written than is asked for.
func FuzzContent(f *testing.F) {
	for _, s := range []string{"", "hello\r\n", ".dots\r\n..\r\n", "bare\nlf\n", "\r\n", "\n", ".", "a\r", strings.Repeat("long ", 10000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.TrimSuffix(text, "\n")
		var b strings.Builder
		for line := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(line, ".") {
				b.WriteString(".")
			}
			b.WriteString(line + "\n")
		}
		c := said(b.String() + ".\r\n")
		defer c.Close()
		var got bytes.Buffer
		err := (&POP3{c: c}).content(&bounded{&got, 1 << 16})
		want := strings.ReplaceAll(strings.ReplaceAll(text+"\n", "\r\n", "\n"), "\n", "\r\n")
		switch {
		case len(want) > 1<<16:
			if err == nil {
				t.Error("too much was taken")
			}
		case err != nil || got.String() != want:
			t.Errorf("got %q, %v; want %q", got.String(), err, want)
		}
	})
}
