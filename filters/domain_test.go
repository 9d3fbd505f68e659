package filters

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAligned(t *testing.T) {
	cases := []struct {
		a, b string
		want bool
	}{
		{"example.org", "example.org", true},
		{"news.example.org", "Mail.Example.ORG.", true},
		{"example.org", "example.net", false},
		{"a.co.uk", "b.co.uk", false},
		{"x.a.co.uk", "a.co.uk", true},
		{"evil.github.io", "good.github.io", false}, // customers of one host
		{"", "", false},
	}
	for _, c := range cases {
		if got := aligned(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: %v", c.a, c.b, got)
		}
	}
}

func TestIsName(t *testing.T) {
	cases := map[string]bool{
		"example.org": true, "example.org.": true, "localhost": false, "": false, "[192.0.2.1]": false, "192.0.2.1": false,
		"a..b": false, ".a.b": false, strings.Repeat("a", 63) + ".b": true, strings.Repeat("a", 64) + ".b": false,
		strings.Repeat("abc.", 70) + "org": false,
	}
	for name, want := range cases {
		if got := isName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestIsLocal(t *testing.T) {
	cases := map[string]bool{
		"127.0.0.2": true, "::1": true, "10.0.0.1": true, "172.31.0.1": true, "192.168.1.1": true, "169.254.1.1": true, "100.64.0.1": true,
		"fd00::1": true, "fe80::1": true, "192.0.2.1": false, "100.128.0.1": false, "2001:db8::1": false,
	}
	for addr, want := range cases {
		if got := isLocal(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if !isLocal(netip.Addr{}) {
		t.Error("no address")
	}
}
