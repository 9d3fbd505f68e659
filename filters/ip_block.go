package filters

import (
	"context"

	"gatepost/pipeline"
)

// ipBlock looks the client's address up in the block lists of networks: global,
// the recipient domain's and the mailbox's. The narrowest scope decides, then
// allow over block: a network that the domain allows is not blocked by a global
// entry. In the gate, where no recipient is known, only the global list counts.
type ipBlock struct{}

func ipBlockKind() pipeline.Kind {
	return pipeline.Kind{
		Name: "ip-block", Stage: pipeline.Connect, Scope: pipeline.PerRecipient, Gate: true,
		Results: []pipeline.Result{
			{Word: "blocked", Effect: "reject", Firm: true, Doc: "the client's network is blocked"},
			{Word: "none", Effect: "none", Doc: "it is in no block list"},
		},
		New: func(any) (pipeline.Filter, error) { return ipBlock{}, nil },
	}
}

// Check implements pipeline.Filter.
func (ipBlock) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	l, ok := listing(q, pipeline.Subject{Client: q.Tx.Client.Addr}, false)
	if !ok {
		return pipeline.Finding{Result: "none"}, nil
	}
	return byList("blocked", "client "+q.Tx.Client.Addr.String(), l), nil
}

// Record implements pipeline.Recorder: it counts the hit.
func (ipBlock) Record(_ context.Context, q pipeline.Query, f pipeline.Finding) error {
	if l, ok := listing(q, pipeline.Subject{Client: q.Tx.Client.Addr}, false); ok && f.Result == "blocked" {
		q.Tx.Lists.Hit(l.ID)
	}
	return nil
}
