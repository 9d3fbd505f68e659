package filters

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/resolve"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/pipeline"
)

const healthy = `
example.org.                A    192.0.2.7
example.org.                MX   10 example.org.
example.org.                TXT  "v=spf1 a -all"
7.2.0.192.in-addr.arpa.     PTR  example.org.
8.2.0.192.in-addr.arpa.     PTR  example.org.
7.2.0.192.list.example.     A    127.0.0.2
`

// askers are the filters that ask the DNS about clients.
func askers(t *testing.T, r Resolver) map[string]pipeline.Filter {
	t.Helper()
	list, err := newDNSBL(Deps{Resolver: r}, dnsblOptions{Lists: []dnsblList{{Zone: "list.example"}}, Share: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]pipeline.Filter{"spf": spfFilter{r}, "rdns": rdns{r, newNameLooks()}, "dnsbl": list}
}

// found is what the filters say of mail from ann@example.org, and whether their evidence
// marks stale answers.
func found(ctx context.Context, t *testing.T, list map[string]pipeline.Filter, client string) (results map[string]string, stale map[string]bool) {
	t.Helper()
	results, stale = map[string]string{}, map[string]bool{}
	c := mail.Client{Addr: netip.MustParseAddr(client), Helo: "example.org"}
	tx := pipeline.NewTransaction(ctx, "id", time.Unix(0, 0), c, nil).WithHelo(c).WithMail("ann@example.org", mail.Params{}).WithRcpt()
	defer tx.Close()
	for name, f := range list {
		got, err := f.Check(ctx, pipeline.Query{Tx: tx})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		results[name] = got.Result
		for _, e := range got.Evidence {
			stale[name] = stale[name] || strings.HasSuffix(e.Value, " (stale)")
		}
	}
	return results, stale
}

// TestFieldNote03: where the DNS fails, however it does, nobody is clean, listed or
// forgiven by that: each filter says that it could not tell.
func TestFieldNote03(t *testing.T) {
	servers := map[string]string{
		"SERVFAIL": "!servfail *.\n", "refused": "!refuse *.\n", "lame": "!lame *.\n", "silence": "!timeout *.\n", "well": healthy,
	}
	cases := []struct {
		name, server string
		ctx          func(context.Context) context.Context
	}{
		{"SERVFAIL", "SERVFAIL", nil},
		{"refused", "refused", nil},
		{"lame", "lame", nil},
		{"silence", "silence", nil},
		{"too many questions", "well", resolve.Budget{Questions: 0, Time: time.Minute, Parallel: 1}.Begin},
		{"too much time", "well", resolve.Budget{Questions: 100, Time: 0, Parallel: 1}.Begin},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := resolvetest.Serve(servers[c.server])
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			r, err := resolve.New(resolve.Config{Servers: []string{s.Addr}, Timeout: 100 * time.Millisecond, Rounds: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			ctx := t.Context()
			if c.ctx != nil {
				ctx = c.ctx(ctx)
			}
			results, _ := found(ctx, t, askers(t, r), "192.0.2.7")
			for name, result := range results {
				if result != pipeline.TempError {
					t.Errorf("%s says %q", name, result)
				}
			}
		})
	}
}

// TestStaleSpeaksFor: while no server answers, what is known speaks for a client, marked;
// against one it is no more than a failure, and a DNS list says nothing at all.
func TestStaleSpeaksFor(t *testing.T) {
	s, err := resolvetest.Serve(healthy)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var hours atomic.Int64
	r, err := resolve.New(resolve.Config{Servers: []string{s.Addr}, Timeout: 100 * time.Millisecond, Rounds: 1, Stale: 24 * time.Hour,
		Now: func() time.Time { return time.Unix(hours.Load()*3600, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	check := func(client string, want map[string]string, marked bool) {
		t.Helper()
		results, stale := found(t.Context(), t, askers(t, r), client)
		for name, result := range results {
			if result != want[name] || stale[name] != (marked && name != "dnsbl") {
				t.Errorf("%s: %s says %q, marked %v; want %q", client, name, result, stale[name], want[name])
			}
		}
	}
	check("192.0.2.7", map[string]string{"spf": "pass", "rdns": "pass", "dnsbl": "listed"}, false)
	check("192.0.2.8", map[string]string{"spf": "fail", "rdns": "nofwd", "dnsbl": "none"}, false)
	if err := s.Set("!timeout *.\n"); err != nil {
		t.Fatal(err)
	}
	hours.Store(3)
	check("192.0.2.7", map[string]string{"spf": "pass", "rdns": "pass", "dnsbl": "temperror"}, true)
	check("192.0.2.8", map[string]string{"spf": "temperror", "rdns": "temperror", "dnsbl": "temperror"}, true)
}
