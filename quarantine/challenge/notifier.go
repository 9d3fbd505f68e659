package challenge

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"gatepost/internal/mail"
)

// A Due is a held message whose sender is to be sent a notice, if he may be.
type Due struct {
	Tx      string    // the transaction's: one notice is about all that it left
	Sender  mail.Path // the reverse-path
	Proof   string
	Guarded bool     // any of it is
	Domains []string // of the recipients, each once
	// RequireTLS: it came with REQUIRETLS, and so does what is said of it (RFC 8689 §5).
	RequireTLS bool
	Subject    string
	Blob       string // the content, for its Message-ID
	Time       time.Time
	Expires    time.Time
}

// A Record is that a notice was sent. It is kept for each of the domains.
type Record struct {
	Tx      string
	Sender  mail.Path // by whom it is remembered: Canonical
	Domains []string  // of the recipients that it is about
	Time    time.Time
}

// Rows keeps what is to be told, and what was.
type Rows interface {
	// Due returns what is due the longest, and false where nothing is.
	Due(ctx context.Context) (Due, bool, error)
	// Withhold notes why nothing is told of what a transaction left for some domains.
	Withhold(ctx context.Context, tx string, domains []string, why Why) error
	// Told returns those of the domains about which a sender (Canonical) had a notice
	// since then.
	Told(ctx context.Context, sender mail.Path, domains []string, since time.Time) ([]string, error)
	// Bounces reports whether a notice to a sender (Canonical) has failed for good since
	// then.
	Bounces(ctx context.Context, sender mail.Path, since time.Time) (bool, error)
	// Sent returns how many notices were sent since then, and when the first of them was.
	Sent(ctx context.Context, since time.Time) (n int, first time.Time, err error)
	// Forget removes what was noted before then of who had a notice, of notices that may be
	// under way, and of their failures.
	Forget(ctx context.Context, notices, letters, failures time.Time) error
}

// A Sender sends a notice: it words it, and in one commit queues it, keeps the record,
// and notes of what is held that its sender has the link. Where nothing of it is due and
// held any more it sends none.
type Sender interface {
	Send(ctx context.Context, d Due, r Record) (sent bool, err error)
	// Off returns those of the domains whose senders are told nothing any more.
	Off(domains []string) []string
}

// An Observer counts what senders hear of held messages; its method returns at once.
type Observer interface {
	// Told counts a transaction's: "reply", "notice", or why nothing was told.
	Told(what string)
}

// A Config is what a Notifier needs.
type Config struct {
	Rows     Rows
	Sender   Sender
	Observer Observer
	PerHour  int           // notices of the node
	Again    time.Duration // between notices to a sender about a recipient domain
	Lifetime time.Duration // how long the queue tries a notice
	Log      *slog.Logger
	Now      func() time.Time
	// Old is Now, and whether notices that are old by it may be forgotten; nil: they always may.
	Old func(context.Context) (time.Time, bool)
}

// A Notifier sends the notices that are due, the oldest first. There is one for a store:
// two would send twice.
type Notifier struct {
	c    Config                 // of which what Set changes is in set
	set  atomic.Pointer[Config] // its numbers and times
	kick chan struct{}          // something is due; has room for one
}

// NewNotifier returns a Notifier, which does nothing before Run.
func NewNotifier(c Config) *Notifier {
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	n := &Notifier{c: c, kick: make(chan struct{}, 1)}
	n.Set(c)
	return n
}

// Set puts the numbers and times of another Config in force.
func (n *Notifier) Set(c Config) { n.set.Store(&c) }

// Wake says that something is due.
func (n *Notifier) Wake() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// Times of the work.
const (
	rescan      = time.Minute         // how often is looked for what nobody woke us for
	sendTime    = 30 * time.Second    // for one notice
	bouncesKept = 90 * 24 * time.Hour // how long a sender is left alone to whom a notice failed
	forgetEach  = time.Hour
	settling    = 24 * time.Hour // after a notice's last try, until it has surely been settled
)

// Run sends until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	var forgot time.Time
	for ctx.Err() == nil {
		forgot = n.forget(ctx, forgot)
		wait := n.work(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-n.kick:
		}
		timer.Stop()
	}
}

// forget lets go, each hour, of old notices, where the clock is believed: by one that leapt senders would be asked
// a second time. It is told when it last looked, and returns that.
func (n *Notifier) forget(ctx context.Context, last time.Time) time.Time {
	now := n.c.Now()
	if now.Sub(last).Abs() < forgetEach {
		return last
	}
	old, ok := n.c.Old(ctx)
	if !ok {
		return now
	}
	set := n.set.Load()
	if err := n.c.Rows.Forget(ctx, old.Add(-max(set.Again, time.Hour)), old.Add(-set.Lifetime-settling), old.Add(-bouncesKept)); err != nil && ctx.Err() == nil {
		n.c.Log.Error("challenge: old notices not forgotten", "error", err)
	}
	return now
}

// work does all that can be done now, and returns for how long there is nothing.
func (n *Notifier) work(ctx context.Context) time.Duration {
	for ctx.Err() == nil {
		wait, err := n.next(ctx)
		if err != nil && ctx.Err() == nil {
			n.c.Log.Error("challenge: notice not sent", "error", err)
		}
		if wait > 0 || err != nil {
			return max(wait, time.Second)
		}
	}
	return rescan
}

// next deals with what is due the longest. It returns how long to wait where nothing is
// due, or no more notices may be sent for now.
func (n *Notifier) next(ctx context.Context) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	d, ok, err := n.c.Rows.Due(ctx)
	if err != nil || !ok {
		return rescan, err
	}
	sender, now := d.Sender.Canonical(), n.c.Now()
	c := Case{Sender: d.Sender, Proof: d.Proof, Guarded: d.Guarded, Arrived: d.Time, Now: now}
	if c.Bounces, err = n.c.Rows.Bounces(ctx, sender, now.Add(-bouncesKept)); err != nil {
		return rescan, err
	}
	if why := c.Refusal(); why != "" {
		return 0, n.withhold(ctx, d, d.Domains, why)
	}
	if off := n.c.Sender.Off(d.Domains); len(off) > 0 { // the rest is looked at anew
		return 0, n.withhold(ctx, d, off, SwitchedOff)
	}
	told, err := n.c.Rows.Told(ctx, sender, d.Domains, now.Add(-n.set.Load().Again))
	if err != nil {
		return rescan, err
	}
	if len(told) > 0 { // here, too
		return 0, n.withhold(ctx, d, told, ToldLately)
	}
	sent, first, err := n.c.Rows.Sent(ctx, now.Add(-time.Hour))
	if err != nil {
		return rescan, err
	}
	if sent >= n.set.Load().PerHour {
		return n.full(first, now), nil
	}
	r := Record{Tx: d.Tx, Sender: sender, Domains: d.Domains, Time: now}
	done, err := n.c.Sender.Send(ctx, d, r)
	if err != nil {
		return rescan, err
	}
	if !done {
		return 0, nil
	}
	n.c.Observer.Told("notice")
	n.c.Log.Info("sender told of held message by notice", "id", d.Tx, "sender", d.Sender, "proof", d.Proof, "domains", d.Domains)
	return 0, nil
}

// full is how long to wait when the hour's notices are sent. At times it is looked again,
// so that what gets too old in the meantime is noted.
func (n *Notifier) full(first, now time.Time) time.Duration {
	if first.IsZero() { // none may be sent at all
		return rescan
	}
	return min(max(first.Add(time.Hour).Sub(now), time.Second), rescan)
}

func (n *Notifier) withhold(ctx context.Context, d Due, domains []string, why Why) error {
	if err := n.c.Rows.Withhold(ctx, d.Tx, domains, why); err != nil {
		return err
	}
	n.c.Observer.Told(string(why))
	return nil
}
