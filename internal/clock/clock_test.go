package clock

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A node is a clock, a store and a log in memory. Processes come and go.
type node struct {
	t       *testing.T
	wall    time.Time
	running time.Duration
	mark    Mark
	sets    int
	failing error
	log     bytes.Buffer
	guard   *Guard
}

func (n *node) ClockMark(context.Context) (Mark, error) { return n.mark, n.failing }

func (n *node) SetClockMark(_ context.Context, m Mark) error {
	if n.failing == nil {
		n.mark, n.sets = m, n.sets+1
	}
	return n.failing
}

func start(t *testing.T) *node {
	n := &node{t: t, wall: time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)}
	n.restart()
	return n
}

func (n *node) restart() {
	n.running = 0
	n.guard = New(Config{Marks: n, Log: slog.New(slog.NewTextHandler(&n.log, nil)), Now: func() time.Time { return n.wall }, Running: func() time.Duration { return n.running }})
}

// run lets time pass, a turn every ten minutes, and returns in how many of the turns
// things might be removed.
func (n *node) run(d time.Duration) (yes int) {
	for end := n.running + d; n.running < end; {
		n.wall, n.running = n.wall.Add(10*time.Minute), n.running+10*time.Minute
		now, ok := n.guard.Now(n.t.Context())
		if !now.Equal(n.wall) {
			n.t.Fatalf("got %s, want %s", now, n.wall)
		}
		if ok {
			yes++
		}
	}
	return yes
}

func (n *node) jump(d time.Duration) { n.wall = n.wall.Add(d) }

const (
	hour  = time.Hour
	day   = 24 * hour
	month = 31 * day
)

func TestGuard(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(n *node) int
		want int // turns in which things might be removed
	}{
		"a clock that goes on": {func(n *node) int { return n.run(2 * hour) }, 12},
		"a month ahead":        {func(n *node) int { n.run(hour); n.jump(month); return n.run(23 * hour) }, 0},
		"a month ahead, put right": {func(n *node) int {
			n.run(hour)
			n.jump(month)
			k := n.run(hour)
			n.jump(-month)
			return 100*k + n.run(hour)
		}, 6},
		"a month ahead, for good": {func(n *node) int { n.run(hour); n.jump(month); n.run(day); return n.run(2 * hour) }, 12},
		"and a month more meanwhile": {func(n *node) int {
			n.run(hour)
			n.jump(month)
			n.run(20 * hour)
			n.jump(month)
			return n.run(23 * hour)
		}, 0},
		"to and fro": {func(n *node) int {
			n.run(hour)
			n.jump(month)
			n.run(20 * hour)
			n.jump(-month)
			n.run(hour)
			n.jump(month)
			return n.run(20 * hour)
		}, 0},
		"some hours":                   {func(n *node) int { n.run(hour); n.jump(20 * hour); return n.run(hour) }, 6},
		"a day and a bit":              {func(n *node) int { n.run(hour); n.jump(25 * hour); return n.run(hour) }, 0},
		"back":                         {func(n *node) int { n.run(hour); n.jump(-month); return n.run(hour) }, 6},
		"back, and ahead":              {func(n *node) int { n.run(hour); n.jump(-month); n.run(hour); n.jump(month); return n.run(hour) }, 0},
		"while nobody asked":           {func(n *node) int { n.run(hour); n.jump(10 * day); n.running += 10 * day; return n.run(hour) }, 6},
		"started again":                {func(n *node) int { n.run(hour); n.restart(); return n.run(hour) }, 6},
		"down for a week":              {func(n *node) int { n.run(hour); n.jump(7 * day); n.restart(); return n.run(23 * hour) }, 0},
		"down for a week, a day later": {func(n *node) int { n.run(hour); n.jump(7 * day); n.restart(); n.run(day); return n.run(2 * hour) }, 12},
		"ahead, and started again":     {func(n *node) int { n.run(hour); n.jump(month); n.run(hour); n.restart(); return n.run(22 * hour) }, 0},
		"started again and again, ends": {func(n *node) int {
			n.run(hour)
			n.jump(month)
			n.run(13 * hour)
			n.restart()
			n.run(12 * hour)
			return n.run(hour)
		}, 6},
		"ahead while down": {func(n *node) int { n.run(hour); n.restart(); n.jump(month); return n.run(hour) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.do(start(t)); got != test.want {
				t.Errorf("removed in %d turns, want %d", got, test.want)
			}
		})
	}
}

func TestGuardTells(t *testing.T) {
	n := start(t)
	n.run(hour)
	if n.log.Len() > 0 || n.sets > 7 {
		t.Errorf("kept %d times in an hour; log %s", n.sets, &n.log)
	}
	n.jump(month)
	n.run(30 * hour)
	if log := n.log.String(); strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "timedatectl") || strings.Count(log, "believed again") != 1 {
		t.Errorf("log: %s", log)
	}
	n.wall = n.wall.AddDate(0, 1, 0) // a month ahead
	n.sets = 0
	for range 10_000 { // asked by all, for an hour
		n.wall, n.running = n.wall.Add(360*time.Millisecond), n.running+360*time.Millisecond
		if _, ok := n.guard.Now(t.Context()); ok {
			t.Fatal("believed")
		}
	}
	if n.sets < 6 || n.sets > 8 {
		t.Errorf("kept %d times in an hour of doubt", n.sets)
	}
}

// Where the store does not answer nothing is removed.
func TestGuardFails(t *testing.T) {
	n := start(t)
	n.failing = errors.New("down")
	if n.run(hour) > 0 || !strings.Contains(n.log.String(), "error=down") {
		t.Errorf("log: %s", &n.log)
	}
	n.failing = nil
	if n.run(hour) != 6 {
		t.Error("not after that, either")
	}
}

// The monotonic clock of the process is what counts where none is given.
func TestGuardRuns(t *testing.T) {
	n := start(t)
	g := New(Config{Marks: n})
	if now, ok := g.Now(t.Context()); !ok || time.Since(now) > time.Minute {
		t.Errorf("got %s, %v", now, ok)
	}
}
