package peer

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The resolver vouches for what is signed, for nothing else, and not at all for what
// is forged.
func TestDNSSEC(t *testing.T) {
	d, err := StartDNSSEC(t.TempDir(), []Zone{
		{Name: "signed.example", Text: "www A 192.0.2.1\nalias CNAME www.plain.example."},
		{Name: "plain.example", Text: "www A 192.0.2.1", Unsigned: true},
		{Name: "forged.example", Text: "www A 192.0.2.1", Forge: func(s string) string { return strings.Replace(s, "192.0.2.1", "192.0.2.2", 1) }},
	})
	if errors.Is(err, ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer d.Stop()
	client := dns.Client{Timeout: time.Minute}
	for name, want := range map[string]struct {
		code    int
		secure  bool
		answers int
	}{
		"www.signed.example.": {dns.RcodeSuccess, true, 1}, "no.signed.example.": {dns.RcodeNameError, true, 0},
		"www.plain.example.": {dns.RcodeSuccess, false, 1}, "alias.signed.example.": {dns.RcodeSuccess, false, 2},
		"www.forged.example.": {dns.RcodeServerFailure, false, 0}, "elsewhere.invalid-example.": {dns.RcodeServerFailure, false, 0},
	} {
		q := new(dns.Msg).SetQuestion(name, dns.TypeA)
		q.AuthenticatedData = true
		m, _, err := client.Exchange(q, d.Resolver)
		if err != nil || m.Rcode != want.code || m.AuthenticatedData != want.secure || len(m.Answer) != want.answers {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}
