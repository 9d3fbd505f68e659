package filters

import (
	"context"
	"fmt"
	"slices"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/dmarc"
	"gatepost/pipeline"
)

// dmarcFilter asks whether the author in the From header, whom the reader sees, is
// authenticated, and what his domain asks for where he is not (DMARC, RFC 9989; records of RFC 7489
// are understood). He is where SPF or a DKIM signature proves a domain of the same
// organisation, which a walk up the DNS finds, or just his own where its record asks for that. The
// result "quarantine" or "reject" is what the domain wishes; in test mode (t=y) it is one step milder.
// As shipped both are quarantined, since forwarders and lists break what a domain proves; write
// `on: {reject: reject}` to refuse what the domain wants refused. Where `arc` above it says
// "trusted", or a DNS list of kind allow in `dnsbl` above it knows the client, the result is
// "vouched": somebody you believe in answers for the forwarding.
//
// Of several authors each has to be proven, and the strictest wish counts. A client on a private network
// that would fail answers "private", as with SPF; mail of those who have logged in is not asked about. What live mail shows is
// told to the domains that ask for reports (`dmarc.reports`).
type dmarcFilter struct{ Deps }

// A DMARCReports counts what came in a domain's name; *dmarc.Tally does.
type DMARCReports interface {
	// Note counts one message. It does not wait.
	Note(dmarc.Seen)
}

func dmarcKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "dmarc", Stage: pipeline.Data, Scope: pipeline.PerWalk, Waits: true, Told: true, Timeout: dmarcLimit,
		Results: []pipeline.Result{
			{Word: "pass", Effect: "none", Doc: "the author is authenticated"},
			{Word: "fail", Effect: "none", Doc: "he is not, and his domain asks for nothing to be done"},
			{Word: "quarantine", Effect: "quarantine", Firm: true, Doc: "he is not, and his domain asks to have such mail held"},
			{Word: "reject", Effect: "quarantine", Firm: true, Doc: "he is not, and his domain asks to have such mail refused"},
			{Word: "vouched", Effect: "none", Doc: "he is not, and his domain asks for one of these two, but a trusted ARC sealer or an allow list answers for the forwarder"},
			{Word: "private", Effect: "none", Doc: "he is not, but the client is on a private network or loopback"},
			{Word: "none", Effect: "none", Doc: "his domain has no DMARC record, or the sender has logged in"},
			{Word: "permerror", Effect: "score 1", Doc: "there is no author whose domain could be asked, or too many"},
			{Word: "temperror", Effect: "none", Doc: "the DNS did not answer"},
		},
		New: func(any) (pipeline.Filter, error) { return dmarcFilter{d}, nil },
	}
}

// Check implements pipeline.Filter.
func (f dmarcFilter) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if login := q.Tx.Client.Login; !login.IsNull() {
		return pipeline.Finding{Result: "none", Reason: fmt.Sprintf("the sender has logged in as %s", login)}, nil
	}
	a, err := dmarcFact(ctx, q.Tx, f.Resolver)
	if err != nil {
		return pipeline.Finding{}, err
	}
	finding := a.finding()
	if a.Result != "fail" {
		return finding, nil
	}
	asked := a.deciding().Asked
	vouch := vouched(q.Walk)
	switch {
	case isLocal(q.Tx.Client.Addr):
		finding.Result = "private"
		finding.Reason = fmt.Sprintf("%s is an address of a private network, for which %s can prove nothing", q.Tx.Client.Addr, a.deciding().Author)
		finding.Auth = nil
	case asked == dmarc.None:
	case vouch != "":
		finding.Result = "vouched"
		finding.Reason += "; but " + vouch
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: "asked", Value: string(asked)})
	default:
		finding.Result = string(asked)
	}
	return finding, nil
}

// finding is what DMARC says, without what is made of it here. It is not to be changed.
func (a *dmarcAnswer) finding() pipeline.Finding {
	tell := func() pipeline.Finding {
		f := pipeline.Finding{Result: a.Result, Reason: dmarcReason(a), Auth: dmarcAuth(a)}
		for _, v := range a.Verdicts {
			f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "author", Value: shorten(describeVerdict(v))})
		}
		f.Evidence = slices.Clip(append(f.Evidence, a.Seen...))
		return f
	}
	if a.Result == "temperror" || a.Result == "permerror" { // which depend on more than the domain and what is proven
		return tell()
	}
	return a.told.make(tell)
}

// vouched says who answers for the forwarder, as the entries above found; "": nobody.
func vouched(w *pipeline.Walk) string {
	if w == nil {
		return ""
	}
	for _, s := range w.Steps {
		if !s.Shadow && (s.Filter == "arc" && s.Finding.Result == "trusted" || s.Filter == "dnsbl" && s.Finding.Result == "allowed") {
			return s.Finding.Reason
		}
	}
	return ""
}

func dmarcReason(a *dmarcAnswer) string {
	switch a.Result {
	case "pass":
		v := a.deciding()
		return shorten(fmt.Sprintf("%s of %s proves that the author is from %s", provenBy(v), v.By, v.Author))
	case "fail":
		v := a.deciding()
		wish := map[dmarc.Disposition]string{
			dmarc.None: "asks for nothing to be done", dmarc.Quarantine: "asks to have such mail held", dmarc.Reject: "asks to have such mail refused",
		}[v.Asked]
		return shorten(fmt.Sprintf("nothing proves that the author is from %s, which %s", v.Author, wish))
	case "none":
		return "the author's domain has no DMARC record"
	case "permerror":
		return shorten(a.Problem)
	}
	return shorten("DMARC could not be evaluated: " + a.Problem)
}

// describeVerdict is a verdict in one line: "example.org: record of example.org, p=reject:
// pass by DKIM of news.example.org".
func describeVerdict(v dmarc.Verdict) string {
	if v.Domain == "" {
		return v.Author + ": no record"
	}
	text := fmt.Sprintf("%s: record of %s asks for %s", v.Author, v.Domain, v.Policy)
	if v.Asked != v.Policy {
		text += fmt.Sprintf(", in test mode %s", v.Asked)
	}
	if v.Missing {
		text += ", since the domain does not exist"
	}
	if v.Pass {
		return text + ": pass by " + provenBy(v) + " of " + v.By
	}
	return text + ": fail"
}

// dmarcAuth is the results for Authentication-Results, one for each author's domain (RFC
// 8601 §2.7.6, RFC 9989 §10).
func dmarcAuth(a *dmarcAnswer) (list []authres.Result) {
	for _, v := range a.Verdicts {
		params := map[string]string{"header.from": v.Author}
		value := authres.ResultNone
		if v.Domain != "" {
			value = authres.ResultFail
			params["policy.dmarc"] = string(v.Asked)
		}
		if v.Pass {
			value = authres.ResultPass
		}
		list = append(list, &authres.GenericResult{Method: "dmarc", Value: value, Params: params})
	}
	if a.Result == "temperror" || len(list) == 0 {
		return []authres.Result{&authres.GenericResult{Method: "dmarc", Value: authres.ResultValue(a.Result), Params: map[string]string{"reason": a.Problem}}}
	}
	return list
}

// Record implements pipeline.Recorder: a domain that asks for reports is told what came in
// its name, whatever its recipients. The first one's policy says what was done.
func (f dmarcFilter) Record(ctx context.Context, q pipeline.Query, finding pipeline.Finding) error {
	if f.Reports == nil || finding.Result == "private" || !q.Tx.Client.Login.IsNull() || !q.Tx.First("dmarc report") {
		return nil
	}
	a, err := dmarcFact(ctx, q.Tx, f.Resolver)
	if err != nil || a.Result != "pass" && a.Result != "fail" || dmarc.IsReport(q.Tx.Message) {
		return err
	}
	for _, v := range a.Verdicts {
		if v.Domain != "" {
			f.Reports.Note(a.seen(q, v, disposition(q.Walk, finding.Result), finding))
		}
	}
	return nil
}

// disposition is what the walk does with a result, in the words of reports; of several
// entries of the filter the first counts.
func disposition(w *pipeline.Walk, result string) dmarc.Disposition {
	for _, e := range w.Policy.Entries {
		if e.Kind.Name != "dmarc" || e.Shadow {
			continue
		}
		switch e.On[result].Action {
		case pipeline.Reject:
			return dmarc.Reject
		case pipeline.Quarantine, pipeline.Spam, pipeline.Junk, pipeline.Tag:
			return dmarc.Quarantine
		}
		return dmarc.None
	}
	return dmarc.None
}

// seen is the message as a report tells it.
func (a *dmarcAnswer) seen(q pipeline.Query, v dmarc.Verdict, done dmarc.Disposition, finding pipeline.Finding) dmarc.Seen {
	s := dmarc.Seen{
		Time: q.Tx.Time, Source: q.Tx.Client.Addr, Verdict: v, Disposition: done,
		EnvelopeFrom: q.Tx.Envelope.ReversePath.Domain(),
		SPF:          dmarc.SPFResult{Domain: a.SPF.Domain, Result: a.SPF.Result},
	}
	if a.SPF.Identity == "helo" {
		s.SPF.Scope = "helo"
	}
	for _, g := range a.DKIM.Signatures {
		s.DKIM = append(s.DKIM, dmarc.DKIMResult{Domain: g.Domain, Selector: g.Selector, Result: g.Result, Human: g.Reason})
	}
	switch {
	case v.Pass || done == v.Asked && v.Asked == v.Policy:
	case finding.Result == "vouched":
		s.Reason, s.Comment = "trusted_forwarder", finding.Reason
	case done == v.Asked:
		s.Reason = "policy_test_mode"
	default:
		s.Reason = "local_policy"
	}
	return s
}
