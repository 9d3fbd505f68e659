package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/lookup"
	"gatepost/internal/mail"
	"gatepost/internal/metric"
	"gatepost/internal/queue"
	"gatepost/internal/relay"
	"gatepost/internal/srs"
)

// openOutgoing makes what carries mail on: the relay, and the queue in front of it.
func (a *App) openOutgoing(ctx context.Context, c *config.Config) error {
	key, err := a.store.Secret(ctx, "srs")
	if err != nil {
		return err
	}
	a.srs = srs.New([][]byte{key}, a.now)
	roots, err := authorities("relay.ca", c.Relay.CA)
	if err != nil {
		return err
	}
	a.routes = routes{a.directory, strings.ToLower(c.Relay.Smarthost), a.srs}
	carrier := relay.Config{
		Hostname: c.Hostname, Resolver: a.resolver, Router: a.routes, Port: c.Relay.Port, Source: c.Relay.Source, Outlets: a.outlets, IPv6: c.Relay.IPv6,
		Roots: roots, Self: ourselves(config.Addresses(c.Listen.SMTP)), Observer: a.metrics, Log: a.log, Now: a.now,
		Reach: a.hostsReach,
	}
	if err := a.secureOutgoing(ctx, c, &carrier); err != nil {
		return err
	}
	a.relay = relay.New(carrier)
	a.closing(func() error { a.relay.Close(); return nil })
	if a.lookups, err = lookup.New(lookup.Config{Sources: lookupSources(c.Lookups), Caller: caller{a.relay, a.directory}, Log: a.log, Now: a.now}); err != nil {
		return err
	}
	a.closing(a.lookups.Close)
	a.carriers = carriers{remote: a.relay, routes: a.routes, leaves: a.leavingOf}
	if err := missingAddresses(c); err != nil {
		a.log.Error("mail from a sending address waits", "error", err)
	}
	a.queue = queue.New(a.queueConfig(c))
	a.tellGaps()
	a.queueGauges()
	a.metrics.Gauge("lookups_down", "Look-ups of recipients and passwords whose last question failed.", func() float64 { return float64(len(lookupTroubles(a.lookups.Health()))) })
	a.metrics.Gauge("mail_hosts_down", "Mail hosts that could not be reached lately.", func() float64 { return float64(len(a.relay.Health())) })
	return nil
}

func (a *App) queueConfig(c *config.Config) queue.Config {
	return queue.Config{
		Rows: learningRows{a.store.Queue(), a.trust, a.scripts}, Carrier: &a.carriers, Contents: contents{a.blobs}, Router: a.routes, Observer: transferCount{a.metrics}, Mark: a.ownMark, Sign: a.signOwn,
		Hostname: c.Hostname, Retry: c.Queue.Retry, RetryMax: c.Queue.RetryMax, Lifetime: c.Queue.Lifetime, HoldFor: c.Quarantine.Keep, DelayNotice: c.Queue.DelayNotice,
		Parallel: c.Queue.Parallel, Connections: c.Queue.Connections, Down: a.relay.Down, Old: a.clock.Now, Log: a.log, Now: a.now,
	}
}

// ownMark is the mark of what the node writes by itself: it leaves under the null
// reverse-path, and who answers it all the same writes to its author.
func (a *App) ownMark(m *mail.Message) []byte {
	author, _ := m.Author()
	return a.ledger.Mark(author, m)
}

// tellGaps tells what configuration and directory don't agree on: mail would wait for
// it, and nobody would know why.
func (a *App) tellGaps() {
	s := a.directory.Snapshot()
	if name := a.routes.smarthost; name != "" {
		if h, ok := s.Host(name); !ok || !slices.Contains(h.Roles, directory.SMTPOut) {
			a.log.Error("relay.smarthost names no mail host with the role smtp-out: what leaves waits until there is one", "smarthost", name)
		} else if h.Domain != "" {
			a.log.Error("relay.smarthost names a mail host that is a domain's own: what leaves waits until it names one of the node's", "smarthost", name, "domain", h.Domain)
		}
	}
	for _, d := range s.Domains() {
		if text := a.config.Load().Strange(d.Outgoing); text != "" {
			a.log.Warn("a domain's outgoing policy: "+text, "domain", d.Name)
		}
		if known, names := a.lookups.Known(d.Lookup); d.Lookup != "" && !known {
			a.log.Error("a domain's look-up is not in the configuration: its recipients can't be verified and are deferred",
				"domain", d.Name, "lookup", d.Lookup, "known", strings.Join(names, ", "))
		}
		if err := a.knowsPasswords(d.Login); err != nil {
			a.log.Error("a domain's people can't log in by their passwords: nobody can tell whether those are right", "domain", d.Name, "error", err)
		}
	}
}

// ready reports whether what is taken can be stored.
func (a *App) ready() bool { return len(a.unready(context.Background())) == 0 }

// authorities reads the certificates that servers' certificates are checked against, which a setting
// names; nil are the system's.
func authorities(setting, path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("app: %s: %w", setting, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("app: %s: %s holds no certificate in PEM", setting, path)
	}
	return pool, nil
}

// ourselves tells the addresses at which we listen for mail: what would be sent there
// would come back.
func ourselves(listen []string) func(netip.AddrPort) bool {
	return func(to netip.AddrPort) bool {
		for _, l := range listen {
			host, port, err := net.SplitHostPort(l)
			if err != nil || port != strconv.Itoa(int(to.Port())) {
				continue
			}
			if at, err := netip.ParseAddr(host); err == nil && !at.IsUnspecified() {
				if at == to.Addr() {
					return true
				}
				continue
			}
			if to.Addr().IsLoopback() || onThisMachine(to.Addr()) {
				return true
			}
		}
		return false
	}
}

func onThisMachine(a netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, own := range addrs {
		if p, err := netip.ParsePrefix(own.String()); err == nil && p.Addr() == a {
			return true
		}
	}
	return false
}

// routes says where mail goes that leaves mailboxes here alone.
type routes struct {
	directory *directory.Directory
	smarthost string // the node's
	srs       *srs.Rewriter
}

// destination is the way to an address for what one of our domains sends on.
func (r routes) destination(to mail.Path, by string) queue.Destination {
	s := r.directory.Snapshot()
	if dom, ours := s.Domain(to.Domain()); ours {
		if len(dom.Hosts) > 0 {
			if found, err := s.Resolve(to); err == nil && len(found.Boxes) == 0 && len(found.Remotes) == 1 && found.Remotes[0].By.IsNull() {
				return queue.ToDomain(dom.Name)
			}
		}
		return queue.Local
	}
	smarthost := r.smarthost
	if dom, ours := s.Domain(by); ours && dom.Smarthost != "" {
		smarthost = dom.Smarthost
	}
	if smarthost != "" {
		return queue.ToHost(smarthost)
	}
	return queue.ByMX(to.Domain())
}

// Destination implements queue.Router: for what the node writes by itself. A
// reverse-path that was rewritten is ours to read, also in a domain that lives elsewhere.
func (r routes) Destination(to mail.Path) queue.Destination {
	if _, err := r.srs.Reverse(to); err == nil {
		return queue.Local
	}
	return r.destination(to, "")
}

// routesBy is routes as the intake wants it.
type routesBy struct{ routes }

// Destination implements intake.Router.
func (r routesBy) Destination(to mail.Path, by string) queue.Destination {
	return r.destination(to, by)
}

// Hosts implements relay.Router.
func (r routes) Hosts(d queue.Destination) ([]relay.Host, error) {
	s := r.directory.Snapshot()
	kind, name := d.Split()
	names := []string{name}
	if kind == "domain" {
		dom, ok := s.Domain(name)
		if !ok || len(dom.Hosts) == 0 {
			return nil, fmt.Errorf("the domain %s has no mail hosts any more; give it some (gatepost domain set %s --host NAME), or delete the mail", name, name)
		}
		names = dom.Hosts
	}
	var list []relay.Host
	for _, n := range names {
		h, ok := s.Host(n)
		if !ok {
			return nil, fmt.Errorf("there is no mail host %s; add it (gatepost host add %s …)", n, n)
		}
		if n == r.smarthost && h.Domain != "" {
			return nil, fmt.Errorf("mail host %s, which relay.smarthost names, is domain %s's own; who looks after that would have the mail of all others", n, h.Domain)
		}
		list = append(list, relay.Host{
			Name: h.Name, Address: h.Address, LMTP: h.Protocol == directory.LMTP, TLS: string(h.TLS), Priority: h.Priority, User: h.User, Password: h.Password,
			Bounded: h.Domain != "",
		})
	}
	return list, nil
}

// contents is the content store as the queue wants it.
type contents struct{ blobs blob.Store }

// Open implements queue.Contents.
func (c contents) Open(ctx context.Context, id string) (queue.Content, error) {
	return c.blobs.Open(ctx, blob.ID(id))
}

// Put implements queue.Contents.
func (c contents) Put(ctx context.Context, r io.Reader, size int64) (string, error) {
	id, err := c.blobs.Put(ctx, r, size)
	return string(id), err
}

// caller asks a recipient's own server whether the recipient exists.
type caller struct {
	relay     *relay.Relay
	directory *directory.Directory
}

// errUnclear: the server would take it neither now nor not.
var errUnclear = errors.New("the server could not tell")

// Call implements lookup.Caller.
func (c caller) Call(ctx context.Context, rcpt mail.Path) (bool, error) {
	dom, _ := c.directory.Snapshot().Domain(rcpt.Domain())
	said, err := c.relay.Ask(ctx, queue.ToDomain(dom.Name), rcpt)
	switch {
	case err != nil:
		return false, err
	case said.Code/100 == 2:
		return true, nil
	case said.Code == 550, said.Code == 551, said.Code == 553, said.Code == 556:
		return false, nil
	}
	return false, fmt.Errorf("%w: %d %s", errUnclear, said.Code, said.Text)
}

func lookupSources(list []config.Lookup) (sources []lookup.Source) {
	for _, l := range list {
		sources = append(sources, lookup.Source{
			Name: l.Name, LDAP: l.LDAP, StartTLS: l.StartTLS, Base: l.Base, Filter: l.Filter, User: l.User, PasswordFile: l.PasswordFile,
			SQL: l.SQL, Query: l.Query, PasswordQuery: l.PasswordQuery, Timeout: l.Timeout, Cache: l.Cache, CacheNo: l.CacheNo,
		})
	}
	return sources
}

// checkLookups fails where look-ups could not be opened: the node would not start. It connects to nobody.
func checkLookups(c *config.Config) error {
	var errs []error
	for _, s := range lookupSources(c.Lookups) {
		l, err := lookup.New(lookup.Config{Sources: []lookup.Source{s}})
		if err == nil {
			err = l.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// elsewhere asks the look-ups, which are opened after the directory.
type elsewhere struct{ a *App }

var _ directory.Elsewhere = elsewhere{}

// Verify implements directory.Elsewhere.
func (e elsewhere) Verify(ctx context.Context, source string, address mail.Path, password string) (bool, error) {
	return e.a.lookups.Verify(ctx, source, address, password)
}

// lookupTroubles names the directories that don't answer. Of those who are called to ask, mail hosts' health tells.
func lookupTroubles(all []lookup.Health) (reasons []string) {
	for _, h := range all {
		if h.Err != nil && h.Name != lookup.Callout {
			reasons = append(reasons, fmt.Sprintf("look-up %s does not answer since %s: %v", h.Name, h.Since.UTC().Format(time.RFC3339), h.Err))
		}
	}
	return reasons
}

// transferCount counts for the queue.
type transferCount struct{ metrics *metric.Metrics }

// Attempt implements queue.Observer.
func (t transferCount) Attempt(fate string) { t.metrics.Attempt(fate) }

// Notice implements queue.Observer.
func (t transferCount) Notice(kind string) { t.metrics.Notice(kind) }

// runQueue carries mail on until ctx ends, and lets what is under way end.
func (a *App) runQueue(ctx context.Context) error {
	return a.queue.Run(ctx, a.config.Load().Limits.DrainTimeout)
}

// recovered has what waits for a mail host tried at once that answers again.
func (a *App) recovered(ctx context.Context, host string) {
	ways := []queue.Destination{queue.ToHost(host)}
	for _, d := range a.directory.Snapshot().Using(host) {
		ways = append(ways, queue.ToDomain(d.Name))
	}
	for _, d := range ways {
		if _, err := a.store.Queue().Change(ctx, queue.Query{Destination: d}, queue.Retry); err != nil && ctx.Err() == nil {
			a.log.Error("queue: what waits for a mail host that answers again keeps waiting", "host", host, "destination", d, "error", err)
		}
		a.queue.Flush(d)
	}
}

// sick is how a mail host does that could not be reached lately.
func (a *App) sick(host string) (relay.HostHealth, bool) {
	for _, h := range a.relay.Health() {
		if h.Host == host {
			return h, true
		}
	}
	return relay.HostHealth{}, false
}

// trouble says why a mail host can't be reached; "": it answered, or was not asked.
func (a *App) trouble(host string) string {
	if h, ok := a.sick(host); ok {
		return fmt.Sprintf("not reached since %s: %v", h.Since.UTC().Format("2006-01-02 15:04:05 UTC"), h.Err)
	}
	return ""
}

var (
	_ intake.Router  = routesBy{}
	_ intake.Lookups = (*lookup.Lookups)(nil)
)
