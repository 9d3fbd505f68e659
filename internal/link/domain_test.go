package link

import "testing"

// TestDomains: what is remembered is what would be found again.
func TestDomains(t *testing.T) {
	var known Domains
	for range 2 {
		for _, host := range []string{"", "com", "a.com", "b.a.com", "www.example.co.uk", "co.uk", "ann.github.io", "github.io", "localhost", "printer.local", "192.0.2.1"} {
			want, wantOK := Domain(host)
			if got, ok := known.Of(host); got != want || ok != wantOK {
				t.Errorf("%s: got %q, %t, want %q, %t", host, got, ok, want, wantOK)
			}
			if got, ok := (*Domains)(nil).Of(host); got != want || ok != wantOK {
				t.Errorf("%s, not remembered: got %q, %t, want %q, %t", host, got, ok, want, wantOK)
			}
		}
	}
}
