package filters

import (
	"context"

	"gatepost/pipeline"
)

// ipAllow looks the client's address up in the allow lists of networks: global,
// the recipient domain's and the mailbox's. The narrowest scope decides, then
// allow over block. It answers from memory, so that it costs nothing to have it
// first. In the gate, where no recipient is known, only the global list counts.
type ipAllow struct{}

func ipAllowKind() pipeline.Kind {
	return pipeline.Kind{
		Name: "ip-allow", Stage: pipeline.Connect, Scope: pipeline.PerRecipient, Gate: true, Unknown: true,
		Results: []pipeline.Result{
			{Word: "allowed", Effect: "accept", Doc: "the client's network is allowed"},
			{Word: "none", Effect: "none", Doc: "it is in no allow list"},
		},
		New: func(any) (pipeline.Filter, error) { return ipAllow{}, nil },
	}
}

// Check implements pipeline.Filter.
func (ipAllow) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	l, ok := listing(q, pipeline.Subject{Client: q.Tx.Client.Addr}, true)
	if !ok {
		return pipeline.Finding{Result: "none"}, nil
	}
	return byList("allowed", "client "+q.Tx.Client.Addr.String(), l), nil
}

// Record implements pipeline.Recorder: it counts the hit.
func (ipAllow) Record(_ context.Context, q pipeline.Query, f pipeline.Finding) error {
	if l, ok := listing(q, pipeline.Subject{Client: q.Tx.Client.Addr}, true); ok && f.Result == "allowed" {
		q.Tx.Lists.Hit(l.ID)
	}
	return nil
}
