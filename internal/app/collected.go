package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/collector"
	"gatepost/internal/directory"
	"gatepost/internal/remote"
)

// Why an account that an owner set up is not visited.
var (
	errNotCollected = errors.New("the domain does not let owners have mail fetched")
	errNoReach      = errors.New("owners may not have that server reached")
)

// mayCollect reports whether the owner of a mailbox may set up accounts elsewhere: his domain lets him, and the node lets owners at all.
func (a *App) mayCollect(box int64) bool {
	s := a.directory.Snapshot()
	m, ok := s.Box(box)
	if !ok || a.config.Load().Collector.Owned == 0 {
		return false
	}
	d, ok := s.Domain(m.Address.Domain())
	return ok && d.Leaves(directory.MayCollect)
}

// ownersReach says why no account of an owner's is reached at an address, as it was found for a name: an owner chooses names and ports,
// and would else look around in the node's network by them, and reach what lets in whoever comes from there.
func (a *App) ownersReach(at netip.AddrPort) error {
	c := a.config.Load().Collector
	if why := (places{"collector.ports", c.Ports, "collector.networks", c.Networks}).refuse(at); why != "" {
		return fmt.Errorf("%w: %s", errNoReach, why)
	}
	return nil
}

// collectedFaults are what goes wrong with accounts elsewhere, as people are told it, by a text that the error has; the first that
// is found counts. What the server said is of use to its user alone.
func collectedFaults() []struct{ text, key string } {
	return []struct{ text, key string }{
		{errNoReach.Error(), "reach"},
		{errNotCollected.Error(), "shut"},
		{collector.ErrWithheld.Error(), "withheld"},
		{remote.ErrLogin.Error(), "login"},
		{remote.ErrTLS.Error(), "tls"},
		{remote.ErrProtocol.Error(), "protocol"},
		{"no such host", "host"},
		{"not taken", "here"},
		{"password can't be read", "password"},
		{"dial tcp", "connect"},
		{"timeout", "connect"},
		{"closed the connection", "connect"},
	}
}

// collectedFault is what went wrong with the last visit, as a key, and what the server said to it.
func collectedFault(c collector.Account) (key, said string) {
	if c.Fault == "" {
		return "", ""
	}
	for _, f := range collectedFaults() {
		if strings.Contains(c.Fault, f.text) {
			if key = f.key; key == "login" || key == "tls" || key == "protocol" || key == "withheld" {
				said = c.Fault
			}
			return key, said
		}
	}
	return "other", ""
}

// A collectedActs bounds how often owners have accounts elsewhere visited at once: who could do so without an end would try
// passwords at other servers by this node.
type collectedActs struct {
	mu    sync.Mutex
	since time.Time
	byBox map[int64]int
}

// What one owner may do within an hour.
const (
	collectedWithin  = time.Hour
	maxCollectedActs = 30
)

func (l *collectedActs) take(box int64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= collectedWithin || now.Before(l.since) {
		l.since, l.byBox = now, map[int64]int{}
	}
	l.byBox[box]++
	return l.byBox[box] <= maxCollectedActs
}

// ownAccount is one that the owner of a mailbox set up.
func (a *App) ownAccount(ctx context.Context, box, id int64) (collector.Account, error) {
	all, err := a.store.Collectors().OfBox(ctx, box)
	if err != nil {
		return collector.Account{}, err
	}
	at := slices.IndexFunc(all, func(c collector.Account) bool { return c.ID == id && c.Owned })
	if at < 0 {
		return collector.Account{}, collector.ErrUnknown
	}
	return all[at], nil
}
