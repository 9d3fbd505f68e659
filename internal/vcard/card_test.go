package vcard

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	reader "github.com/emersion/go-vcard"
)

func TestAppend(t *testing.T) {
	b := Card{Individual, "Hélène d’Ü, dite « La; Grande »", "helene@example.org"}.Append([]byte("before\r\n"))
	b = Card{Group, "Sales", "sales@example.org"}.Append(b)
	want := "before\r\nBEGIN:VCARD\r\nVERSION:4.0\r\nKIND:individual\r\nFN:Hélène d’Ü\\, dite « La\\; Grande »\r\nEMAIL:helene@example.org\r\n" +
		"UID:urn:uuid:1d9b5546-fe05-52e6-b46b-a107ead7f46b\r\nEND:VCARD\r\n" +
		"BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:group\r\nFN:Sales\r\nEMAIL:sales@example.org\r\nUID:urn:uuid:731aac9c-932b-5afd-b52d-1873481d3bc4\r\nEND:VCARD\r\n"
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
}

func TestText(t *testing.T) {
	for name, want := range map[string]string{
		"Ann":                      "Ann",
		`a\b`:                      `a\\b`,
		`a\, b`:                    `a\\\, b`,
		"a,b;c":                    `a\,b\;c`,
		"a\nb\r\nc\rd":             `a\nb\nc\nd`,
		"END:VCARD\r\nBEGIN:VCARD": `END:VCARD\nBEGIN:VCARD`,
		"a\x00\t\x7f\u0085b":       "ab",
		"a\xffb":                   "ab",
		"=1+1":                     "=1+1", // a card is no sheet
	} {
		if got := text(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// The same address has the same UID, whatever its owner is called; another has another.
func TestUID(t *testing.T) {
	a, b, c := Card{Individual, "Ann", "ann@example.org"}, Card{Group, "Anne", "ann@example.org"}, Card{Individual, "Ann", "bob@example.org"}
	if a.uid() != b.uid() || a.uid() == c.uid() {
		t.Errorf("got %s, %s, %s", a.uid(), b.uid(), c.uid())
	}
}

// Lines are as long as they may be, whatever stands at their ends, and never longer.
func TestLines(t *testing.T) {
	for _, letter := range []string{"x", "é", "€", "𝄞", ","} {
		for before := range 8 {
			for n := range 160 {
				checked(t, Card{Individual, strings.Repeat("x", before) + strings.Repeat(letter, n), "ann@example.org"})
			}
		}
	}
	b := appendLine(nil, strings.Repeat("x", 75+74+1))
	if want := strings.Repeat("x", 75) + "\r\n " + strings.Repeat("x", 74) + "\r\n x\r\n"; string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
}

// checked has another's parser read a card, and looks at its lines.
func checked(t *testing.T, c Card) {
	t.Helper()
	b := c.Append(nil)
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		t.Fatalf("the last line has no end: %q", b)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\r\n"), "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
			t.Fatalf("a line of %d octets: %q", len(line), line)
		}
	}
	cards := reader.NewDecoder(bytes.NewReader(b))
	got, err := cards.Decode()
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{reader.FieldVersion: "4.0", reader.FieldKind: string(c.Kind), reader.FieldFormattedName: c.Name, reader.FieldEmail: c.Address, reader.FieldUID: c.uid()} {
		if read := strings.ReplaceAll(got.Value(field), `\;`, ";"); len(got[field]) != 1 || read != want { // go-vcard leaves semicolons as they are
			t.Fatalf("%s: got %q, want %q", field, read, want)
		}
	}
	if len(got) != 5 {
		t.Fatalf("got %v", got)
	}
	if _, err := cards.Decode(); err == nil {
		t.Fatal("there is a second card")
	}
}

func FuzzAppend(f *testing.F) {
	for _, name := range []string{"Ann", "Zoë, Lefèvre; \\n", "a\r\nEND:VCARD\r\n", "\xff", strings.Repeat("é", 100)} {
		f.Add(name, "ann@example.org")
	}
	f.Fuzz(func(t *testing.T, name, address string) {
		b := Card{Individual, name, address}.Append(nil)
		for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\r\n"), "\r\n") {
			if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("a line of %d octets: %q", len(line), line)
			}
		}
		if n := strings.Count(string(b), "\r\nEND:VCARD\r\n"); n != 1 {
			t.Fatalf("%d ends: %q", n, b)
		}
	})
}
