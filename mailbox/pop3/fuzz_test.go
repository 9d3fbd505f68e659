package pop3

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

// FuzzDotted: what a client makes of a multi-line response is the message, with CRLF line ends.
func FuzzDotted(f *testing.F) {
	f.Add([]byte("Subject: x\r\n\r\n.\r\n..a\nb"), 2)
	f.Add([]byte("a\r\r\n\n.\n"), -1)
	f.Add(bytes.Repeat([]byte(".\r"), 20_000), -1)
	f.Fuzz(func(t *testing.T, message []byte, lines int) {
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		if err := dotted(w, bytes.NewReader(message), max(lines, -1)); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		said := out.String()
		text, ok := strings.CutSuffix(said, ".\r\n")
		if !ok || text != "" && !strings.HasSuffix(text, "\r\n") {
			t.Fatalf("no end: %q", said)
		}
		var got strings.Builder
		for line := range strings.Lines(text) {
			if line == ".\r\n" {
				t.Fatalf("the end comes early: %q", said)
			}
			got.WriteString(strings.TrimPrefix(line, "."))
		}
		if lines >= 0 {
			return
		}
		want := strings.ReplaceAll(strings.ReplaceAll(string(message), "\r\n", "\n"), "\n", "\r\n")
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\r\n"
		}
		if got.String() != want {
			t.Fatalf("got %q, want %q", got.String(), want)
		}
	})
}

// FuzzLine: a line is within its bound, whatever comes.
func FuzzLine(f *testing.F) {
	f.Add("USER ann\r\n", 255)
	f.Fuzz(func(t *testing.T, said string, limit int) {
		s := &session{in: bufio.NewReaderSize(strings.NewReader(said), 16)}
		limit = min(max(limit, 1), maxLine)
		for {
			line, err := s.line(limit)
			if err != nil {
				return
			}
			if len(line) > limit || strings.Contains(line, "\n") {
				t.Fatalf("got %q", line)
			}
		}
	})
}
