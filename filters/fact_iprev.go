package filters

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// An iprevAnswer is what the DNS calls the client, and whether that name leads
// back to it (iprev, RFC 8601 §2.7.3).
type iprevAnswer struct {
	Result string   // "pass", "nofwd", "none", "temperror"
	Names  []string // of the PTR records, those that a host could have
	Name   string   // the first that leads back; "" where none does
	Auth   *authres.IPRevResult
	Seen   []pipeline.Evidence
	told   *lazily // what rdns says of it
}

// Bounds of the lookups for one client. An address with many names is somebody's
// joke; ten is as many as SPF looks at (RFC 7208 §4.6.4).
const (
	iprevLimit = 10 * time.Second
	maxNames   = 10
)

// iprevFact finds out the client's name once for a transaction. A temporary
// failure is a result, not an error.
func iprevFact(ctx context.Context, tx *pipeline.Transaction, r Resolver) (iprevAnswer, error) {
	return pipeline.Fact(ctx, tx, "iprev", iprevLimit, func(ctx context.Context) (iprevAnswer, error) {
		m, ok := r.(*remembering)
		if !ok {
			return iprev(ctx, r, tx.Client.Addr), nil
		}
		return conclude(m, &m.iprev, tx.Client.Addr, func(w *watched) (iprevAnswer, []pipeline.Evidence) {
			a := iprev(ctx, w, tx.Client.Addr)
			return a, a.Seen
		}), nil
	})
}

func iprev(ctx context.Context, r Resolver, client netip.Addr) iprevAnswer {
	var s seen
	a := iprevAnswer{told: &lazily{}, Auth: &authres.IPRevResult{IP: client.String()}}
	names, err := r.LookupAddr(ctx, client.String())
	s.add("PTR "+client.String(), names, err)
	stale := isStale(err)
	if stale {
		err = nil
	}
	a.Names = hostNames(names[:min(len(names), maxNames)])
	switch {
	case notFound(err) || err == nil && len(names) == 0:
		a.Result, a.Auth.Value, a.Auth.Reason = "none", authres.ResultPermError, "no PTR record"
	case err != nil:
		a.Result, a.Auth.Value = "temperror", authres.ResultTempError
	default:
		a.confirm(ctx, r, client, &s)
	}
	if stale && a.Result == "nofwd" {
		a.Result, a.Auth.Value, a.Auth.Reason = "temperror", authres.ResultTempError, ""
	}
	a.Seen = s.evidence()
	return a
}

// hostNames leaves out what no host is called (RFC 952, RFC 1123 §2.1; an underscore is
// met in real names): whoever writes a PTR record writes any octets, and those that the
// DNS can't be asked about would look like a failure of it.
func hostNames(names []string) (hosts []string) {
	for _, name := range names {
		if host, err := mail.ParseDomain(name); err == nil && host[0] != '[' {
			hosts = append(hosts, name)
		}
	}
	return hosts
}

// confirm looks for a name that leads back to the client.
func (a *iprevAnswer) confirm(ctx context.Context, r Resolver, client netip.Addr, s *seen) {
	network := "ip6"
	if client.Is4() {
		network = "ip4"
	}
	back, errs := make([][]netip.Addr, len(a.Names)), make([]error, len(a.Names))
	var wg sync.WaitGroup
	for i, name := range a.Names[min(1, len(a.Names)):] { // most have one
		i++
		wg.Go(func() { back[i], errs[i] = r.LookupNetIP(ctx, network, name) })
	}
	if len(a.Names) > 0 {
		back[0], errs[0] = r.LookupNetIP(ctx, network, a.Names[0])
	}
	wg.Wait()
	a.Result, a.Auth.Value, a.Auth.Reason = "nofwd", authres.ResultFail, "no name leads back"
	for i, name := range a.Names {
		s.add("address "+name, texts(back[i]), errs[i])
		switch {
		case a.Name != "":
		case slices.Contains(back[i], client):
			a.Name, a.Result = name, "pass"
			a.Auth.Value, a.Auth.Reason = authres.ResultPass, ""
		case errs[i] != nil && !notFound(errs[i]):
			a.Result, a.Auth.Value, a.Auth.Reason = "temperror", authres.ResultTempError, ""
		}
	}
}

func texts[T fmt.Stringer](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = v.String()
	}
	return list
}
