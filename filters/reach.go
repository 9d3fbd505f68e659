package filters

import (
	"slices"

	"gatepost/internal/directory"
	"gatepost/pipeline"
)

// Reach says what a list entry does in a policy, given the order of its filters and the
// gate before it, whose entries are named with "gate " before: which can end the walk
// before the list entry is asked for, and which it spares a message. Reach.Entry is ""
// where nothing asks for such an entry.
func Reach(gate, policy *pipeline.Policy, e directory.Entry) pipeline.Reach {
	filter, result := Asking(e.List, e.Kind)
	r := policy.Reach(filter, result)
	voids := e.List == directory.Allow && e.Kind == directory.Network && e.Scope.Kind == directory.GlobalScope
	if voids {
		r.Above = sparing(policy, r.Above)
	}
	if gate == nil || r.Entry == "" {
		return r
	}
	before := gate.Stoppers()
	if g := gate.Reach(filter, result); g.Entry != "" && e.Scope.Kind == directory.GlobalScope {
		before = g.Above // in the gate nobody's own entries count yet
	}
	if voids {
		before = sparing(gate, before)
	}
	above := make([]string, 0, len(before)+len(r.Above))
	for _, name := range before {
		above = append(above, "gate "+name)
	}
	if r.Above = append(above, r.Above...); len(r.Above) == 0 {
		r.Above = nil
	}
	return r
}

// sparing returns the names of a policy's entries but those that ask for bans: there is
// none of a client that everybody allows (see ipBan).
func sparing(p *pipeline.Policy, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(p.Entries, func(e *pipeline.Entry) bool { return e.Name == name && e.Kind.Name == "ip-ban" })
	})
}

// Asking returns the filter that asks for a kind of list entries, and its answer where
// it finds one; "" where none does.
func Asking(list directory.List, kind directory.Kind) (filter, result string) {
	switch {
	case list == directory.Allow && kind == directory.Network:
		return "ip-allow", "allowed"
	case list == directory.Allow && kind == directory.Author:
		return "author-allow", "allowed"
	case list == directory.Allow:
		return "sender-allow", "allowed"
	case list == directory.Block && kind == directory.Network:
		return "ip-block", "blocked"
	case list == directory.Block:
		return "sender-block", "blocked"
	case list == directory.Trap:
		return "honeypot", "trap"
	case list == directory.Fraud:
		return "sender-complaint", "reported"
	}
	return "", ""
}
