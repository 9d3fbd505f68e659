package app

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/filters"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// TestFieldNote11EffectivePolicy: what holds for mail to somebody is told in one answer, and
// asking leaves no trace.
func TestFieldNote11EffectivePolicy(t *testing.T) {
	a := openUnlimited(t)
	if _, err := a.directory.AddDomain(t.Context(), directory.Domain{Name: "test.example"}); err != nil {
		t.Fatal(err)
	}
	for _, address := range []mail.Path{"ann@test.example", "bob@test.example"} {
		if _, err := a.directory.AddMailbox(t.Context(), directory.Mailbox{Address: address}, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []ops.ListAdd{
		{List: "block", Value: "192.0.2.0/24"}, {List: "allow", Value: "192.0.2.7", Scope: "ann@test.example"},
		{List: "allow", Value: "shop.example", Scope: "test.example"}, {List: "block", Value: ".example"}, {List: "fraud", Value: "pay@shop.example"},
	} {
		if _, err := done[ops.Entry](t, a, e); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		q      ops.PolicyExplain
		listed string // those that count in upper case
		says   []string
	}{
		"an allowed client": {
			ops.PolicyExplain{Recipient: "Ann+x@test.example", From: "pay@shop.example", Client: "192.0.2.7"},
			"CLIENT allow 192.0.2.7, client block 192.0.2.0/24, SENDER allow shop.example, sender block .example, FRAUD fraud pay@shop.example",
			[]string{"ip-allow: accept", "spf: not asked: ip-allow has ended the walk"},
		},
		"a blocked client": {
			ops.PolicyExplain{Recipient: "bob@test.example", From: "x@other.example", Client: "::ffff:192.0.2.7"},
			"CLIENT block 192.0.2.0/24, SENDER block .example",
			[]string{"ip-block: reject", "sender-block: not asked: ip-block has ended the walk"},
		},
		"an allowed sender": {
			ops.PolicyExplain{Recipient: "bob@test.example", From: "x@shop.example"},
			"SENDER allow shop.example, sender block .example", []string{"sender-allow: accept, where the sender is proven by SPF, DKIM or a log-in", "spf: "},
		},
		"nobody in particular": {ops.PolicyExplain{Recipient: "bob@test.example"}, "", []string{"ip-allow: ", "spf: "}},
	} {
		got, err := done[ops.EffectivePolicy](t, a, c.q)
		if err != nil {
			t.Fatal(name, err)
		}
		var listed []string
		for _, l := range got.Listed {
			of := l.Of
			if l.Counts {
				of = strings.ToUpper(of)
			}
			listed = append(listed, fmt.Sprint(of, " ", l.List, " ", l.Value))
		}
		if text := strings.Join(listed, ", "); text != c.listed {
			t.Errorf("%s: listed: got  %s\nwant %s", name, text, c.listed)
		}
		told := map[string]bool{}
		for _, f := range got.Filters {
			told[f.Entry+": "+f.Says] = true
		}
		for _, want := range c.says {
			if !told[want] {
				t.Errorf("%s: got %v, want %q among it", name, told, want)
			}
		}
		if got.Policy != "default" || got.Precedence != directory.Precedence || len(got.Mailboxes) != 1 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	entries, err := a.directory.Entries(t.Context(), directory.EntryQuery{})
	for _, e := range entries {
		if err != nil || e.Hits > 0 {
			t.Errorf("%s: %d hits, %v", e.Value, e.Hits, err)
		}
	}
	_, err = done[ops.EffectivePolicy](t, a, ops.PolicyExplain{Recipient: "nobody@test.example"})
	wantKind(t, "nobody", err, control.Missing)
	_, err = done[ops.EffectivePolicy](t, a, ops.PolicyExplain{Recipient: "ann@test.example", Client: "here"})
	wantKind(t, "no client", err, control.Misuse)
	if role, err := done[ops.EffectivePolicy](t, a, ops.PolicyExplain{Recipient: "postmaster@test.example"}); err != nil || role.Policy != "" {
		t.Errorf("postmaster: got policy %q, %v", role.Policy, err)
	}
}

// TestFieldNote04NothingDecidesBeforeAnAllowedClient: in every policy that ships, what a
// recipient's scope allows is asked for above whatever judges clients by lists, names and
// the DNS; in the gate nothing of the kind stands.
func TestFieldNote04NothingDecidesBeforeAnAllowedClient(t *testing.T) {
	a := openUnlimited(t)
	policies := a.intake.Policies()
	judges := map[string]bool{"ip-block": true, "sender-block": true, "rdns": true, "dnsbl": true, "mx": true, "helo": true, "ip-complaint": true, "sender-complaint": true}
	scope := directory.Scope{Kind: directory.MailboxScope, Name: "ann@test.example"}
	for name, p := range policies.ByName {
		if name == "outgoing" { // judges who has logged in, whom no list of clients is asked about
			continue
		}
		kinds := map[string]string{}
		for _, e := range append(policies.Gate.Entries, p.Entries...) {
			kinds[e.Name], kinds["gate "+e.Name] = e.Kind.Name, e.Kind.Name
		}
		for _, kind := range []directory.Kind{directory.Network, directory.Address} {
			r := filters.Reach(policies.Gate, p, directory.Entry{List: directory.Allow, Kind: kind, Scope: scope})
			if r.Entry == "" {
				t.Errorf("policy %s asks for no entry of kind %s", name, kind)
			}
			for _, above := range r.Above {
				if judges[kinds[above]] {
					t.Errorf("policy %s: %s can decide before an entry that allows (%s)", name, above, kind)
				}
			}
		}
	}
}
