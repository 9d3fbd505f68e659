package filters

import (
	"fmt"
	"testing"

	"gatepost/internal/directory"
	"gatepost/pipeline"
)

// What entries of each kind do in an order that is not the best.
func TestReach(t *testing.T) {
	compile := func(names ...string) pipeline.Spec {
		s := pipeline.Spec{Name: "p", Required: 7}
		for _, n := range names {
			s.Entries = append(s.Entries, pipeline.EntrySpec{Filter: n})
		}
		return s
	}
	policies, problems := pipeline.Compile(Catalog(Deps{}), []pipeline.Spec{compile("spf", "ip-allow", "sender-block", "sender-allow", "rdns", "ip-block")})
	gate, more := pipeline.CompileGate(Catalog(Deps{}), compile("ip-block", "ip-allow"))
	if len(problems)+len(more) > 0 {
		t.Fatal(problems, more)
	}
	domain := directory.Scope{Kind: directory.DomainScope, Name: "example.net"}
	for name, c := range map[string]struct {
		list  directory.List
		kind  directory.Kind
		scope directory.Scope
		gate  *pipeline.Policy
		want  string // entry, above, below
	}{
		"allowed client":             {directory.Allow, directory.Network, domain, nil, "ip-allow [spf] [sender-block rdns ip-block]"},
		"behind the gate":            {directory.Allow, directory.Network, domain, gate, "ip-allow [gate ip-block spf] [sender-block rdns ip-block]"},
		"known to the gate":          {directory.Block, directory.Network, directory.Global, gate, "ip-block [spf ip-allow sender-block sender-allow rdns] []"},
		"allowed sender":             {directory.Allow, directory.Subdomain, domain, nil, "sender-allow [spf sender-block] [rdns ip-block]"},
		"allowed from a network":     {directory.Allow, directory.AddressFrom, domain, nil, "sender-allow [spf sender-block] [rdns ip-block]"},
		"nothing asks":               {directory.Allow, directory.Author, domain, gate, " [] []"},
		"blocked client":             {directory.Block, directory.Network, domain, nil, "ip-block [spf ip-allow sender-block sender-allow rdns] []"},
		"blocked sender":             {directory.Block, directory.Address, domain, nil, "sender-block [spf ip-allow] [rdns ip-block]"},
		"blocked author":             {directory.Block, directory.Author, directory.Global, nil, "sender-block [spf ip-allow] [rdns ip-block]"},
		"blocked sender at the gate": {directory.Block, directory.Address, directory.Global, gate, "sender-block [gate ip-block spf ip-allow] [rdns ip-block]"},
	} {
		r := Reach(c.gate, policies["p"], directory.Entry{List: c.list, Kind: c.kind, Scope: c.scope})
		if got := fmt.Sprintf("%s %v %v", r.Entry, r.Above, r.Below); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
