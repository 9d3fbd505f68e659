package proposal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Config is what a Desk needs.
type Config struct {
	Rows     Rows
	Accepted func([]Decision) // is told those that are accepted, at the first Follow and when they change
	Keep     time.Duration    // of samples; 0: DefaultKeep
	Old      func(context.Context) (now time.Time, ok bool)
	Log      *slog.Logger
	Now      func() time.Time
}

// DefaultKeep is for how long samples are kept where nothing else is set.
const DefaultKeep = 30 * 24 * time.Hour

// Bounds.
const (
	MaxDecisions = 5000
	perDay       = 20   // samples of one person and class
	perClass     = 1000 // samples: some four MiB of each
	maxWaiting   = 500
	maxBatch     = 100
)

// Errors that callers decide by.
var (
	// ErrUnknown: nothing that is proposed, or was decided, is named so.
	ErrUnknown = errors.New("proposal: no such pattern")
	// ErrFull: there are MaxDecisions.
	ErrFull = fmt.Errorf("proposal: there are %d decisions; withdraw some", MaxDecisions)
)

// A Desk takes samples and says what they propose. It is safe for use by many goroutines.
type Desk struct {
	c Config

	mu       sync.Mutex
	waiting  []Sample
	dropped  int
	revision int64
	read     bool

	writing sync.Mutex // held while what waits is written
}

// New returns a Desk over rows. Nothing is accepted before Follow, or Run.
func New(c Config) *Desk {
	if c.Keep <= 0 {
		c.Keep = DefaultKeep
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	return &Desk{c: c}
}

// Bring has a sample kept within about a second; it waits for nothing. In a flood what comes on top of maxWaiting is lost.
func (d *Desk) Bring(s Sample) {
	if s.empty() {
		return
	}
	s.Message, s.Person = clip(s.Message, maxName), clip(s.Person, maxName)
	if s.Time.IsZero() {
		s.Time = d.c.Now()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == maxWaiting {
		d.dropped++
		return
	}
	d.waiting = append(d.waiting, s)
}

// Flush writes what waits.
func (d *Desk) Flush(ctx context.Context) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	for {
		d.mu.Lock()
		n := min(len(d.waiting), maxBatch)
		batch := slices.Clone(d.waiting[:n])
		dropped := d.dropped
		d.dropped = 0
		d.mu.Unlock()
		if dropped > 0 {
			d.c.Log.Info("samples of mail lost in a flood", "samples", dropped)
		}
		if n == 0 {
			return nil
		}
		if err := d.c.Rows.Bring(ctx, batch, Caps{Day: perDay, Class: perClass}); err != nil {
			return fmt.Errorf("proposal: keep samples: %w", err)
		}
		d.mu.Lock()
		if d.waiting = d.waiting[n:]; len(d.waiting) == 0 {
			d.waiting = nil
		}
		d.mu.Unlock()
	}
}

// Forget removes what a person said of a message; "": everybody.
func (d *Desk) Forget(ctx context.Context, message, person string) error {
	if err := d.Flush(ctx); err != nil { // it may be one that waits
		return err
	}
	if err := d.c.Rows.Forget(ctx, message, person); err != nil {
		return fmt.Errorf("proposal: forget: %w", err)
	}
	return nil
}

// Proposals returns what samples propose, and is not decided.
func (d *Desk) Proposals(ctx context.Context, t Terms) (Report, error) {
	if err := d.Flush(ctx); err != nil {
		return Report{}, err
	}
	list, _, err := d.c.Rows.Decided(ctx, -1)
	if err != nil {
		return Report{}, fmt.Errorf("proposal: decisions: %w", err)
	}
	decided := map[Pattern]bool{}
	for _, one := range list {
		decided[one.Pattern] = true
	}
	samples, err := d.c.Rows.Samples(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("proposal: samples: %w", err)
	}
	return tellOf(samples, t, decided), nil
}

// Decided returns all decisions, the newest first.
func (d *Desk) Decided(ctx context.Context) ([]Decision, error) {
	list, _, err := d.c.Rows.Decided(ctx, -1)
	if err != nil {
		return nil, fmt.Errorf("proposal: decisions: %w", err)
	}
	return list, nil
}

// Decide accepts or refuses the pattern of an ID that is proposed under terms, or was decided otherwise before; ErrUnknown
// where there is none. It counts here when Decide returns, elsewhere a second later.
func (d *Desk) Decide(ctx context.Context, id string, t Terms, as Decision) (Decision, error) {
	known, why, err := d.named(ctx, id, t)
	if err != nil {
		return Decision{}, err
	}
	as.Pattern, as.Why, as.Time = known, why, d.c.Now()
	if err := d.c.Rows.Decide(ctx, as, MaxDecisions); err != nil {
		return Decision{}, fmt.Errorf("proposal: decide %s: %w", id, err)
	}
	return as, d.Follow(ctx)
}

// named finds a pattern by its ID, and what speaks for it.
func (d *Desk) named(ctx context.Context, id string, t Terms) (Pattern, string, error) {
	list, err := d.Decided(ctx)
	if err != nil {
		return Pattern{}, "", err
	}
	for _, one := range list {
		if one.ID() == id {
			return one.Pattern, one.Why, nil
		}
	}
	r, err := d.Proposals(ctx, t)
	if err != nil {
		return Pattern{}, "", err
	}
	for _, p := range r.Proposals {
		if p.ID() == id {
			return p.Pattern, p.Why(r), nil
		}
	}
	return Pattern{}, "", fmt.Errorf("%w: %s", ErrUnknown, id)
}

// Why says for people what speaks for a proposal.
func (p Proposal) Why(r Report) string {
	return fmt.Sprintf("in what traps got from %d networks and %d people of %d domains reported, and in %d of %d wanted messages", p.Traps, p.People, p.Domains, p.Wanted, r.Wanted)
}

// Withdraw takes a decision back: its pattern may be proposed again. ErrUnknown where there is none.
func (d *Desk) Withdraw(ctx context.Context, id string) (Decision, error) {
	list, err := d.Decided(ctx)
	if err != nil {
		return Decision{}, err
	}
	i := slices.IndexFunc(list, func(one Decision) bool { return one.ID() == id })
	if i < 0 {
		return Decision{}, fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	if _, err := d.c.Rows.Withdraw(ctx, list[i].Pattern); err != nil {
		return Decision{}, fmt.Errorf("proposal: withdraw %s: %w", id, err)
	}
	return list[i], d.Follow(ctx)
}

// Follow reads decisions where they have changed.
func (d *Desk) Follow(ctx context.Context) error {
	d.mu.Lock()
	since := d.revision
	if !d.read {
		since = -1
	}
	d.mu.Unlock()
	list, revision, err := d.c.Rows.Decided(ctx, since)
	if err != nil {
		return fmt.Errorf("proposal: follow: %w", err)
	}
	if revision <= since {
		return nil
	}
	accepted := slices.DeleteFunc(list, func(one Decision) bool { return !one.Accepted })
	d.mu.Lock()
	defer d.mu.Unlock()
	if revision >= d.revision && d.c.Accepted != nil {
		d.c.Accepted(accepted)
	}
	d.revision, d.read = max(revision, d.revision), true
	return nil
}

const (
	followEvery = time.Second
	expireEvery = time.Hour
	expireSome  = 500             // samples removed in one commit
	lastTime    = 5 * time.Second // for the end of Run
)

// Run writes what waits, follows decisions and removes old samples, until ctx ends; then it writes what
// is left. Errors are logged, and the next turn tries again.
func (d *Desk) Run(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	expired := time.Time{}
	for {
		d.failed(ctx, "samples of mail not kept", d.Flush(ctx))
		d.failed(ctx, "accepted patterns not read", d.Follow(ctx))
		if now := d.c.Now(); now.Sub(expired).Abs() >= expireEvery {
			expired = now
			d.failed(ctx, "old samples of mail not removed", d.expire(ctx))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			d.failed(ctx, "samples of mail not kept", d.Flush(ctx))
			return
		}
	}
}

func (d *Desk) failed(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		d.c.Log.Error(what, "error", err)
	}
}

// expire removes what is old, if the clock is to be believed.
func (d *Desk) expire(ctx context.Context) error {
	now, ok := d.c.Old(ctx)
	if !ok {
		return nil
	}
	for {
		n, err := d.c.Rows.Expire(ctx, now.Add(-d.c.Keep), expireSome)
		if err != nil {
			return fmt.Errorf("proposal: expire: %w", err)
		}
		if n < expireSome {
			return nil
		}
	}
}
