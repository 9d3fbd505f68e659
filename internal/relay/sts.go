package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"gatepost/internal/mtasts"
	"gatepost/internal/tlsreport"
)

// Policies knows the MTA-STS policies of domains; *mtasts.Cache is one. An error comes
// with the zero Policy and means that mail goes as if there were none.
type Policies interface {
	Policy(ctx context.Context, domain string) (mtasts.Policy, error)
}

// secured returns the addresses of a domain's servers with what its policies ask:
// DANE's of a server that has TLSA records, else MTA-STS' (RFC 8461 §2), else TLS where
// it is offered. Records that can't be used prove nothing, and switch off no MTA-STS
// policy that would (RFC 8461 §5). failed says why servers were left out.
func (r *Relay) secured(ctx context.Context, w way, servers []located) (found []target, failed error) {
	bonds := make([]*bond, len(servers))
	usable := make([]bool, len(servers))
	free := false
	for i, s := range servers {
		b, err := r.findBond(ctx, w, s)
		if err != nil {
			failed = &noWay{"4.7.5", err.Error()}
			r.c.Log.Info("relay: server left out", "domain", w.domain, "server", s.name, "error", err)
			r.report(tlsreport.Session{
				Policy:  &tlsreport.Policy{Domain: w.domain, Type: tlsreport.TLSA},
				Failure: tlsreport.Failure{Result: tlsreport.DNSSECInvalid, MX: s.name, Reason: "whether it has TLSA records can't be found out"},
			})
			continue
		}
		bonds[i], usable[i] = b, true
		free = free || !b.proves()
	}
	var sts mtasts.Policy
	var unknown error // why a policy that is announced is not known
	if free && w.wish != waived {
		sts, unknown = r.stsPolicy(ctx, w.domain)
	}
	p := reported(w.domain, sts)
	if w.wish == waived {
		p = nil // nor are such sessions counted (RFC 8460 §3: those of reports)
	}
	for i, s := range servers {
		if !usable[i] {
			continue
		}
		t, ok := asked(target{name: s.name}, w, bonds[i], sts, p)
		if !ok {
			if failed = misnamed(w.domain, s.name, sts); len(found) == 0 { // else it might not have been its turn
				r.report(tlsreport.Session{Policy: &p.Policy, Failure: tlsreport.Failure{
					Result: tlsreport.ValidationFailure, MX: s.name, Reason: failed.Error(),
				}})
			}
			continue
		}
		found = append(found, r.addressed(t, s.addrs)...)
	}
	if w.wish == required {
		var none error
		if found, none = proving(found, w, unknown); none != nil {
			failed = cmp.Or(failed, none)
		}
	}
	return found, failed
}

// asked puts on a server what is asked of it; false: the policies forbid it.
func asked(t target, w way, b *bond, sts mtasts.Policy, p *policy) (target, bool) {
	if b.proves() {
		return b.tie(t, w.domain), true
	}
	t, ok := stsTarget(t, sts, p)
	if !ok || b == nil || t.tls == verify {
		return t, ok
	}
	told := t.policy
	if t = b.tie(t, w.domain); p.Type == tlsreport.STS { // in mode testing
		t.policy = told
	}
	return t, true
}

// stsPolicy asks for a domain's policy. Where one is announced and can't be had mail
// goes without (RFC 8461 §3.3), and the domain is told; an error says why.
func (r *Relay) stsPolicy(ctx context.Context, domain string) (mtasts.Policy, error) {
	if r.c.Policies == nil {
		return mtasts.Policy{}, nil
	}
	p, err := r.c.Policies.Policy(ctx, domain)
	if err != nil {
		// What was met is for the log here, which has it: whoever published the record
		// may have made us look for it.
		f := tlsreport.Failure{Result: tlsreport.PolicyFetchError, Reason: "the policy could not be fetched"}
		switch {
		case errors.Is(err, mtasts.ErrInvalid):
			f = tlsreport.Failure{Result: tlsreport.PolicyInvalid, Reason: "what is served is no valid policy"}
		case errors.Is(err, mtasts.ErrCertificate):
			f = tlsreport.Failure{Result: tlsreport.PolicyWebInvalid, Reason: "the certificate of the policy's server is not valid for it"}
		}
		r.report(tlsreport.Session{Policy: &tlsreport.Policy{Domain: domain, Type: tlsreport.STS}, Failure: f})
	}
	return p, err
}

// reported is a domain's policy for the reports to it.
func reported(domain string, sts mtasts.Policy) *policy {
	p := &policy{Policy: tlsreport.Policy{Domain: domain, Type: tlsreport.Free}}
	if sts.Mode == mtasts.Enforce || sts.Mode == mtasts.Testing {
		p.Type, p.Strings, p.MX = tlsreport.STS, sts.Lines(), sts.MX
		p.testing = sts.Mode == mtasts.Testing
	}
	return p
}

// stsTarget puts an MTA-STS policy on a server; false: the policy forbids it (RFC 8461
// §5).
func stsTarget(t target, sts mtasts.Policy, p *policy) (target, bool) {
	t.policy = p
	switch named := sts.Matches(t.name); {
	case p == nil || p.Type != tlsreport.STS:
	case p.testing && !named:
		t.policy = &policy{Policy: p.Policy, testing: true, misnamed: misnamed(p.Domain, t.name, sts)}
	case p.testing:
	case !named:
		return t, false
	default:
		t.tls, t.level = verify, levelSTS
	}
	return t, true
}

func misnamed(domain, host string, sts mtasts.Policy) error {
	names := sts.MX
	if len(names) > 5 {
		names = append(names[:5:5], "…")
	}
	return &noWay{"4.7.5", fmt.Sprintf("the MTA-STS policy of %s (RFC 8461) does not name the server %s, but %s: it forbids to send there",
		domain, host, strings.Join(names, ", "))}
}
