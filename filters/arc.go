package filters

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/arc"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// arcFilter verifies the chain of ARC sets that servers left which passed the message on
// (RFC 8617). Mailing lists and forwarders change messages, or send them from addresses of
// their own, and so break what SPF, DKIM and DMARC say of the author; in their set they say
// what they found before that. A chain that passes proves nothing by itself, since anybody can make one: it is
// shown, and no more. Name the sealers that you believe in `trusted`, by the domain in their seal (domains
// below it count as well). Where one of those says that the message passed DMARC for its
// author, and nobody who is not trusted could have changed it since, the result is
// "trusted", and a DMARC failure that follows in the same policy counts for nothing.
type arcFilter struct {
	resolver Resolver
	trusted  []string
	none     []authres.Result // of a message without a chain, as most are; not to be changed
}

// maxShownSets bounds the sets in evidence, of the newest.
const maxShownSets = 10

type arcOptions struct {
	Trusted []string `setting:"trusted" doc:"domains of sealers that are believed about mail that they passed on"`
}

func arcKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "arc", Stage: pipeline.Data, Scope: pipeline.PerMessage, Waits: true, Told: true, Timeout: dkimLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "none", Effect: "none", Doc: "the message has no ARC set"},
			{Word: "pass", Effect: "none", Doc: "the chain is whole; who sealed it is not trusted, or does not vouch for the author"},
			{Word: "trusted", Effect: "none", Doc: "the chain is whole, and a trusted sealer vouches for the author: dmarc takes that into account"},
			{Word: "fail", Effect: "none", Doc: "the chain is broken, and proves nothing"},
			{Word: "temperror", Effect: "none", Doc: "the DNS did not answer"},
		},
		Options: func() any { return &arcOptions{Trusted: []string{}} },
		New: func(options any) (pipeline.Filter, error) {
			f := arcFilter{resolver: d.Resolver, none: arcAuth(arc.Chain{Result: arc.None}, mail.Client{})}
			for _, s := range options.(*arcOptions).Trusted {
				name, err := mail.ParseDomain(s)
				if err != nil || !isName(name) {
					return nil, fmt.Errorf("trusted: %q is not a domain such as lists.example.org", s)
				}
				f.trusted = append(f.trusted, name)
			}
			return f, nil
		},
	}
}

// Check implements pipeline.Filter.
func (f arcFilter) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	a, err := arcFact(ctx, q.Tx, f.resolver)
	if err != nil {
		return pipeline.Finding{}, err
	}
	if a.Result == arc.None && a.Reason == "" && len(a.Sets) == 0 {
		return pipeline.Finding{Result: string(a.Result), Reason: arcReason(a.Chain), Evidence: a.Seen, Auth: f.none}, nil
	}
	finding := pipeline.Finding{Result: string(a.Result), Reason: arcReason(a.Chain), Auth: arcAuth(a.Chain, q.Tx.Client)}
	for i := len(a.Sets) - 1; i >= max(0, len(a.Sets)-maxShownSets); i-- {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: "set", Value: shorten(describeSet(a.Sets[i]))})
	}
	if n := len(a.Sets) - maxShownSets; n > 0 {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: "unshown", Value: fmt.Sprint(n, " older sets")})
	}
	finding.Evidence = append(finding.Evidence, a.Seen...)
	if author, ok := q.Tx.Message.Author(); ok {
		if s, ok := a.Vouch(author.Domain(), f.trusts, func(d string) bool { return aligned(d, author.Domain()) }); ok {
			finding.Result = "trusted"
			finding.Reason = fmt.Sprintf("%s, which is trusted, found %s authenticated before it passed the message on", s.Sealer, author.Domain())
		}
	}
	return finding, nil
}

// trusts reports whether a sealer is one of the trusted, or below one.
func (f arcFilter) trusts(sealer string) bool {
	for _, t := range f.trusted {
		if sealer == t || strings.HasSuffix(sealer, "."+t) {
			return true
		}
	}
	return false
}

func arcReason(c arc.Chain) string {
	switch c.Result {
	case arc.None:
		return "the message has no ARC set"
	case arc.Pass:
		last := c.Sets[len(c.Sets)-1].Sealer
		if len(c.Sets) == 1 {
			return "sealed by " + last
		}
		return fmt.Sprintf("sealed by %d servers, last by %s", len(c.Sets), last)
	case arc.Temporary:
		return shorten("the chain could not be verified: " + c.Reason)
	}
	return shorten("the chain is broken: " + c.Reason)
}

// describeSet is a set in one line: "2: lists.example.org s=key cv=pass, fits; dmarc=pass
// example.org".
func describeSet(s *arc.Set) string {
	fits := "does not fit"
	if s.Valid {
		fits = "fits"
	}
	text := fmt.Sprintf("%d: %s s=%s cv=%s, %s", s.Instance, s.Sealer, s.Selector, s.CV, fits)
	for _, c := range s.Claims {
		text += "; " + c.Method + "=" + c.Result
		for _, p := range []string{"header.from", "header.d", "header.i", "smtp.mailfrom"} {
			if c.Properties[p] != "" {
				text += " " + c.Properties[p]
				break
			}
		}
	}
	return text
}

// arcAuth is the result for Authentication-Results (RFC 8617 §10.1, §7.1); there is no word
// for what could not be found out.
func arcAuth(c arc.Chain, client mail.Client) []authres.Result {
	if c.Result == arc.Temporary {
		return nil
	}
	params := map[string]string{"reason": c.Reason}
	if c.Result == arc.Pass {
		params["smtp.remote-ip"] = client.Addr.String()
		params["header.oldest-pass"] = fmt.Sprint(c.Oldest)
		if c.Oldest == 1 { // all of them (RFC 8617 §5.2, step 5)
			params["header.oldest-pass"] = "0"
		}
	}
	return []authres.Result{&authres.GenericResult{Method: "arc", Value: authres.ResultValue(c.Result), Params: params}}
}
