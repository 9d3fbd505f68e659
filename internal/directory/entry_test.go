package directory

import (
	"strings"
	"testing"
)

func TestParseValue(t *testing.T) {
	for name, c := range map[string]struct {
		kind  Kind
		in    string
		want  string
		found Kind
		says  string // part of the error, where there is one
	}{
		"address of a client":  {"", "192.0.2.7", "192.0.2.7", Network, ""},
		"network":              {"", " 192.0.2.0/24 ", "192.0.2.0/24", Network, ""},
		"a network of one":     {"", "192.0.2.7/32", "192.0.2.7", Network, ""},
		"IPv6":                 {"", "2001:DB8:0::1", "2001:db8::1", Network, ""},
		"IPv6 network":         {"", "2001:db8::/32", "2001:db8::/32", Network, ""},
		"IPv4 as IPv6":         {"", "::ffff:192.0.2.7", "192.0.2.7", Network, ""},
		"network of such":      {"", "::ffff:192.0.2.0/120", "192.0.2.0/24", Network, ""},
		"all":                  {"", "0.0.0.0/0", "0.0.0.0/0", Network, ""},
		"host bits":            {"", "192.0.2.7/24", "", "", "192.0.2.0/24 for the network, or 192.0.2.7"},
		"bad length":           {"", "192.0.2.0/33", "", "", "not a network"},
		"zone":                 {"", "fe80::1%eth0", "fe80::1", Network, ""},
		"address":              {"", "Ann@Example.NET", "ann@example.net", Address, ""},
		"address with colon":   {"", `"a:b"@x.example`, `"a:b"@x.example`, Address, ""},
		"domain":               {"", "Bücher.example", "xn--bcher-kva.example", DomainName, ""},
		"below":                {"", ".Example.net", ".example.net", Subdomain, ""},
		"author":               {Author, "Ann@example.net", "ann@example.net", Author, ""},
		"author's domain":      {Author, "example.net", "example.net", Author, ""},
		"author by network":    {Author, "192.0.2.0/24", "", "", "an author is"},
		"not of that kind":     {Address, "example.net", "", "", "of kind domain, not address"},
		"a name as network":    {Network, "example.net", "", "", "not an IP address"},
		"unknown kind":         {"planet", "mars", "", "", "known are"},
		"nothing":              {"", " ", "", "", "missing"},
		"only a dot":           {"", ".", "", "", "domain"},
		"line ends":            {"", "a\r\n@x.example", "", "", "local part"},
		"address literal":      {"", "[192.0.2.1]", "", "", "literal"},
		"address of a literal": {"", "a@[192.0.2.1]", "a@[192.0.2.1]", Address, ""},
	} {
		got, found, err := ParseValue(c.kind, c.in)
		if c.says != "" {
			wantErr(t, name, err, ErrInvalid)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %q doesn't say %q", name, err, c.says)
			}
			continue
		}
		if err != nil || got != c.want || found != c.found {
			t.Errorf("%s: got %q, %s, %v; want %q, %s", name, got, found, err, c.want, c.found)
		}
	}
}

// What is canonical stays as it is, and its kind can be read off it.
func FuzzParseValue(f *testing.F) {
	for _, s := range []string{"192.0.2.0/24", "::1", "a@b.example", `"a@b"@c.example`, ".x.example", "x.example", "1.2", "a/b", "::ffff:1.2.3.4/96", "a@b.example from 192.0.2.0/24", `"a from b"@c.example`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		value, kind, err := ParseValue("", s)
		if err != nil {
			return
		}
		again, same, err := ParseValue(kind, value)
		if err != nil || again != value || same != kind || strings.ContainsAny(value, "\t\r\n") {
			t.Errorf("%q is %q (%s), and that is %q (%s), %v", s, value, kind, again, same, err)
		}
	})
}
