package filters

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/pipeline"
)

// dkimFilter verifies the message's DKIM signatures (RFC 6376, 8301, 8463): RSA of 1024 to
// 8192 bits and Ed25519, the first five of them. One good signature makes the result pass.
// A signature that leaves a part of the body out (l=), or a message with several From
// fields, is "policy": it proves nothing about what the reader sees. One that is made with
// SHA-1 or a short key, has expired or is dated in the future is as good as none
// ("permerror"). A failed signature is
// weak evidence, since lists and forwarders break them. Each signature is shown with
// selector, algorithm and the bits of its key, and written to Authentication-Results.
type dkimFilter struct {
	resolver Resolver
	none     []authres.Result // of a message that is not signed, as most are; not to be changed
}

func dkimKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "dkim", Stage: pipeline.Data, Scope: pipeline.PerMessage, Waits: true, Told: true, Timeout: dkimLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "pass", Effect: "none", Doc: "a signature is good"},
			{Word: "fail", Effect: "score 0.5", Doc: "a signature does not match the message"},
			{Word: "policy", Effect: "none", Doc: "a signature is good, but does not cover what the reader sees"},
			{Word: "neutral", Effect: "none", Doc: "a signature does not match, but its key is in testing"},
			{Word: "permerror", Effect: "none", Doc: "a signature or its key can't be used"},
			{Word: "temperror", Effect: "none", Doc: "the DNS did not answer"},
			{Word: "none", Effect: "none", Doc: "the message is not signed"},
		},
		New: func(any) (pipeline.Filter, error) { return dkimFilter{d.Resolver, (&dkimAnswer{}).auth()}, nil },
	}
}

// Check implements pipeline.Filter.
func (f dkimFilter) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	a, err := dkimFact(ctx, q.Tx, f.resolver)
	if err != nil {
		return pipeline.Finding{}, err
	}
	if len(a.Signatures) == 0 && a.Problem == "" && a.Unread == 0 {
		return pipeline.Finding{Result: a.Result, Reason: "the message is not signed", Evidence: a.Seen, Auth: f.none}, nil
	}
	var parts []string
	var evidence []pipeline.Evidence
	for _, s := range a.Signatures {
		text := strings.TrimSpace(s.Result + " " + s.Reason)
		parts = append(parts, fmt.Sprintf("%s: %s", cmp.Or(s.Domain, "nobody"), text))
		evidence = append(evidence, pipeline.Evidence{
			Key: "signature", Value: shorten(s.String()),
		})
	}
	if a.Unread > 0 {
		evidence = append(evidence, pipeline.Evidence{Key: "unread", Value: fmt.Sprint(a.Unread, " more signatures")})
	}
	reason := "signed by " + strings.Join(parts, "; ")
	if a.Problem != "" {
		reason = "no signature was looked at: " + a.Problem
	}
	return pipeline.Finding{Result: a.Result, Reason: shorten(reason), Evidence: append(evidence, a.Seen...), Auth: a.auth()}, nil
}
