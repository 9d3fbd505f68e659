package filters

import (
	"net/netip"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/resolve"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/pipeline"
)

// TestFieldNote04AllowSavesAtRCPT: a client that a DNS list knows, that has no name and that
// a global list blocks is answered at RCPT by each recipient's own lists: those who allow
// it get its mail, the others refuse it. It is so for each of the three that refuse.
func TestFieldNote04AllowSavesAtRCPT(t *testing.T) {
	server, err := resolvetest.Serve("7.2.0.192.bl.example. A 127.0.0.2\n2.0.0.127.bl.example. A 127.0.0.2\nother.example. A 192.0.2.8")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	resolver, err := resolve.New(resolve.Config{Servers: []string{server.Addr}, Timeout: 5 * time.Second, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	reject := func(result string) map[string]string { return map[string]string{result: "reject"} }
	zones := map[string]any{"lists": []any{map[string]any{"zone": "bl.example", "codes": []any{"127.0.0.2"}}}}
	for _, refusing := range []pipeline.EntrySpec{
		{Filter: "dnsbl", Settings: zones, On: reject("listed")}, {Filter: "rdns", On: reject("none")}, {Filter: "ip-block"},
	} {
		spec := pipeline.Spec{Name: "p", Entries: []pipeline.EntrySpec{{Filter: "ip-allow"}, {Filter: "sender-allow", Settings: map[string]any{"require_auth": false}}, refusing}}
		policies, problems := pipeline.Compile(Catalog(Deps{Resolver: resolver}), []pipeline.Spec{spec})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		lists := parseLists(t, `1 block client 192.0.2.0/24 global
2 allow client 192.0.2.7/32 ann@example.net
3 allow client 192.0.2.0/24 example.org
4 allow sender sender.example bob@example.net`)
		c := mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mail.sender.example"}
		tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(1_700_000_000, 0), c, lists)
		tx = tx.WithHelo(c).WithMail("x@sender.example", mail.Params{}).WithRcpt()
		for rcpt, want := range map[mail.Path]pipeline.Action{
			"ann@example.net": pipeline.Accept, "any@example.org": pipeline.Accept, "bob@example.net": pipeline.Accept, "carl@example.net": pipeline.Reject,
		} {
			w := pipeline.NewWalk(policies["p"], rcpt, true)
			advance(t, w, tx)
			if got := w.Decision.Action; got != want {
				t.Errorf("%s above, to %s: got %s, want %s, at RCPT", refusing.Filter, rcpt, got, want)
			}
			w.Release(tx)
		}
		tx.Close()
	}
}
