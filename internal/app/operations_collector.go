package app

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"gatepost/internal/collector"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/internal/remote"
)

func (a *App) collectorOps(h control.Handlers) {
	control.On(h, a.addCollector)
	control.On(h, a.setCollector)
	control.On(h, a.listCollectors)
	control.On(h, func(ctx context.Context, q ops.CollectorShow) (ops.Collector, error) {
		found, err := a.collectorNamed(ctx, q.Name)
		return a.collectorShown(found), err
	})
	control.On(h, a.runCollectorNow)
	control.On(h, func(ctx context.Context, q ops.CollectorRemove) (ops.Nothing, error) {
		found, err := a.collectorNamed(ctx, q.Name)
		if err == nil {
			err = a.store.Collectors().Remove(ctx, found.ID)
		}
		return ops.Nothing{}, err
	})
}

func (a *App) collectorNamed(ctx context.Context, name string) (collector.Account, error) {
	all, err := a.store.Collectors().Accounts(ctx)
	if err != nil {
		return collector.Account{}, err
	}
	for _, c := range all {
		if c.Name == strings.ToLower(name) {
			return c, nil
		}
	}
	return collector.Account{}, control.NotFound("collector %s: %v", name, collector.ErrUnknown)
}

// collectorAgain reads an account anew.
func (a *App) collectorAgain(ctx context.Context, c collector.Account) (collector.Account, error) {
	all, err := a.store.Collectors().OfBox(ctx, c.Box)
	if err != nil {
		return c, err
	}
	for _, now := range all {
		if now.ID == c.ID {
			return now, nil
		}
	}
	return c, control.NotFound("collector %s: %v", c.Name, collector.ErrUnknown)
}

func (a *App) addCollector(ctx context.Context, q ops.CollectorAdd) (ops.Collector, error) {
	box, err := a.owner(q.Mailbox)
	if err != nil {
		return ops.Collector{}, err
	}
	c := collector.Account{Token: rand.Text(), Settings: collector.Settings{
		Name: strings.ToLower(q.Name), Box: box.ID, Created: a.now().Unix(), Protocol: "imap", Security: "tls",
		Interval: 10 * time.Minute, Remove: -1, Messages: 1000, Octets: 1 << 30,
	}}
	if q.Password == nil || q.Server == nil || q.User == nil {
		return ops.Collector{}, control.Misused("a collector needs a server, a user and a password")
	}
	if err := a.applyCollector(ctx, &c, q.CollectorFields); err != nil {
		return ops.Collector{}, err
	}
	if err := a.store.Collectors().Add(ctx, &c); err != nil {
		if errors.Is(err, collector.ErrExists) {
			return ops.Collector{}, control.Misused("collector %s: %v; choose another, or change it by: gatepost collector set", c.Name, collector.ErrExists)
		}
		return ops.Collector{}, err
	}
	a.collector.Wake()
	added, err := a.collectorNamed(ctx, c.Name)
	return a.collectorShown(added), err
}

// applyCollector gives an account what fields say, and checks it.
func (a *App) applyCollector(ctx context.Context, c *collector.Account, f ops.CollectorFields) (err error) {
	give(&c.Protocol, f.Protocol)
	give(&c.Security, f.Security)
	give(&c.User, f.User)
	give(&c.Folders, f.Folders)
	give(&c.Interval, f.Interval)
	give(&c.NewOnly, f.New)
	give(&c.Remove, f.Remove)
	give(&c.Messages, f.Messages)
	give(&c.Octets, f.Octets)
	give(&c.Hops, f.Hops)
	give(&c.Fields, f.Fields)
	if f.Server != nil {
		c.Address = withPort(*f.Server, c.Protocol, c.Security)
	}
	if _, port, err := net.SplitHostPort(c.Address); err != nil || port == "" {
		return control.Misused("server %q: write host or host:port", c.Address)
	}
	if f.Fingerprint != nil {
		if c.Fingerprint = ""; *f.Fingerprint != "" {
			if c.Fingerprint, err = remote.ParseFingerprint(*f.Fingerprint); err != nil {
				return control.Misused("%v", err)
			}
		}
	}
	if f.Domain != nil {
		if c.Domain, err = a.collectedDomain(*f.Domain); err != nil {
			return err
		}
	}
	if f.Networks != nil {
		c.Networks = nil
		for _, n := range *f.Networks {
			p, err := netip.ParsePrefix(n)
			if err != nil {
				return control.Misused("network %q: write one such as 192.0.2.0/24", n)
			}
			c.Networks = append(c.Networks, mail.UnmapPrefix(p).Masked())
		}
	}
	if f.Password != nil {
		if c.Password, err = a.seal(ctx, collectorKey, []byte(*f.Password), sealedAccount(c.Token)); err != nil {
			return err
		}
	}
	if err := c.Check(); err != nil {
		return control.Misused("collector: %v", err)
	}
	return nil
}

func (a *App) collectedDomain(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	name, err := domainName(name)
	if err != nil {
		return "", err
	}
	d, ok := a.directory.Snapshot().Domain(name)
	if !ok {
		return "", control.NotFound("domain %s: it is none of this node's", name)
	}
	return d.Name, nil
}

// withPort adds the protocol's port where none is given.
func withPort(server, protocol, security string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	port := map[string]string{"pop3": "110", "imap": "143"}[protocol]
	if security == string(remote.TLS) {
		port = map[string]string{"pop3": "995", "imap": "993"}[protocol]
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), port)
}

// setCollector changes an account. It is due at once then, with its failures forgotten.
func (a *App) setCollector(ctx context.Context, q ops.CollectorSet) (ops.Collector, error) {
	c, err := a.collectorNamed(ctx, q.Name)
	if err != nil {
		return ops.Collector{}, err
	}
	if c.Owned && (q.Mailbox != nil || q.Domain != nil && *q.Domain != "") { // he may send as its address
		return ops.Collector{}, control.Misused("collector %s is its owner's: it stays with his mailbox; add another for others", c.Name)
	}
	if q.Mailbox != nil {
		box, err := a.owner(*q.Mailbox)
		if err != nil {
			return ops.Collector{}, err
		}
		c.Box = box.ID
	}
	give(&c.Paused, q.Paused)
	if q.Server != nil && *q.Server != c.Address && q.Password == nil {
		return ops.Collector{}, control.Misused("another server needs the password anew: it goes to nobody it was not meant for")
	}
	if err := a.applyCollector(ctx, &c, q.CollectorFields); err != nil {
		return ops.Collector{}, err
	}
	dueAgain(&c, a.now())
	if err := a.store.Collectors().Change(ctx, &c); err != nil {
		return ops.Collector{}, err
	}
	a.collector.Wake()
	return a.collectorShown(c), nil
}

// dueAgain has an account fetched from a time on, with its failures forgotten.
func dueAgain(c *collector.Account, from time.Time) {
	c.Due, c.Failing, c.Failures, c.Fault, c.Told = from, time.Time{}, 0, "", false
}

func (a *App) listCollectors(ctx context.Context, q ops.CollectorList) ([]ops.Collector, error) {
	all, err := a.store.Collectors().Accounts(ctx)
	if err != nil {
		return nil, err
	}
	list := []ops.Collector{}
	for _, c := range all {
		shown := a.collectorShown(c)
		if c.Whole || q.Mailbox != "" && mail.Path(shown.Mailbox).Fold() != spelled(q.Mailbox).Fold() || q.Failing && c.Failures == 0 {
			continue
		}
		list = append(list, shown)
	}
	return pageOf(list, q.Page, func(c ops.Collector) string { return c.Name }), nil
}

// runCollectorNow has an account fetched: by whoever does the work for all nodes, or, where no server
// runs, here.
func (a *App) runCollectorNow(ctx context.Context, q ops.CollectorRun) (ops.Collector, error) {
	c, err := a.collectorNamed(ctx, q.Name)
	if err != nil {
		return ops.Collector{}, err
	}
	if c.Paused {
		return ops.Collector{}, control.Misused("collector %s is paused; gatepost collector pause %s --off has it fetched again", c.Name, c.Name)
	}
	if c, err = a.visitNow(ctx, c); err != nil {
		return ops.Collector{}, err
	}
	return a.collectorShown(c), nil
}

// visitNow has an account visited, by whoever does that, and returns it as it is then.
func (a *App) visitNow(ctx context.Context, c collector.Account) (collector.Account, error) {
	if !a.collecting.Load() && !sharesContent(a.config.Load()) {
		if _, err := a.collector.Visit(ctx, &c); err != nil {
			return c, err
		}
		return a.collectorAgain(ctx, c)
	}
	before := c.Last
	c.Due = a.now()
	if err := a.store.Collectors().Change(ctx, &c); err != nil {
		return c, err
	}
	a.collector.Wake()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-tick.C:
		}
		now, err := a.collectorAgain(ctx, c)
		if err != nil || now.Last.After(before) {
			return now, err
		}
	}
}

func (a *App) collectorShown(c collector.Account) ops.Collector {
	o := ops.Collector{
		Name: c.Name, Domain: c.Domain, Protocol: c.Protocol, Server: c.Address, Security: c.Security, Fingerprint: c.Fingerprint,
		User: c.User, Folders: append([]string{}, c.Folders...), Interval: c.Interval, New: c.NewOnly, Remove: c.Remove, Messages: c.Messages, Octets: c.Octets,
		Hops: c.Hops, Networks: []string{}, Fields: append([]string{}, c.Fields...), Paused: c.Paused, Created: time.Unix(c.Created, 0).UTC(),
		Last: maybe(c.Last), Good: maybe(c.Good), Failing: maybe(c.Failing), Failures: c.Failures, Fault: c.Fault, Taken: c.Taken, Size: c.Size, Left: c.Left,
		Owned: c.Owned, Identity: c.Identity, Confirmed: maybe(c.Confirmed),
	}
	for _, n := range c.Networks {
		o.Networks = append(o.Networks, n.String())
	}
	if !c.Paused {
		o.Due = maybe(c.Due)
	}
	if box, ok := a.directory.Snapshot().Box(c.Box); ok {
		o.Mailbox = string(box.Address)
	}
	return o
}

// maybe is a time of which zero is none.
func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
