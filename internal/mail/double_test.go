package mail

import (
	"slices"
	"testing"
)

// TestDoubles: what a header says twice is told, both times.
func TestDoubles(t *testing.T) {
	for name, c := range map[string]struct {
		header                 string
		names, bounds, doubles []string
	}{
		"nothing":   {"", nil, nil, nil},
		"once":      {"Content-Type: a/b; name=x\r\nContent-Disposition: attachment; filename=x\r\n", []string{"x"}, nil, nil},
		"two names": {"Content-Type: a/b; name=a.js\r\nContent-Disposition: attachment; filename=a.txt\r\n", []string{"a.txt", "a.js"}, nil, nil},
		"a fallback": {"Content-Disposition: attachment; filename=uvod.pdf; filename*=utf-8''%C3%BAvod.pdf\r\n",
			[]string{"úvod.pdf", "uvod.pdf"}, nil, nil},
		"pieces":         {"Content-Disposition: attachment; filename*0=a.; filename*1=js\r\n", []string{"a.js"}, nil, nil},
		"two filenames":  {"Content-Disposition: attachment; filename=a.txt; filename=a.js\r\n", []string{"a.txt", "a.js"}, nil, []string{"filename"}},
		"two fields":     {"Content-Disposition: attachment; filename=a.txt\r\nContent-disposition: attachment; filename=a.js\r\n", []string{"a.txt", "a.js"}, nil, []string{"content-disposition"}},
		"two boundaries": {"Content-Type: multipart/mixed; boundary=A; Boundary=\"B\"\r\n", nil, []string{"A", "B"}, []string{"boundary"}},
		"two types":      {"Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b\r\n", nil, nil, []string{"content-type"}},
	} {
		p := NewMessage([]byte(c.header + "\r\nx")).Root()
		if got := p.Names(); !slices.Equal(got, c.names) {
			t.Errorf("%s: names %q", name, got)
		}
		if got := Boundaries(p.Header.Get("Content-Type")); !slices.Equal(got, c.bounds) {
			t.Errorf("%s: boundaries %q", name, got)
		}
		if got := p.Doubles(); !slices.Equal(got, c.doubles) {
			t.Errorf("%s: doubles %q", name, got)
		}
	}
}
