package mail

import (
	"strings"
	"testing"
)

func TestOctets(t *testing.T) {
	long := strings.Repeat("x", 3*window)
	tests := []struct {
		name, content string
		want          Octets
	}{
		{"as it should be", "A: b\r\n\r\nhello\r\n", Octets{Longest: 5}},
		{"bare", "A: b\r\n\r\na\nb\rc\r\r\nd\r", Octets{BareCR: 3, BareLF: 1, Longest: 4}},
		{"NUL", "A: b\r\n\r\n\x00\x00", Octets{Nul: 2, Longest: 4}},
		{"8-bit", "A: \xe9\r\nB: c\r\nC: é\r\n\r\n\xe9", Octets{High: 2, Longest: 5}},
		{"long", "A: b\r\n\r\n" + long + "\r\n", Octets{Longest: len(long)}},
		{"line end between windows", "A: b\r\n\r\n" + long[:window-9] + "\r\nx", Octets{Longest: window - 9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range both(tt.content) {
				if got := m.Octets(); got != tt.want {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
			}
		})
	}
}

func FuzzOctets(f *testing.F) {
	f.Add("A: b\r\n\r\na\nb\rc\r\r\nd\r")
	f.Fuzz(func(t *testing.T, s string) {
		o := NewMessage([]byte(s)).Octets()
		crlf := strings.Count(s, "\r\n")
		if o.BareCR != strings.Count(s, "\r")-crlf || o.BareLF != strings.Count(s, "\n")-crlf {
			t.Errorf("%q: %+v", s, o)
		}
	})
}
