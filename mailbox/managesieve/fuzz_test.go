package managesieve

import (
	"bufio"
	"errors"
	"strings"
	"testing"
)

// FuzzRequest: commands are read within their bounds, and what is in a string is no command.
func FuzzRequest(f *testing.F) {
	f.Add("PUTSCRIPT \"a\\\"\" {6+}\r\nkeep;\n\r\nNOOP\n")
	f.Add("HAVESPACE \"x\" 12345\r\nAUTHENTICATE \"PLAIN\" {3+}\r\nabc\r\n")
	f.Add("X y {3+}\r\nabc {1+}\r\na\"\r\n{1}\r\n")
	f.Fuzz(func(t *testing.T, said string) {
		r := &reader{bufio.NewReaderSize(strings.NewReader(said), 16), 32}
		for {
			q, err := r.request()
			if err != nil && !errors.As(err, new(fault)) {
				return
			}
			if len(q.name) > maxWord || len(q.args) > maxArguments || strings.Trim(q.name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
				t.Fatalf("got %+v", q)
			}
			for _, a := range q.args {
				if len(a.text) > maxQuoted || strings.ContainsRune(a.text, 0) || a.isNumber && a.text != "" {
					t.Fatalf("got %+v", a)
				}
			}
		}
	})
}

// FuzzQuote: what the server says a client reads as it was.
func FuzzQuote(f *testing.F) {
	f.Add("line 3: \"x\\y\"\r\nline 4")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "")
		said := quote(text)
		if strings.HasPrefix(said, "{") {
			said = strings.Replace(said, "}", "+}", 1)
		}
		r := &reader{bufio.NewReader(strings.NewReader(said + "\r\n")), 1 << 20}
		if got, err := r.string(); err != nil || got != text {
			t.Fatalf("%q: got %q, %v", said, got, err)
		}
	})
}
