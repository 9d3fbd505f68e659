package app

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/greylist"
	"gatepost/internal/mail"
)

func (a *App) greylistOps(h control.Handlers) {
	control.On(h, a.listGreylist)
	control.On(h, a.greylistIdentities)
	control.On(h, a.showGreylist)
	control.On(h, a.passGreylist)
	control.On(h, a.forgetGreylist)
	control.On(h, a.greylistStats)
}

// greylistPage is how many rows an answer has at most.
const greylistPage = 1000

func (a *App) listGreylist(ctx context.Context, q ops.GreylistList) ([]ops.Triplet, error) {
	p := greylist.Page{Limit: bounded(q.Limit)}
	if q.Passed {
		p.State = greylist.Passing
	}
	if q.After != "" {
		var micros int64
		if n, err := fmt.Sscanf(q.After, "%d-%d", &micros, &p.After.Number); n != 2 || err != nil {
			return nil, control.Misused("%q is not the id of a row (`gatepost greylist list` shows them)", q.After)
		}
		p.After.Expires = time.UnixMicro(micros)
	}
	rows, err := a.greylist.List(ctx, p)
	list := []ops.Triplet{}
	for _, t := range rows {
		list = append(list, triplet(t, ""))
	}
	return list, err
}

func bounded(limit int) int {
	if limit <= 0 {
		return greylistPage
	}
	return min(limit, greylistPage)
}

func triplet(t greylist.Triplet, as string) ops.Triplet {
	out := ops.Triplet{
		ID: fmt.Sprintf("%d-%d", t.Expires.UnixMicro(), t.Number), Identity: t.Identity, Domain: t.Domain, As: as, State: "waiting",
		First: t.First, Last: t.Last, Tries: t.Tries, Tx: t.Tx, Expires: t.Expires,
	}
	if t.State == greylist.Passing {
		out.State = "passed"
	}
	return out
}

func (a *App) greylistIdentities(ctx context.Context, q ops.GreylistIdentities) ([]ops.Identity, error) {
	rows, err := a.greylist.Identities(ctx, q.After, bounded(q.Limit))
	list := []ops.Identity{}
	for _, i := range rows {
		list = append(list, greylisted(i))
	}
	return list, err
}

func greylisted(i greylist.Identity) ops.Identity {
	out := ops.Identity{Name: i.Name, Passes: i.Passes, First: i.First, Last: i.Last, Expires: i.Expires}
	if i.Passes >= greylist.ByHand {
		out.Passes, out.ByHand = i.Passes-greylist.ByHand, true
	}
	return out
}

// greylistValue reads what a person asks about: an address, or a domain, network or
// client by which triplets are known.
func greylistValue(s string) (name string, address mail.Path, err error) {
	if strings.Contains(s, "@") {
		address, err = mail.ParsePath(s)
		if err != nil {
			return "", "", control.Misused("%v", err)
		}
		return "", address, nil
	}
	if n, err := netip.ParsePrefix(s); err == nil {
		return greylist.Network(n.Addr(), n.Bits(), n.Bits()), "", nil
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return greylist.Network(addr, greylist.IPv4Bits, greylist.IPv6Bits), "", nil
	}
	domain, err := mail.ParseDomain(s)
	if err != nil || domain == "" {
		return "", "", control.Misused("%q is neither an address, nor a domain, nor a network", s)
	}
	return domain, "", nil
}

func (a *App) showGreylist(ctx context.Context, q ops.GreylistShow) (ops.GreylistKnown, error) {
	known := ops.GreylistKnown{Triplets: []ops.Triplet{}}
	name, address, err := greylistValue(q.Value)
	if err != nil {
		return known, err
	}
	if name != "" {
		i, ok, err := a.greylist.Identity(ctx, name)
		if err != nil {
			return known, err
		}
		if ok {
			shown := greylisted(i)
			known.Identity = &shown
		}
	}
	rows, err := a.greylist.Triplets(ctx, name, address, greylistPage)
	if err != nil {
		return known, err
	}
	sender, _ := a.greylist.Numbers(address)
	for _, t := range rows {
		as := ""
		switch {
		case address.IsNull():
		case t.Sender == sender:
			as = "sender"
		default:
			as = "recipient"
		}
		known.Triplets = append(known.Triplets, triplet(t, as))
	}
	if known.Identity == nil && len(rows) == 0 {
		return known, control.NotFound("nothing is remembered of %s", q.Value)
	}
	return known, nil
}

func (a *App) passGreylist(ctx context.Context, q ops.GreylistPass) (ops.Identity, error) {
	name, _, err := greylistValue(q.Value)
	if err != nil {
		return ops.Identity{}, err
	}
	if name == "" {
		return ops.Identity{}, control.Misused("a domain or network passes, not an address: `gatepost list add allow` allows a sender")
	}
	i, err := a.greylist.Pass(ctx, name)
	return greylisted(i), err
}

func (a *App) forgetGreylist(ctx context.Context, q ops.GreylistForget) (ops.GreylistForgotten, error) {
	name, address, err := greylistValue(q.Value)
	if err != nil {
		return ops.GreylistForgotten{}, err
	}
	n, err := a.greylist.Forget(ctx, name, address)
	return ops.GreylistForgotten{Triplets: n}, err
}

func (a *App) greylistStats(ctx context.Context, q ops.GreylistStats) ([]ops.Delay, error) {
	since := ""
	if !q.Since.IsZero() {
		since = greylist.Day(q.Since)
	}
	rows, err := a.greylist.Delays(ctx, since, spelledDomain(q.Domain))
	list := []ops.Delay{}
	for _, d := range rows[:min(len(rows), bounded(q.Limit))] {
		half, _ := d.Wait(0.5)
		most, over := d.Wait(0.95)
		list = append(list, ops.Delay{
			Domain: d.Domain, Deferred: d.Deferred, Returned: d.Returned, Lost: d.Lost, Waiting: max(d.Deferred-d.Returned-d.Lost, 0),
			P50: half.Seconds(), P95: most.Seconds(), Over: over,
		})
	}
	return list, err
}
