package filters

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// mxZone is a DNS in which all names are mail hosts of one domain.
type mxZone struct {
	records []*net.MX
	hosts   map[string]netip.Addr // the zero address: no answer until the asker gives up

	mu    sync.Mutex
	asked []string
}

func (z *mxZone) LookupMX(context.Context, string) ([]*net.MX, error) { return z.records, nil }

func (z *mxZone) LookupNetIP(ctx context.Context, _, name string) ([]netip.Addr, error) {
	z.mu.Lock()
	z.asked = append(z.asked, name)
	z.mu.Unlock()
	addr, ok := z.hosts[name]
	switch {
	case !ok:
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case !addr.IsValid():
		<-ctx.Done()
		return nil, &net.DNSError{Err: "timeout", Name: name, IsTimeout: true, IsTemporary: true}
	}
	return []netip.Addr{addr}, nil
}

func (*mxZone) LookupTXT(context.Context, string) ([]string, error)  { return nil, nil }
func (*mxZone) LookupAddr(context.Context, string) ([]string, error) { return nil, nil }

func (z *mxZone) check(t *testing.T, from mail.Path) pipeline.Finding {
	t.Helper()
	c := mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mail.example.org"}
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(0, 0), c, nil)
	defer tx.Close()
	f, err := mx{z}.Check(t.Context(), pipeline.Query{Tx: tx.WithHelo(c).WithMail(from, mail.Params{})})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Of two hundred mail hosts the ten most preferred are asked about, in any order that the
// DNS gives them, and each once.
func TestMXIsBounded(t *testing.T) {
	z := &mxZone{}
	for i := range 200 {
		z.records = append(z.records, &net.MX{Host: fmt.Sprintf("MX%d.example.org.", i), Pref: uint16(1000 - i)}, &net.MX{Host: fmt.Sprintf("mx%d.example.org", i), Pref: uint16(1000 - i)})
	}
	f := z.check(t, "ann@example.org")
	if f.Result != "invalid" || len(z.asked) != maxMX || z.asked[0] != "mx199.example.org" {
		t.Errorf("got %s, and %q were asked about", f.Result, z.asked)
	}
	for _, e := range f.Evidence {
		if len(e.Value) > maxSeenText+3 {
			t.Errorf("evidence of %d octets", len(e.Value))
		}
	}
}

// A mail host that does not answer takes nothing away from one that does.
func TestMXOfSilentHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &mxZone{hosts: map[string]netip.Addr{"a.example.org": {}, "b.example.org": {}, "c.example.org": netip.MustParseAddr("192.0.2.8")}}
		for i, name := range []string{"a", "b", "c"} {
			z.records = append(z.records, &net.MX{Host: name + ".example.org", Pref: uint16(i)})
		}
		began := time.Now()
		if f := z.check(t, "ann@example.org"); f.Result != "pass" || time.Since(began) > mxLimit {
			t.Errorf("got %+v after %v", f, time.Since(began))
		}
		delete(z.hosts, "c.example.org")
		if f := z.check(t, "ann@example.org"); f.Result != pipeline.TempError {
			t.Errorf("without an answer: got %+v", f)
		}
	})
}

// Whatever stands in MX records, only names are asked about, and not too many.
func FuzzMX(f *testing.F) {
	f.Add("ann@example.org", "mx.example.org.\n.\n192.0.2.1\n[192.0.2.1]\n\nlocalhost\n"+strings.Repeat("a.", 200))
	f.Add("ann@[IPv6:::1]", "")
	f.Add("a@"+strings.Repeat("x", 300), "*\n\\000.example.org\nmx .example.org")
	f.Fuzz(func(t *testing.T, from, hosts string) {
		z := &mxZone{}
		for i, h := range strings.Split(hosts, "\n") {
			z.records = append(z.records, &net.MX{Host: h, Pref: uint16(i * 7919)})
		}
		found := z.check(t, mail.Path(from))
		if len(z.asked) > maxMX || len(found.Reason) > maxSeenText+100 {
			t.Errorf("%d lookups, a reason of %d octets", len(z.asked), len(found.Reason))
		}
		for _, name := range z.asked {
			if !isName(name) {
				t.Errorf("%q was asked about", name)
			}
		}
	})
}
