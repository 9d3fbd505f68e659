// Package clock tells those who remove things by their age what time they may go by.
//
// A clock that jumps ahead makes everything old at once: one wrong step of a time service,
// by a month, would end every hold of the quarantine, and what was held would be gone. So
// the time that was last believed is kept in the store. The next one is believed where it
// is at most a day later than that and what the process has run since, by its monotonic
// clock, which no time service steps. Else nothing is removed until the node has run for a
// day and the clock has stayed where it is: a day for somebody to read the log. A node
// that was down for a week looks the same, and waits for that day, too.
//
// A clock that is set back removes nothing early; it is believed at once.
package clock

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// leap is how much later than expected a time may be.
	leap = 24 * time.Hour
	// patience is how long the node runs before it believes what is later.
	patience = 24 * time.Hour
	// noteEach is how often a time is kept in the store.
	noteEach = 10 * time.Minute
)

// A Mark is what is kept of the clock. The zero Mark: nothing yet.
type Mark struct {
	Time   time.Time     // the last that was believed
	Doubt  time.Time     // the last that was not, since then; zero: there was none
	Waited time.Duration // how long the node has run in doubt
}

// Marks keeps a node's Mark.
type Marks interface {
	// ClockMark returns the mark, the zero Mark where none was set.
	ClockMark(ctx context.Context) (Mark, error)
	// SetClockMark replaces it.
	SetClockMark(ctx context.Context, m Mark) error
}

// A Config is what a Guard needs.
type Config struct {
	Marks   Marks
	Log     *slog.Logger         // nil: silent
	Now     func() time.Time     // nil: time.Now
	Running func() time.Duration // how long the process has run, by the monotonic clock; nil: since New
}

// A Guard knows whether the clock may be gone by. There is one in a process. It is safe
// for use by many goroutines.
type Guard struct {
	c     Config
	mu    sync.Mutex
	known bool // mark was read
	mark  Mark
	at    time.Duration // when the mark was last moved, as Running tells it
	kept  Mark          // what the store has
}

// New returns a Guard.
func New(c Config) *Guard {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Running == nil {
		begin := time.Now()
		c.Running = func() time.Duration { return time.Since(begin) }
	}
	return &Guard{c: c}
}

// Now returns the time, and whether things that are old by it may be removed. Where it is
// false the log says why. Each caller asks at least once a day.
func (g *Guard) Now(ctx context.Context) (now time.Time, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now = g.c.Now().Round(0) // the wall clock alone
	if !g.known {
		m, err := g.c.Marks.ClockMark(ctx)
		if err != nil {
			g.failed(ctx, err)
			return now, false
		}
		g.known, g.mark, g.kept = true, m, m
		g.at = g.c.Running() // for how long the node was down nobody knows
	}
	running := g.c.Running()
	was := g.mark
	m, ok := was.next(now, running-g.at)
	if err := g.note(ctx, m); err != nil {
		g.failed(ctx, err)
		return now, false
	}
	g.tell(was, m)
	g.mark, g.at = m, running
	return now, ok
}

// next is the mark when the clock shows now, and elapsed has been run since; ok: now is
// believed.
func (m Mark) next(now time.Time, elapsed time.Duration) (next Mark, ok bool) {
	within := func(t time.Time) bool { return !now.After(t.Add(elapsed + leap)) }
	switch {
	case m.Time.IsZero() || within(m.Time):
		return Mark{Time: now}, true
	case m.Doubt.IsZero() || !within(m.Doubt):
		return Mark{Time: m.Time, Doubt: now}, false
	case m.Waited+elapsed >= patience:
		return Mark{Time: now}, true
	}
	return Mark{Time: m.Time, Doubt: now, Waited: m.Waited + elapsed}, false
}

// note keeps a mark in the store, where it says more than the one there: many ask, and each time is a commit.
func (g *Guard) note(ctx context.Context, m Mark) error {
	k := g.kept
	near := func(a, b time.Time) bool { return a.IsZero() == b.IsZero() && a.Sub(b).Abs() < noteEach }
	if near(m.Time, k.Time) && near(m.Doubt, k.Doubt) && (m.Waited-k.Waited).Abs() < noteEach {
		return nil
	}
	if err := g.c.Marks.SetClockMark(ctx, m); err != nil {
		return err
	}
	g.kept = m
	return nil
}

// tell logs that doubt begins, anew where the clock jumped again, or ends.
func (g *Guard) tell(was, m Mark) {
	switch {
	case !m.Doubt.IsZero() && (was.Doubt.IsZero() || m.Waited < was.Waited):
		g.c.Log.Error("the clock jumped ahead, or the node was down for long: nothing is removed by its age for a day. "+
			"If the clock is wrong, put it right (timedatectl, chronyc tracking) before the day is over; if it is right, nothing is to be done",
			"clock", m.Doubt.UTC(), "last believed", m.Time.UTC())
	case m.Doubt.IsZero() && !was.Doubt.IsZero():
		g.c.Log.Info("the clock is believed again: what is old is removed", "clock", m.Time.UTC())
	}
}

func (g *Guard) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		g.c.Log.Error("nothing is removed by its age: the time of the last removal is not known", "error", err)
	}
}
