package relay

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// A Resolver asks the DNS. Its errors are those of package net: a *net.DNSError
// with IsNotFound says that there is nothing, any other that nobody could tell.
type Resolver interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	// LookupNetIP has network "ip4" or "ip6".
	LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error)
}

// A Router knows where our own destinations lead.
type Router interface {
	// Hosts returns the mail hosts of a destination of the kinds "domain" and
	// "host". An error is told to admins, and the mail waits.
	Hosts(d queue.Destination) ([]Host, error)
}

// A Host is a mail host to hand mail to.
type Host struct {
	Name     string // ours for it
	Address  string // host:port
	LMTP     bool
	TLS      string // "may", "never", "encrypt" or "verify"
	Priority int    // the lowest is tried first; equal ones share
	User     string // for AUTH, "" for none
	Password string
	Bounded  bool // it is only where Config.Reach lets it be
}

// A Config is what a Relay needs. Zero values are usable where nothing else is said.
type Config struct {
	Hostname string // ours, in EHLO
	Resolver Resolver
	Router   Router
	Port     int                       // of servers found by MX; 0 is 25
	Source   []netip.Addr              // to send from, one of each family at most
	Outlets  func(queue.Job) []Outlet  // in the place of Source, to servers found by MX; nil, or none: no others
	IPv6     bool                      // whether IPv6 is used
	Roots    *x509.CertPool            // nil: the system's
	Self     func(netip.AddrPort) bool // whether we listen there; nil: nowhere
	DNSSEC   DNSSEC                    // for DANE; nil: no DANE
	Policies Policies                  // of MTA-STS; nil: none
	Reports  Reports                   // told of each session with a domain elsewhere; nil: nobody
	Observer Observer                  // nil: nobody counts
	Log      *slog.Logger              // nil: silent
	Now      func() time.Time          // nil: time.Now

	// Reach says why no bounded mail host is reached at an address; nil: none is anywhere.
	Reach func(netip.AddrPort) error
}

// A Relay takes messages to their next hop. It is safe for use by many goroutines.
type Relay struct {
	c      Config
	pool   pool
	health health
}

// errUnbounded: nobody said where bounded mail hosts may be.
var errUnbounded = errors.New("nothing says where such a mail host may be")

// New returns a Relay. Close must be called.
func New(c Config) *Relay {
	if c.Port == 0 {
		c.Port = 25
	}
	if c.Self == nil {
		c.Self = func(netip.AddrPort) bool { return false }
	}
	if c.Reach == nil {
		c.Reach = func(netip.AddrPort) error { return errUnbounded }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Relay{c: c, health: newHealth(c.Now, c.Log)}
	r.pool.now = c.Now
	return r
}

// Close says goodbye to the servers whose connections are kept.
func (r *Relay) Close() { r.pool.close() }

var _ queue.Carrier = (*Relay)(nil)

// Carry implements queue.Carrier for all destinations but queue.Local.
func (r *Relay) Carry(ctx context.Context, job queue.Job) queue.Report {
	b := newBatch(job)
	asks := wishOf(job)
	targets, missing, err := r.targets(ctx, job.Destination, asks)
	if err == nil {
		targets, err = r.through(job, targets)
	}
	if err != nil {
		return b.nowhere(err, asks)
	}
	if missing != nil { // it might take what those can't
		b.all(queue.Deferred, queue.Reply{Enhanced: "4.4.3", Text: bounded(missing.Error())})
		b.passed(b.open)
	}
	served := false // somebody did a transaction with us
	for _, t := range targets {
		if len(b.open) == 0 || b.final || ctx.Err() != nil {
			break
		}
		reached, err := r.attempt(ctx, t, b)
		served = served || reached
		if err != nil {
			var s *stop
			if errors.As(err, &s) {
				b.all(queue.Deferred, s.said(t))
			}
			b.passed(b.open)
			r.c.Log.Debug("relay: attempt ended", "destination", job.Destination, "server", t, "error", err)
		}
	}
	if ctx.Err() == nil && !b.final {
		b.refuseUnable()
	}
	// What more is asked of a server than of other mail tells nothing of whether that gets there.
	return queue.Report{Results: b.results, Unreachable: !served && asks != required, Unknown: b.final}
}

// nowhere is the report of a job for which there is no server to try.
func (b *batch) nowhere(err error, asks wish) queue.Report {
	var no *noWay
	if !errors.As(err, &no) {
		no = &noWay{enhanced: "4.4.3", text: err.Error()}
	}
	fate := queue.Deferred
	if no.permanent() {
		fate = queue.Refused
	}
	b.all(fate, queue.Reply{Enhanced: no.enhanced, Text: bounded(no.text)})
	return queue.Report{Results: b.results, Unreachable: fate == queue.Deferred && asks != required}
}

// attempt does what can be done at one address. reached: a transaction was begun
// there and answered, whatever became of it. One message at whose content a server
// hangs up, always, must not put off what else goes there.
func (r *Relay) attempt(ctx context.Context, t target, b *batch) (reached bool, err error) {
	c := r.pool.take(t)
	kept := c != nil
	if kept {
		c.bind(ctx)
	} else if c, err = r.connect(ctx, t); err != nil {
		return false, err
	}
	carried := b.carried()
	err = r.serve(c, b)
	if err != nil {
		c.close()
		// It was closed while it was kept, or carried as many as the server wants over
		// one ("421 too many messages"): nobody's fault.
		if kept && b.carried() == carried && (lost(err) || busy(err)) && !b.final && ctx.Err() == nil {
			return r.attemptAnew(ctx, t, b)
		}
		return c.answered && !busy(err), err
	}
	r.pool.put(c)
	return true, nil
}

func (r *Relay) attemptAnew(ctx context.Context, t target, b *batch) (reached bool, err error) {
	c, err := r.connect(ctx, t)
	if err != nil {
		return false, err
	}
	if err := r.serve(c, b); err != nil {
		c.close()
		return c.answered && !busy(err), err
	}
	r.pool.put(c)
	return true, nil
}

// lost reports whether the connection broke, as against a reply that ended it.
func lost(err error) bool {
	var s *stop
	return errors.As(err, &s) && s.reply.code == 0
}

// busy reports whether the server sent us away (421).
func busy(err error) bool {
	var s *stop
	return errors.As(err, &s) && s.reply.code == 421
}

// connect opens a connection to a target, and keeps its host's health. Where TLS
// is only welcome and fails, it is done without.
func (r *Relay) connect(ctx context.Context, t target) (*client, error) {
	t.roots = r.c.Roots
	began := r.c.Now()
	c, err := r.dial(ctx, t, t.tls != mustNot)
	if t.tls == may && errors.Is(err, errHandshake) {
		r.c.Log.Debug("relay: TLS failed, going on in the clear", "server", t, "error", err)
		t.policy = nil // that it failed is counted
		c, err = r.dial(ctx, t, false)
	}
	// Where we had no more time the host is not at fault, unless it had a fair share.
	if err == nil || ctx.Err() == nil || r.c.Now().Sub(began) >= dialTime {
		r.health.note(t, err)
	}
	return c, err
}

// source returns the address to send from to a target, or nil for the system's
// choice.
func (r *Relay) source(t target) net.Addr {
	if t.source.IsValid() {
		return &net.TCPAddr{IP: t.source.AsSlice()}
	}
	to := t.addr.Addr()
	for _, a := range r.c.Source {
		if a.Is4() == to.Is4() {
			return &net.TCPAddr{IP: a.AsSlice()}
		}
	}
	return nil
}

// serve brings the open recipients of a batch to a connection, in as many
// transactions as the server's limits ask for.
func (c *client) serve(b *batch) error {
	todo := append([]int(nil), b.open...)
	var left []int // what this server would not take now
	for len(todo) > 0 {
		n := min(len(todo), c.rcptMax())
		b.open = append([]int(nil), todo[:n]...)
		err := c.transact(b)
		todo = todo[n:]
		if err != nil {
			b.open = append(append(left, b.open...), todo...)
			return err
		}
		for _, i := range b.open {
			// RFC 5321 §4.5.3.1.10: the rest comes in a transaction of its own, as long
			// as some got through.
			if b.results[i].Reply.Code == 452 && len(b.open) < n {
				todo = append(todo, i)
			} else {
				left = append(left, i)
			}
		}
	}
	b.open = left
	return nil
}

// Ask asks a destination's servers whether they would take mail for a recipient
// (RFC 5321 §3.3, without a message), from the null reverse-path. The first one that
// answers counts; an error means that none did.
func (r *Relay) Ask(ctx context.Context, d queue.Destination, rcpt mail.Path) (queue.Reply, error) {
	targets, _, err := r.targets(ctx, d, asPublished)
	if err != nil {
		return queue.Reply{}, err
	}
	for _, t := range targets {
		var said queue.Reply
		if said, err = r.ask(ctx, t, rcpt); err == nil {
			return said, nil
		}
	}
	return queue.Reply{}, err
}

func (r *Relay) ask(ctx context.Context, t target, rcpt mail.Path) (queue.Reply, error) {
	c, err := r.connect(ctx, t)
	if err != nil {
		return queue.Reply{}, err
	}
	defer c.quit()
	param := ""
	if rcpt.NeedsUTF8() {
		if param = " SMTPUTF8"; !c.has("SMTPUTF8") { // who can't be told of an address has none such
			said := noUTF8(t, "the address is not ASCII")
			said.Code, said.Command = 553, "RCPT" // RFC 6531 §3.5
			return said, nil
		}
	}
	got, err := c.do("MAIL", "MAIL FROM:<>"+param)
	if err != nil || got.class() != 2 {
		return queue.Reply{}, stopped(err, "MAIL", got)
	}
	if got, err = c.do("RCPT", "RCPT TO:<%s>", rcpt); err != nil {
		return queue.Reply{}, err
	}
	return got.said(t, "RCPT"), nil
}

func portText(p uint16) string { return strconv.Itoa(int(p)) }
