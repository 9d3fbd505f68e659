package app

import (
	"cmp"
	"context"
	"math"
	"net/netip"
	"slices"

	"gatepost/dnsbl/zone"
	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/metric"
)

// openZone makes the server of the node's own blacklist, where one is asked for.
func (a *App) openZone(_ context.Context, c *config.Config) (err error) {
	if len(c.Listen.DNS) == 0 {
		return nil
	}
	if a.zone, err = zone.New(a.dnsZone(c), a.log, a.now); err != nil {
		return err
	}
	a.metrics.Table("dns_zone_questions_total", "Questions about the published blacklist by what became of them.", []string{"fate"}, func(row metric.Row) {
		for fate, n := range a.zone.Counts() {
			row(float64(n), fate)
		}
	})
	return nil
}

// A publication is what dnsbl_zone.publish can name.
type publication struct {
	word   string
	code   byte // the last octet of its return code
	text   string
	source zone.Source
}

// publications are the reasons to be listed.
func (a *App) publications() []publication {
	return []publication{
		{"entries", 2, "blocked by the operator of " + a.config.Load().Hostname, blockedHere{a.directory, &a.published}},
		{"bans", 3, "banned for now by " + a.config.Load().Hostname, zone.Addrs(a.isBanned)},
		{"complaints", 4, "recipients of mail from there complained of it", a.complainedOf()},
	}
}

// dnsZone is the zone that the configuration asks for.
func (a *App) dnsZone(c *config.Config) zone.Zone {
	z := zone.Zone{
		Origin: c.DNSBLZone.Origin, Servers: c.DNSBLZone.NS, Contact: cmp.Or(c.DNSBLZone.Contact, "postmaster@"+c.Hostname),
		TTL: c.DNSBLZone.TTL, Negative: c.DNSBLZone.NegativeTTL, Allow: c.DNSBLZone.Allow, URL: c.DNSBLZone.URL, PerSecond: c.DNSBLZone.PerSecond,
		Serial: func() uint32 { return uint32(a.directory.Snapshot().Revision() & math.MaxUint32) },
	}
	if len(z.Servers) == 0 {
		z.Servers = []string{c.Hostname}
	}
	for _, p := range a.publications() {
		if slices.Contains(c.DNSBLZone.Publish, p.word) {
			z.Feeds = append(z.Feeds, zone.Feed{Code: p.code, Text: p.text, Source: p.source})
		}
	}
	return z
}

// listenDNS opens what is listened on for the zone.
func (a *App) listenDNS(ctx context.Context, c *config.Config) (list []service, err error) {
	a.dns = nil
	for _, addr := range config.Addresses(c.Listen.DNS) {
		l, err := a.openDNS(ctx, addr)
		if err != nil {
			for _, l := range a.dns {
				l.Close()
			}
			return nil, err
		}
		a.dns = append(a.dns, l)
		a.log.Info("listening", "protocol", "dns", "address", l.Addr().String())
		list = append(list, service{name: "dns on " + addr, run: func(ctx context.Context) error { return a.zone.Serve(ctx, l) }})
	}
	return list, nil
}

// openDNS opens an address, or takes the sockets that were left for it.
func (a *App) openDNS(ctx context.Context, addr string) (*zone.Listener, error) {
	tcp, err := a.handover.Left.TCP(addr)
	if err != nil {
		return nil, err
	}
	udp, err := a.handover.Left.UDP(addr)
	if err != nil {
		return nil, err
	}
	return zone.Adopt(ctx, addr, tcp, udp)
}

// blockedHere is the zone's source of global block entries. What a global allow entry
// outranks is not listed, as mail from it would not be blocked either.
type blockedHere struct {
	directory *directory.Directory
	tree      *zone.Tree
}

// Addr implements zone.Source.
func (b blockedHere) Addr(a netip.Addr) bool {
	e, ok := b.directory.Snapshot().FindClient(a, mail.Null)
	return ok && e.List == directory.Block
}

// Domain implements zone.Source: entries about a domain and all below one count, those about
// an address of it don't.
func (b blockedHere) Domain(name string) bool {
	e, ok := b.directory.Snapshot().FindSender(mail.Path("@"+name), mail.Null)
	return ok && e.List == directory.Block
}

// Below implements zone.Source.
func (b blockedHere) Below(name string) bool { return b.tree.Below(name) }

// isBanned reports whether an address is banned at the moment.
func (a *App) isBanned(addr netip.Addr) bool {
	_, ok := a.bans.Find(addr, nil)
	return ok
}

// rowsSeen hands the domains of global block entries to the zone's tree as the directory
// loads them.
type rowsSeen struct {
	directory.Rows
	tree *zone.Tree
}

// Load implements directory.Rows.
func (r rowsSeen) Load(ctx context.Context, since int64, each func(directory.Change) error) (int64, error) {
	return r.Rows.Load(ctx, since, func(c directory.Change) error {
		if e := c.Entry; e != nil && !c.Gone && e.List == directory.Block && e.Scope == directory.Global &&
			(e.Kind == directory.DomainName || e.Kind == directory.Subdomain) {
			r.tree.Add(e.Value)
		}
		return each(c)
	})
}
