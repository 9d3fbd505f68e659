package resolve

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const signed = `
!secure signed.test.
!secure *.signed.test.
!servfail bogus.signed.test.
signed.test.             MX    10 mx.signed.test.
mx.signed.test.          A     192.0.2.1
_25._tcp.mx.signed.test. TLSA  3 1 1 00ff
alias.signed.test.       CNAME mx.signed.test.
away.signed.test.        CNAME mx.plain.test.
plain.test.              MX    10 mx.signed.test.
mx.plain.test.           A     192.0.2.2
`

// What DNSSEC vouches for is told apart, absence and aliases too, and only by
// servers that are believed.
func TestSecure(t *testing.T) {
	s := serve(t, signed)
	for _, validates := range []bool{true, false} {
		r := newResolver(t, Config{Servers: []string{s.Addr}, Timeout: time.Second, Validates: validates})
		mx := func(name string) string {
			hosts, at, secure, err := r.SecureMX(t.Context(), name)
			return fmt.Sprint(len(hosts), " ", at, " ", secure, " ", err)
		}
		ip := func(name string) string {
			addrs, at, secure, err := r.SecureNetIP(t.Context(), "ip4", name)
			return fmt.Sprint(addrs, " ", at, " ", secure, " ", err)
		}
		tlsa := func(name string) string {
			records, secure, err := r.LookupTLSA(t.Context(), name)
			return fmt.Sprintf("%x %v %v", records, secure, err)
		}
		alias := func(name string) string {
			secure, err := r.SecureAlias(t.Context(), name)
			return fmt.Sprint(secure, " ", err)
		}
		for _, c := range []struct {
			ask  func(string) string
			name string
			want string // %v stands for what is vouched for
		}{
			{mx, "signed.test", "1 signed.test %v <nil>"},
			{mx, "plain.test", "1 plain.test false <nil>"},
			{mx, "mx.signed.test", "0 mx.signed.test %v lookup mx.signed.test: no such record"},
			{ip, "mx.signed.test", "[192.0.2.1] mx.signed.test %v <nil>"},
			{ip, "alias.signed.test", "[192.0.2.1] mx.signed.test %v <nil>"},
			{ip, "away.signed.test", "[192.0.2.2] mx.plain.test false <nil>"},
			{alias, "away.signed.test", "%v <nil>"},
			{alias, "mx.signed.test", "false lookup mx.signed.test: no such record"},
			{tlsa, "_25._tcp.mx.signed.test", "[03010100ff] %v <nil>"},
			{tlsa, "_26._tcp.mx.signed.test", "[] %v lookup _26._tcp.mx.signed.test: no such name"},
			{tlsa, "bogus.signed.test", "[] false lookup bogus.signed.test on " + s.Addr + ": SERVFAIL"},
		} {
			want := strings.ReplaceAll(c.want, "%v", fmt.Sprint(validates))
			if got := c.ask(c.name); got != want {
				t.Errorf("validates %v, %s: got %s, want %s", validates, c.name, got, want)
			}
		}
	}
}
