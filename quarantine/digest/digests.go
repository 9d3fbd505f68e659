package digest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"gatepost/internal/mail"
)

// Times of digests.
const (
	// ahead is how long before the end of a hold its reader is told.
	ahead = 48 * time.Hour
	// strange is how far in the future a time can be that we noted ourselves, by a clock
	// that was put back since. What is further is not believed.
	strange = 25 * time.Hour
	// every is how often Run looks whether it is time.
	every = time.Minute
	// sweepEvery is how often it forgets whom it need not know.
	sweepEvery = 24 * time.Hour
)

// Bounds of one run.
const (
	page   = 1000 // readers at once
	listed = 50   // rows of each part in one mail
	tries  = 3    // for one reader, for whom something comes or goes meanwhile
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
	var swept time.Time
	d.runs = nil // another node may have sent since
	for {
		if time.Since(swept) >= sweepEvery {
			swept = time.Now()
			if err := d.c.Rows.Sweep(ctx); err != nil && ctx.Err() == nil {
				d.c.Log.Error("digests: old readers not forgotten", "error", err)
			}
		}
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
	now := d.c.Now()
	due, err := d.due(ctx, now)
	if err != nil || len(due.slots) == 0 {
		return err
	}
	due.tellAll(ctx, d, Range{Now: now, Horizon: now.Add(ahead), Limit: listed})
	for domain, slot := range due.slots {
		if n := due.told[domain]; n > 0 {
			d.c.Log.Info("digests sent", "domain", domain, "digests", n)
		}
		if due.failed[domain] == nil {
			due.fail(domain, d.done(ctx, domain, Run{Slot: slot}))
		}
	}
	return due.err()
}

// due are the domains whose hour has come, and how they fare. One that fails does not keep
// the others waiting.
type due struct {
	slots  map[string]time.Time // the hour, by domain
	told   map[string]int       // digests
	failed map[string]error
}

func (d *due) fail(domain string, err error) {
	if err != nil {
		d.failed[domain] = fmt.Errorf("digest: %s: %w", domain, err)
	}
}

func (d *due) err() error {
	return errors.Join(slices.Collect(maps.Values(d.failed))...)
}

// due finds the domains that were not done for their last hour. A domain that is seen for
// the first time has its first digests at its next hour.
func (d *Digests) due(ctx context.Context, now time.Time) (*due, error) {
	found := &due{map[string]time.Time{}, map[string]int{}, map[string]error{}}
	last := map[string]time.Time{} // of the schedules there are
	for domain, s := range d.c.Directory.Schedules() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		key := fmt.Sprint(s.Zone, s.Hours)
		slot, ok := last[key]
		if !ok {
			slot, _ = s.Last(now)
			last[key] = slot
		}
		run, known := d.runs[domain]
		switch {
		case slot.IsZero():
		case !known || run.Slot.After(now.Add(strange)):
			found.fail(domain, d.done(ctx, domain, Run{Slot: slot}))
		case slot.After(run.Slot):
			found.slots[domain] = slot
		}
	}
	if len(found.slots) == 0 {
		return found, found.err()
	}
	return found, nil
}

func (d *Digests) done(ctx context.Context, name string, run Run) error {
	if err := d.c.Rows.SetRun(ctx, name, run); err != nil {
		return err
	}
	d.runs[name] = run
	return nil
}

// tellAll tells all readers of the domains for whom something is new, or ends. Whose domain
// it is says the directory: a message may be for an alias in another one.
func (due *due) tellAll(ctx context.Context, d *Digests, r Range) {
	for after := (Key{}); ; {
		keys, err := d.c.Rows.Fresh(ctx, after, page)
		if err != nil {
			for domain := range due.slots {
				due.fail(domain, err)
			}
			return
		}
		for _, k := range keys {
			due.tell(ctx, d, k, r)
			after = k
		}
		if len(keys) < page {
			break
		}
	}
	for domain := range due.slots {
		due.fail(domain, due.tellEnding(ctx, d, domain, r))
	}
}

func (due *due) tellEnding(ctx context.Context, d *Digests, domain string, r Range) error {
	for after := (Key{}); due.failed[domain] == nil; {
		keys, err := d.c.Rows.Ending(ctx, domain, after, r.Horizon, page)
		if err != nil {
			return err
		}
		for _, k := range keys {
			due.tell(ctx, d, k, r)
			after = k
		}
		if len(keys) < page {
			break
		}
	}
	return nil
}

// tell tells a reader, if there is one, and its domain is due.
func (due *due) tell(ctx context.Context, d *Digests, k Key, r Range) {
	reader, ok := d.c.Directory.Reader(k)
	if _, now := due.slots[reader.Domain]; !ok || !now || due.failed[reader.Domain] != nil {
		return
	}
	begin := d.c.Now()
	told, err := d.tell(ctx, reader, r)
	if err == nil && told {
		due.told[reader.Domain]++
		err = rest(ctx, d.c.Now().Sub(begin))
	}
	due.fail(reader.Domain, err)
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

// tell sends one reader's digest, if there is something to tell. Where something comes or
// goes all the time it waits for another hour: what is in no digest is told then.
func (d *Digests) tell(ctx context.Context, reader Reader, r Range) (told bool, err error) {
	for range tries {
		if told, err = d.tellOnce(ctx, reader, r); !errors.Is(err, ErrTold) {
			return told, err
		}
	}
	d.c.Log.Warn("digest not sent: what is held changes all the time", "to", reader.Address)
	return false, nil
}

func (d *Digests) tellOnce(ctx context.Context, reader Reader, r Range) (bool, error) {
	look, err := d.c.Rows.Look(ctx, reader.Key, r)
	if err != nil {
		return false, err
	}
	mark := Mark{Key: reader.Key, Domain: reader.Domain, Was: look.Told, Now: next(look, r)}
	if look.empty() {
		if look.Told.Off || mark.Now.equal(look.Told) {
			return false, nil
		}
		return false, d.c.Rows.Note(ctx, mark)
	}
	mark.Seen = look.Seen
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
// nothing was found it is what it was, but for holds that have ended meanwhile. A time that
// can't be, by a clock that was put back since, is not kept: what ends before it would never
// be told.
func next(l Look, r Range) Told {
	t := l.Told
	t.Ends = l.Ends
	if t.Warned.After(r.Horizon.Add(strange)) {
		t.Warned = r.Horizon
	}
	if !l.empty() {
		t.Warned, t.Sent = later(t.Warned, r.Horizon), r.Now
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
var ErrNobody = errors.New("gets no digests: not in use, not wanted by its owner or its domain, only sent on, or of a domain whose recipients are not looked up")

// Preview returns what a reader would be told now. It fails with ErrNobody.
func (d *Digests) Preview(ctx context.Context, k Key) (Preview, error) {
	p, _, err := d.preview(ctx, k)
	return p, err
}

func (d *Digests) preview(ctx context.Context, k Key) (Preview, Range, error) {
	now := d.c.Now()
	r := Range{Now: now, Horizon: now.Add(ahead), Limit: listed}
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
	if _, err := d.tellOnce(ctx, p.Reader, r); err != nil {
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
