package app

import (
	"context"
	"net/netip"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/ban"
	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// openBans loads who is kept out, and makes the guard over failed log-ins that adds to it.
func (a *App) openBans(ctx context.Context, c *config.Config) (err error) {
	a.bans, err = ban.New(ctx, a.banConfig(c))
	if err != nil {
		return err
	}
	var causes []string
	for _, cause := range ban.Causes() {
		causes = append(causes, string(cause))
	}
	a.metrics.Gauges("bans_active", "Bans that keep somebody out now, by cause.", "cause", causes, func(cause string) float64 {
		return float64(a.bans.Counts()[ban.Cause(cause)])
	})
	a.guard = access.NewGuard(access.GuardConfig{Bans: a.bans, Exists: persons{a.directory}.Has, Log: a.log, Now: func() time.Time { return a.now() }})
	return nil
}

func (a *App) banConfig(c *config.Config) ban.Config {
	return ban.Config{
		Rows: a.store.Bans(), Ladder: ban.Ladder{Rungs: c.Bans.Ladder, Memory: c.Bans.Memory}, Most: c.Bans.Most,
		Contact: banContact(c), Never: a.neverBanned, Observer: a.metrics, Log: a.log, Now: func() time.Time { return a.now() }, Old: a.clock.Now,
	}
}

// banContact is where who is banned can ask for help. Mail from there does not come in,
// so where there are pages it is one of them.
func banContact(c *config.Config) string {
	switch {
	case c.Bans.Contact != "":
		return c.Bans.Contact
	case c.Web.URL != "":
		return c.Web.URL + "/ban"
	}
	return "postmaster@" + c.Hostname
}

// helpContact is where a person can ask for help who is on the page of his own ban.
func helpContact(c *config.Config) string {
	if c.Bans.Contact != "" {
		return c.Bans.Contact
	}
	return "postmaster@" + c.Hostname
}

// neverBanned says why an address is never banned; "": it may be. It knows who relays for
// us, who stands before us, and whom an admin allows for all.
func (a *App) neverBanned(addr netip.Addr) string {
	if why := a.spared(netip.PrefixFrom(addr, addr.BitLen())); why != "" {
		return why
	}
	if e, ok := a.directory.Snapshot().FindClient(addr, mail.Null); ok && e.List == directory.Allow {
		return globallyAllowed(e)
	}
	return ""
}

// voids says why a ban of a network keeps nobody out now: all of the network is never
// banned. "": it does, if only some of it.
func (a *App) voids(network netip.Prefix) string {
	if why := a.spared(network); why != "" {
		return why
	}
	value := network.String()
	if e, ok := a.directory.Snapshot().Outranking(directory.Entry{
		List: directory.Block, Kind: directory.Network, Value: value, Scope: directory.Global, Expires: a.now(),
	}); ok {
		return globallyAllowed(e)
	}
	return ""
}

func globallyAllowed(e directory.Entry) string { return "the global allow list has " + e.Value }

// spared says which setting has all of a network as one that is never banned.
func (a *App) spared(network netip.Prefix) string {
	c := a.config.Load()
	for _, of := range [...]struct {
		setting  string
		networks []netip.Prefix
	}{
		{"bans.never", c.Bans.Never}, {"trusted_relays", c.TrustedRelays}, {"proxy.trusted", c.Proxy.Trusted}, {"web.proxies", c.Web.Proxies},
	} {
		for _, n := range of.networks {
			if n.Bits() <= network.Bits() && n.Contains(network.Addr()) {
				return of.setting + " has " + n.String()
			}
		}
	}
	return ""
}

// refusal says why an address may not come to a door where people log in; "": it may.
func (a *App) refusal(door string) func(netip.Addr) string {
	return func(addr netip.Addr) string {
		b, ok := a.bans.Find(addr, ban.Cause.Doors)
		if !ok {
			return ""
		}
		a.bans.Hit(b, door)
		return a.bans.Notice(b)
	}
}
