package filters

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/pipeline"
)

// spfFilter asks whether the domain of the reverse-path lets the client send its mail
// (SPF, RFC 7208); for the null path it asks the domain of the HELO name. A domain
// whose record is broken (permerror) costs points, since it says nothing about
// the message. The result is also written to Authentication-Results and Received-SPF.
//
// A domain's record seldom names addresses of private networks, which everybody has: a
// client on one, or on loopback, that would fail or softfail answers "private". It proves
// nothing, and nothing is written of it. So printers and programs on your hosts may send
// under your domain.
type spfFilter struct{ resolver Resolver }

func spfKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "spf", Stage: pipeline.Mail, Scope: pipeline.PerMessage, Waits: true, Told: true, Timeout: spfLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "none", Effect: "none", Doc: "the domain has no SPF record, or there is no domain"},
			{Word: "neutral", Effect: "none", Doc: "the domain does not say"},
			{Word: "pass", Effect: "none", Doc: "the domain lets this client send"},
			{Word: "fail", Effect: "spam", Firm: true, Doc: "the domain says that this client is none of its own"},
			{Word: "softfail", Effect: "score 2", Doc: "the domain says so, but is not sure"},
			{Word: "private", Effect: "none", Doc: "the domain says one of these two of a client on a private network or loopback, whose address it can hardly name"},
			{Word: "permerror", Effect: "score 1", Doc: "the domain's record can't be understood"},
			{Word: "temperror", Effect: "none", Doc: "the DNS did not answer"},
		},
		New: func(any) (pipeline.Filter, error) { return spfFilter{d.Resolver}, nil },
	}
}

// Check implements pipeline.Filter.
func (s spfFilter) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	a, err := spfFact(ctx, q.Tx, s.resolver)
	if err != nil {
		return pipeline.Finding{}, err
	}
	client := q.Tx.Client.Addr
	f := a.told.make(func() pipeline.Finding { return judgeSPF(a, client) })
	if f.Result != "private" {
		f.Auth = []authres.Result{a.Auth}
	}
	return f, nil
}

// judgeSPF says what follows from SPF's result, which is a fact and stays as it is: a client
// on a private network proves nothing, and RFC 7208 has no word for it.
func judgeSPF(a spfAnswer, client netip.Addr) pipeline.Finding {
	evidence := make([]pipeline.Evidence, 0, 3+len(a.Seen))
	evidence = append(evidence, pipeline.Evidence{Key: "identity", Value: a.Identity}, pipeline.Evidence{Key: "domain", Value: shorten(a.Domain)})
	if a.Mechanism != "" {
		evidence = append(evidence, pipeline.Evidence{Key: "matched", Value: a.Mechanism})
	}
	f := pipeline.Finding{Result: a.Result, Evidence: slices.Clip(append(evidence, a.Seen...))}
	if a.private(client) {
		f.Result = "private"
		f.Reason = fmt.Sprintf("%s is an address of a private network, which the record of %s does not name", client, shorten(a.Domain))
		return f
	}
	f.Reason = spfReason(a, client.String())
	return f
}

func spfReason(a spfAnswer, client string) string {
	switch a.Result {
	case "pass":
		return a.Domain + " lets " + client + " send its mail"
	case "fail":
		return fmt.Sprintf("%s does not let %s send its mail", a.Domain, client)
	case "softfail":
		return fmt.Sprintf("%s would rather not have %s send its mail", a.Domain, client)
	case "neutral":
		return fmt.Sprintf("%s does not say whether %s may send its mail", a.Domain, client)
	case "permerror":
		return fmt.Sprintf("the SPF record of %s is broken: %s", a.Domain, a.Problem)
	case "temperror":
		return fmt.Sprintf("the SPF record of %s could not be evaluated: %s", a.Domain, a.Problem)
	}
	if len(a.Seen) == 0 {
		return fmt.Sprintf("%q is not a domain that could have an SPF record", shorten(a.Domain))
	}
	return fmt.Sprintf("%s has no SPF record", a.Domain)
}
