package daily

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// memory has periods with when they are due.
type memory map[Period]time.Time

func (m memory) Claim(_ context.Context, now, until time.Time, n int) (list []Claimed, _ error) {
	for p, due := range m {
		if !due.After(now) && len(list) < n {
			m[p], list = until, append(list, Claimed{p, due})
		}
	}
	return list, nil
}

func (m memory) Delay(_ context.Context, p Period, until time.Time) error {
	m[p] = until
	return nil
}

func (m memory) Drop(ctx context.Context, p Period) error {
	delete(m, p)
	return ctx.Err()
}

// A report is sent once; what fails is tried at intervals that double, for a day; and what a node claimed that died is
// sent by the next that looks.
func TestReport(t *testing.T) {
	p := Period{"2026-11-24", "a.example"}
	due := p.Day.Due("a.example", 4*time.Hour)
	for name, tt := range map[string]struct {
		send func(n int, cancel func()) error
		at   []time.Duration // when somebody looks, since it was due
		sent int             // how often it was tried
		left bool
	}{
		"sent":                         {func(int, func()) error { return nil }, []time.Duration{-time.Minute, 0, 5 * time.Minute}, 1, false},
		"sent, and the node ends":      {func(_ int, cancel func()) error { cancel(); return nil }, []time.Duration{0, 2 * time.Hour}, 1, false},
		"the node ends before it does": {func(n int, cancel func()) error { cancel(); return context.Canceled }, []time.Duration{0, 59 * time.Minute}, 1, true},
		"and another sends it": {func(n int, cancel func()) error {
			if n > 1 {
				return nil
			}
			cancel()
			return context.Canceled
		}, []time.Duration{0, 61 * time.Minute}, 2, false},
		"failed":                         {func(int, func()) error { return errors.New("no") }, []time.Duration{0, time.Minute, 59 * time.Minute}, 1, true},
		"tried again":                    {func(int, func()) error { return errors.New("no") }, []time.Duration{0, time.Hour, 90 * time.Minute, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour}, 4, true},
		"given up":                       {func(int, func()) error { return errors.New("no") }, []time.Duration{0, time.Hour, 25 * time.Hour}, 2, false},
		"found late, and sent":           {func(int, func()) error { return nil }, []time.Duration{49 * time.Hour}, 1, false},
		"found late, failed, given up":   {func(int, func()) error { return errors.New("no") }, []time.Duration{49 * time.Hour, 72 * time.Hour, 74 * time.Hour}, 1, false},
		"found late, failed, to be told": {func(int, func()) error { return errors.New("no") }, []time.Duration{49 * time.Hour, 72 * time.Hour}, 1, true},
		"failed, then not":               {func(n int, _ func()) error { return map[bool]error{true: errors.New("no")}[n == 1] }, []time.Duration{0, time.Hour, 2 * time.Hour}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			rows, sent, now := memory{p: due}, 0, due
			for _, at := range tt.at {
				ctx, cancel := context.WithCancel(t.Context())
				r := Reporter{
					Name: "test", Periods: rows, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }, Due: func(Period) time.Time { return due },
					Send: func(context.Context, Period) error { sent++; return tt.send(sent, cancel) },
				}
				now = due.Add(at)
				if err := r.Report(ctx); err != nil {
					t.Fatal(err)
				}
				cancel()
			}
			if _, left := rows[p]; sent != tt.sent || left != tt.left {
				t.Errorf("tried %d times, still to be sent: %v; want %d, %v", sent, left, tt.sent, tt.left)
			}
		})
	}
}

// While the clock is not believed no day is reported, or given up; then all is as it would have been.
func TestClockAhead(t *testing.T) {
	p := Period{"2026-11-24", "a.example"}
	due := p.Day.Due("a.example", 4*time.Hour)
	rows, sent, now, believed := memory{p: due}, 0, due.AddDate(1, 0, 0), false
	r := Reporter{
		Name: "test", Periods: rows, Log: slog.New(slog.DiscardHandler), Due: func(Period) time.Time { return due },
		Old:  func(context.Context) (time.Time, bool) { return now, believed },
		Send: func(context.Context, Period) error { sent++; return nil },
	}
	if err := r.Report(t.Context()); err != nil || sent > 0 || !rows[p].Equal(due) {
		t.Errorf("a year ahead: sent %d, due %v, %v", sent, rows[p], err)
	}
	now, believed = due, true
	if err := r.Report(t.Context()); err != nil || sent != 1 || len(rows) > 0 {
		t.Errorf("put right: sent %d, left %v, %v", sent, rows, err)
	}
}

// A clock that leaps while reports are sent gives up none of those that are claimed.
func TestClockLeapsMeanwhile(t *testing.T) {
	p := Period{"2026-11-24", "a.example"}
	due := p.Day.Due("a.example", 4*time.Hour)
	rows, asked := memory{p: due}, 0
	r := Reporter{
		Name: "test", Periods: rows, Log: slog.New(slog.DiscardHandler), Due: func(Period) time.Time { return due },
		Old: func(context.Context) (time.Time, bool) {
			asked++
			return due.AddDate(min(asked-1, 1), 0, 0), asked == 1
		},
		Send: func(context.Context, Period) error { t.Error("sent"); return nil },
	}
	if err := r.Report(t.Context()); err != nil || !rows[p].Equal(due.Add(ClaimTime)) {
		t.Errorf("due %v, %v", rows[p], err)
	}
}
