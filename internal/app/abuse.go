package app

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"gatepost/filters"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/traffic"
)

// abusers bans clients that offend against the protocol again and again: one broken
// program is not kept out for one connection. An address whose network has a good history
// is spared: what it sends may be what others had it send. It is an smtpd.Abuser.
type abusers struct {
	traffic *traffic.Traffic
	banner  filters.Banner
	log     *slog.Logger
}

const (
	maxAbuse   = 3               // offences of an address within an hour before it is banned
	abuseTime  = 2 * time.Second // for imposing a ban, which only queues it
	abuseCause = "protocol"
)

// Abuse implements smtpd.Abuser.
func (a abusers) Abuse(client netip.Addr, what string) {
	if client.IsLoopback() {
		return
	}
	n := a.traffic.Fault(client)
	a.log.Info("protocol abused", "client", client, "what", what, "within_hour", int(n))
	if n < maxAbuse || a.traffic.Good(client) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), abuseTime)
	defer cancel()
	if err := a.banner.Impose(ctx, client, abuseCause, "it abused the protocol again and again, the last time by "+what); err != nil {
		a.log.Warn("not banned", "client", client, "error", err)
	}
}

// warnOfTraps tells of addresses that a policy names as traps and somebody has: they are
// none then.
func (a *App) warnOfTraps(p *intake.Policies) {
	s := a.directory.Snapshot()
	for _, policy := range p.ByName {
		for _, e := range policy.Entries {
			f, ok := e.Filter.(interface{ Traps() []mail.Path })
			if !ok {
				continue
			}
			for _, trap := range f.Traps() {
				if s.Has(trap) {
					a.log.Warn("somebody has an address that is named as a trap: it is none", "address", trap, "policy", policy.Name, "entry", e.Name)
				}
			}
		}
	}
}
