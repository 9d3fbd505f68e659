package filters

import (
	"context"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// keptDNS is a DNS whose answers hold for a time; zero: they are not kept.
type keptDNS struct {
	txt  map[string]string
	keep time.Duration

	mu    sync.Mutex
	asked int
}

func (k *keptDNS) ask() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
}

func (k *keptDNS) Keeps(string, string) time.Duration { return k.keep }

func (k *keptDNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	k.ask()
	if text, ok := k.txt[name]; ok {
		return []string{text}, nil
	}
	return nil, &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
}

func (k *keptDNS) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	k.ask()
	return []*net.MX{{Host: "mx." + name, Pref: 10}}, nil
}

func (k *keptDNS) LookupNetIP(_ context.Context, _, name string) ([]netip.Addr, error) {
	k.ask()
	if name == "mail.example.net" {
		return []netip.Addr{netip.MustParseAddr("192.0.2.7")}, nil
	}
	return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
}

func (k *keptDNS) LookupAddr(context.Context, string) ([]string, error) {
	k.ask()
	return []string{"mail.example.net"}, nil
}

// judged is what SPF, rdns and mx say of mail.
func judged(t *testing.T, r Resolver, client string, from mail.Path) (said []pipeline.Finding) {
	t.Helper()
	c := mail.Client{Addr: netip.MustParseAddr(client), Helo: "mail.example.net"}
	tx := pipeline.NewTransaction(t.Context(), "id", time.Now(), c, nil)
	defer tx.Close()
	q := pipeline.Query{Tx: tx.WithHelo(c).WithMail(from, mail.Params{})}
	for _, f := range []pipeline.Filter{spfFilter{r}, rdns{r, newNameLooks()}, mx{r}} {
		found, err := f.Check(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, found)
	}
	return said
}

// TestRememberedSaysTheSame: to the last word, whoever is asked about before.
func TestRememberedSaysTheSame(t *testing.T) {
	zone := map[string]string{
		"pass.example": "v=spf1 ip4:192.0.2.7 -all", "fail.example": "v=spf1 -all", "soft.example": "v=spf1 ~all",
		"broken.example": "v=spf1 nonsense", "macro.example": "v=spf1 exists:%{l}.allowed.example -all", "mail.example.net": "v=spf1 a -all",
	}
	plain, memory := fakeKept(zone, 0), remember(fakeKept(zone, time.Hour))
	for range 3 {
		for domain := range zone {
			for _, client := range []string{"192.0.2.7", "198.51.100.9", "10.1.2.3", "10.1.2.4", "2001:db8::1"} {
				for _, from := range []mail.Path{"ann@", "bob@", ""} {
					if from != "" {
						from += mail.Path(domain)
					}
					got, want := judged(t, memory, client, from), judged(t, plain, client, from)
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s from %s:\ngot  %+v\nwant %+v", from, client, got, want)
					}
				}
			}
		}
	}
}

func fakeKept(zone map[string]string, keep time.Duration) *keptDNS {
	return &keptDNS{txt: zone, keep: keep}
}

// TestRememberedHolds: for as long as the answers do that it rests on, and not where they are
// not kept or where more than client and domain counts.
func TestRememberedHolds(t *testing.T) {
	zone := map[string]string{"pass.example": "v=spf1 ip4:192.0.2.7 -all", "macro.example": "v=spf1 exists:%{l}.example -all"}
	cases := []struct {
		name   string
		domain string
		keep   time.Duration
		wait   time.Duration
		want   int // questions of the second message
	}{
		{"while answers hold", "pass.example", time.Minute, 59 * time.Second, 0},
		{"no longer", "pass.example", time.Minute, time.Minute, 5},
		{"not what is not kept", "pass.example", 0, 0, 5},
		{"not what depends on the sender", "macro.example", time.Minute, 0, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dns := fakeKept(zone, c.keep)
				r := remember(dns)
				judged(t, r, "192.0.2.7", mail.Path("ann@"+c.domain))
				first := dns.asked
				time.Sleep(c.wait)
				judged(t, r, "192.0.2.7", mail.Path("bob@"+c.domain))
				if got := dns.asked - first; got != c.want {
					t.Errorf("%d questions after %d, want %d", got, first, c.want)
				}
			})
		})
	}
}

// TestRememberedIsBounded: in number, and in octets each.
func TestRememberedIsBounded(t *testing.T) {
	var of conclusions[int, string]
	until := time.Now().Add(time.Hour)
	for i := range 3 * maxConclusions {
		of.put(i, "x", until)
		if i > 0 {
			of.get(i-1, time.Now())
		}
	}
	if n := len(of.young) + len(of.old); n > maxConclusions {
		t.Errorf("%d conclusions are kept, %d is the most", n, maxConclusions)
	}
	r := remember(fakeKept(nil, time.Hour)).(*remembering)
	for range 2 {
		made := false
		conclude(r, &r.mx, mxKey{domain: "long.example"}, func(w *watched) (f pipeline.Finding, seen []pipeline.Evidence) {
			made = true
			_, _ = w.LookupMX(t.Context(), "long.example")
			return f, []pipeline.Evidence{{Value: strings.Repeat("x", maxConclusion+1)}}
		})
		if !made {
			t.Error("what is too long was remembered")
		}
	}
}
