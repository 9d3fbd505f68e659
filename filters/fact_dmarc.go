package filters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/dmarc"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// A dmarcAnswer is what DMARC says of a message (RFC 9989), whatever the policies here make
// of it.
type dmarcAnswer struct {
	Result   string          // "pass", "fail", "none", "permerror", "temperror"
	Problem  string          // why it is an error
	Verdicts []dmarc.Verdict // of each author's domain, in their order
	Deciding int             // whose verdict of them decides, where there are any
	SPF      spfAnswer
	DKIM     dkimAnswer
	Seen     []pipeline.Evidence
	told     *lazily // what the filter says of a pass, a fail or none
}

// deciding is the verdict that decides; there is one where Result is pass or fail.
func (a *dmarcAnswer) deciding() dmarc.Verdict { return a.Verdicts[a.Deciding] }

// Bounds of one message's look-ups. A walk has eight questions, and there may be one for
// each author, for SPF and for each signature.
const (
	dmarcLimit       = spfLimit + dkimLimit + 10*time.Second
	maxAuthorDomains = 5
)

// dmarcFact evaluates DMARC once, when the content is in. A temporary failure is a result,
// not an error.
func dmarcFact(ctx context.Context, tx *pipeline.Transaction, r Resolver) (dmarcAnswer, error) {
	if tx.Message == nil {
		return dmarcAnswer{}, errors.New("dmarc: asked before the content is in")
	}
	return pipeline.Fact(ctx, tx, "dmarc", dmarcLimit, func(ctx context.Context) (dmarcAnswer, error) {
		return evaluateDMARC(ctx, r, tx)
	})
}

func evaluateDMARC(ctx context.Context, r Resolver, tx *pipeline.Transaction) (a dmarcAnswer, err error) {
	domains, problem := fromDomains(tx.Message)
	if err := tx.Message.Err(); err != nil {
		return a, fmt.Errorf("dmarc: read message: %w", err)
	}
	if len(domains) == 0 {
		return dmarcAnswer{Result: "permerror", Problem: problem}, nil
	}
	if a.SPF, err = spfFact(ctx, tx, r); err != nil {
		return a, err
	}
	if a.DKIM, err = dkimFact(ctx, tx, r); err != nil {
		return a, err
	}
	proven := a.proven()
	for _, d := range domains {
		one := askDMARC(ctx, r, d, proven)
		a.Seen = append(a.Seen, one.seen...)
		if one.err != nil {
			a.Result, problem = "temperror", cmp.Or(problem, one.err.Error())
			continue
		}
		a.Verdicts = append(a.Verdicts, one.verdict)
		a.told = one.told
	}
	if len(domains) > 1 {
		a.Seen, a.told = inOrder(a.Seen), &lazily{}
	}
	a.judge(problem)
	return a, nil
}

// A dmarcOne is what DMARC says of one author's domain.
type dmarcOne struct {
	verdict dmarc.Verdict
	err     error // it could not be evaluated
	seen    []pipeline.Evidence
	told    *lazily
}

// A dmarcKey is what that depends on: the domain, and those that are proven.
type dmarcKey struct{ author, spf, dkim string }

// askDMARC evaluates DMARC for an author's domain, or remembers what it was.
func askDMARC(ctx context.Context, r Resolver, author string, proven dmarc.Proven) dmarcOne {
	m, ok := r.(*remembering)
	if !ok {
		return evaluateOne(ctx, r, author, proven)
	}
	return conclude(m, &m.dmarc, dmarcKeyOf(author, proven), func(w *watched) (dmarcOne, []pipeline.Evidence) {
		one := evaluateOne(ctx, w, author, proven)
		return one, one.seen
	})
}

func dmarcKeyOf(author string, p dmarc.Proven) dmarcKey {
	return dmarcKey{author, p.SPF, strings.Join(p.DKIM, " ")}
}

func evaluateOne(ctx context.Context, r Resolver, author string, proven dmarc.Proven) dmarcOne {
	texts := &seenTXT{resolver: r}
	v, err := dmarc.Evaluate(ctx, dmarc.NewWalker(texts), author, proven, func(ctx context.Context, domain string) (bool, error) { return exists(ctx, r, domain) })
	return dmarcOne{verdict: v, err: err, seen: texts.evidence(), told: &lazily{}}
}

// fromDomains are the domains of all authors, each once; what has none is passed over.
// problem says what was wrong, where there is none, or more than are looked at.
func fromDomains(m *mail.Message) (domains []string, problem string) {
	for _, a := range m.From() {
		p, ok := a.Path()
		if !ok || !isName(p.Domain()) || slices.Contains(domains, p.Domain()) {
			continue
		}
		if len(domains) == maxAuthorDomains {
			return domains, fmt.Sprintf("there are authors of more than %d domains", maxAuthorDomains)
		}
		domains = append(domains, p.Domain())
	}
	if len(domains) == 0 {
		problem = "there is no author whose domain could be asked"
	}
	return domains, problem
}

// proven are the domains that SPF and DKIM proved.
func (a *dmarcAnswer) proven() (p dmarc.Proven) {
	if a.SPF.Result == "pass" {
		p.SPF, _ = mail.ParseDomain(a.SPF.Domain)
	}
	for _, s := range a.DKIM.Signatures {
		if s.Result == "pass" {
			p.DKIM = append(p.DKIM, s.Domain)
		}
	}
	return p
}

// exists reports whether mail could come from a domain: it has an MX record or an address
// (RFC 9091 §2.7, which RFC 9989 asks of the DNS as a whole).
func exists(ctx context.Context, r Resolver, domain string) (bool, error) {
	_, err := r.LookupMX(ctx, domain)
	if err == nil || isStale(err) {
		return true, nil
	}
	if !notFound(err) {
		return false, dnsErrorOf(domain, err)
	}
	if _, err = r.LookupNetIP(ctx, "ip", domain); err == nil || isStale(err) {
		return true, nil
	}
	if !notFound(err) {
		return false, dnsErrorOf(domain, err)
	}
	return false, nil
}

// judge brings the verdicts of all authors together: where one is not proven the message is
// not, and the strictest of their wishes counts (RFC 9989 §5.3.1).
func (a *dmarcAnswer) judge(problem string) {
	passes, fails, worst := 0, 0, -1
	for i, v := range a.Verdicts {
		switch {
		case v.Domain == "":
			continue
		case v.Pass:
			passes++
		default:
			if fails++; worst < 0 || severity(v.Asked) > severity(a.Verdicts[worst].Asked) {
				worst = i
			}
		}
	}
	a.Problem = problem
	switch {
	case fails > 0 && a.uncertain(worst):
		a.Result, a.Problem = "temperror", "SPF or DKIM could not be evaluated"
	case fails > 0:
		a.Result, a.Deciding, a.Problem = "fail", worst, ""
	case a.Result == "temperror":
	case problem != "":
		a.Result = "permerror"
	case passes == len(a.Verdicts):
		a.Result = "pass"
	default:
		a.Result = "none"
	}
}

func severity(d dmarc.Disposition) int {
	return slices.Index([]dmarc.Disposition{dmarc.None, dmarc.Quarantine, dmarc.Reject}, d)
}

// uncertain reports whether what the DNS did not answer could have proven an author.
func (a *dmarcAnswer) uncertain(author int) bool {
	domain := a.Verdicts[author].Author
	if a.SPF.Result == "temperror" && aligned(a.SPF.Domain, domain) {
		return true
	}
	return slices.ContainsFunc(a.DKIM.Signatures, func(s dkimSignature) bool { return s.Result == "temperror" && aligned(s.Domain, domain) })
}

// by says in words what proves the author.
func provenBy(v dmarc.Verdict) string {
	var ways []string
	if v.SPF {
		ways = append(ways, "SPF")
	}
	if v.DKIM {
		ways = append(ways, "DKIM")
	}
	return strings.Join(ways, " and ")
}
