package digest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gatepost/internal/mail"
)

// Times of digests.
const (
	// settled is how old a held message must be to be told at an hour of the day: it bears
	// the time at which its transaction began, and is there when that has ended.
	settled = 15 * time.Minute
	// ahead is how long before the end of a hold its reader is told.
	ahead = 48 * time.Hour
	// strange is how far in the future a time can be that we noted ourselves, by a clock
	// that was put back since. What is further is not believed.
	strange = 25 * time.Hour
	// every is how often Run looks whether it is time.
	every = time.Minute
)

// Bounds of one run.
const (
	page   = 1000   // rows at once
	known  = 50_000 // readers that are remembered as done
	listed = 50     // rows of each part in one mail
)

// A Config is what Digests need.
type Config struct {
	Rows      Rows
	Directory Directory
	Post      Post
	Writer    *Writer
	Log       *slog.Logger     // nil: silent
	Now       func() time.Time // nil: time.Now
}

// Digests are sent by it. Run and Tell may run at once.
type Digests struct {
	c    Config
	runs map[string]Run // by domain, as in the rows; nil: not read yet. Run's alone
}

// New returns Digests. They are sent while Run runs.
func New(c Config) *Digests {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Digests{c: c}
}

// Run sends digests at the domains' hours, until ctx ends. What fails is logged, and
// tried again a minute later. It is to be called once.
func (d *Digests) Run(ctx context.Context) {
	turn := time.NewTicker(every)
	defer turn.Stop()
	for {
		if err := d.turn(ctx); err != nil && ctx.Err() == nil {
			d.c.Log.Error("digests not sent", "error", err)
		}
		select {
		case <-turn.C:
		case <-ctx.Done():
			return
		}
	}
}

// turn does the domains whose hour has come. A domain that fails does not keep the
// others waiting.
func (d *Digests) turn(ctx context.Context) error {
	if d.runs == nil {
		runs, err := d.c.Rows.Runs(ctx)
		if err != nil {
			return fmt.Errorf("digest: %w", err)
		}
		d.runs = runs
	}
	var errs []error
	now := d.c.Now()
	slots := map[string]time.Time{} // of the schedules there are
	for domain, s := range d.c.Directory.Schedules() {
		if err := ctx.Err(); err != nil {
			return err
		}
		key := fmt.Sprint(s.Zone, s.Hours)
		slot, ok := slots[key]
		if !ok {
			slot, _ = s.Last(now)
			slots[key] = slot
		}
		if slot.IsZero() {
			continue
		}
		if err := d.domain(ctx, domain, slot, now); err != nil {
			errs = append(errs, fmt.Errorf("digest: %s: %w", domain, err))
		}
	}
	return errors.Join(errs...)
}

// domain does one domain, where it was not done for the slot. A domain that is seen for
// the first time has its first digests at its next hour.
func (d *Digests) domain(ctx context.Context, name string, slot, now time.Time) error {
	run, known := d.runs[name]
	if !known || run.Slot.After(now.Add(strange)) || run.Until.After(now.Add(strange)) {
		return d.done(ctx, name, Run{Slot: slot, Until: earlier(run.Until, now)})
	}
	if !slot.After(run.Slot) {
		return nil
	}
	r := Range{Now: now, Since: run.Until, Until: now.Add(-settled), Horizon: now.Add(ahead), Limit: listed}
	n, err := d.tellAll(ctx, name, r)
	if n > 0 {
		d.c.Log.Info("digests sent", "domain", name, "digests", n)
	}
	if err != nil {
		return err
	}
	return d.done(ctx, name, Run{Slot: slot, Until: later(run.Until, r.Until)})
}

func (d *Digests) done(ctx context.Context, name string, run Run) error {
	if err := d.c.Rows.SetRun(ctx, name, run); err != nil {
		return err
	}
	d.runs[name] = run
	return nil
}

// tellAll tells all readers of a domain who have something new in a range, or
// something that ends, and returns how many those were.
func (d *Digests) tellAll(ctx context.Context, domain string, r Range) (n int, err error) {
	done := map[Key]bool{}
	tell := func(k Key) error {
		if done[k] {
			return nil
		}
		if len(done) >= known {
			clear(done) // they are only looked at once more
		}
		done[k] = true
		begin := d.c.Now()
		told, err := d.tell(ctx, domain, k, r)
		if errors.Is(err, ErrTold) {
			return nil
		}
		if err != nil || !told {
			return err
		}
		n++
		return rest(ctx, d.c.Now().Sub(begin))
	}
	for after := (Cursor{Time: r.Since}); ; {
		holders, err := d.c.Rows.Fresh(ctx, domain, after, r.Until, page)
		if err != nil {
			return n, err
		}
		for _, h := range holders {
			if err := tell(h.Key); err != nil {
				return n, err
			}
			after = h.At
		}
		if len(holders) < page {
			break
		}
	}
	for after := (Key{}); ; {
		keys, err := d.c.Rows.Ending(ctx, domain, after, r.Horizon, page)
		if err != nil {
			return n, err
		}
		for _, k := range keys {
			if err := tell(k); err != nil {
				return n, err
			}
			after = k
		}
		if len(keys) < page {
			return n, nil
		}
	}
}

// Rests between two digests: as long as the last one took, so that mail which is being
// accepted has half of the store.
const (
	shortRest = 2 * time.Millisecond
	longRest  = time.Second
)

func rest(ctx context.Context, took time.Duration) error {
	t := time.NewTimer(min(max(took, shortRest), longRest))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tell sends one reader's digest, if there is one.
func (d *Digests) tell(ctx context.Context, domain string, k Key, r Range) (bool, error) {
	reader, ok := d.c.Directory.Reader(k)
	if !ok {
		return false, nil
	}
	look, err := d.c.Rows.Look(ctx, k, r)
	if err != nil {
		return false, err
	}
	mark := Mark{Key: k, Domain: domain, Was: look.Told, Now: next(look, r)}
	if look.empty() {
		if look.Told.Off || mark.Now.equal(look.Told) {
			return false, nil
		}
		if err := d.c.Rows.Note(ctx, mark); err != nil || mark.Now.Until.Equal(look.Told.Until) {
			return false, err
		}
		return d.tell(ctx, domain, k, r) // a time that could not be had hidden something
	}
	content, err := d.c.Writer.Write(ctx, Letter{Reader: reader, Fresh: look.Fresh, Ending: look.Ending, Time: r.Now, ID: mail.NewID(r.Now)})
	if err != nil {
		return false, err
	}
	return true, d.c.Post.Send(ctx, reader, content, mark)
}

// empty reports whether there is nothing to tell, or nobody who wants to hear it.
func (l Look) empty() bool {
	return l.Told.Off || l.Fresh.Count == 0 && l.Ending.Count == 0
}

// next is what a reader was told once it has heard of what was found in a range. Where
// nothing was found it is what it was, but for holds that have ended meanwhile, and for
// times that can't be: what comes after those would never be told.
func next(l Look, r Range) Told {
	t := l.Told
	t.Ends = l.Ends
	if !l.empty() {
		t.Until, t.Warned, t.Sent = later(t.Until, r.Until), later(t.Warned, r.Horizon), r.Now
		return t
	}
	if t.Until.After(r.Now.Add(strange)) {
		t.Until = r.Since
	}
	if t.Warned.After(r.Horizon.Add(strange)) {
		t.Warned = r.Horizon
	}
	return t
}

// A Preview is what a reader would be told now.
type Preview struct {
	Reader Reader
	Look   Look
	Text   string // the mail's text part, without links; "": nothing
}

// ErrNobody: nobody reads digests there.
var ErrNobody = errors.New("gets no digests: not in use, not wanted by its owner or its domain, or only sent on")

// Preview returns what a reader would be told now. It fails with ErrNobody.
func (d *Digests) Preview(ctx context.Context, k Key) (Preview, error) {
	p, _, err := d.preview(ctx, k)
	return p, err
}

func (d *Digests) preview(ctx context.Context, k Key) (Preview, Range, error) {
	now := d.c.Now()
	r := Range{Now: now, Since: now.Add(-strange), Until: now, Horizon: now.Add(ahead), Limit: listed}
	reader, ok := d.c.Directory.Reader(k)
	if !ok {
		return Preview{}, r, ErrNobody
	}
	look, err := d.c.Rows.Look(ctx, k, r)
	if err != nil {
		return Preview{}, r, fmt.Errorf("digest: %s: %w", reader.Address, err)
	}
	if look.Told.Off {
		return Preview{}, r, ErrNobody
	}
	p := Preview{Reader: reader, Look: look}
	if !look.empty() {
		p.Text = d.c.Writer.Text(Letter{Reader: reader, Fresh: look.Fresh, Ending: look.Ending, Time: now})
	}
	return p, r, nil
}

// Tell sends a reader's digest now, whatever the hour, and returns what it tells;
// nothing is sent where that is nothing. It fails with ErrNobody, and with ErrTold where
// another digest was sent at the same moment.
func (d *Digests) Tell(ctx context.Context, k Key) (Preview, error) {
	p, r, err := d.preview(ctx, k)
	if err != nil || p.Text == "" {
		return p, err
	}
	if _, err := d.tell(ctx, p.Reader.Domain, k, r); err != nil {
		return Preview{}, fmt.Errorf("digest: %s: %w", p.Reader.Address, err)
	}
	return p, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
