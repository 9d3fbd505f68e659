package quarantine

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// memRows is a store with one held message, and a number of others that are due.
// (The store's own rows are tested by the contract in store/storetest.)
type memRows struct {
	held      Held
	due       int
	failing   error
	delivered []Delivery
}

func (m *memRows) Find(context.Context, Query) (Page, error) {
	return Page{Rows: []Held{m.held}}, m.failing
}

func (m *memRows) Tallies(context.Context, time.Time) ([]Tally, error) { return nil, m.failing }

// Note notes what Settle would.
func (m *memRows) Note(_ context.Context, id string, act Act) (Held, error) {
	if id != m.held.ID {
		return Held{}, ErrUnknown
	}
	m.held.Acts = append(m.held.Acts, act)
	return m.held, m.failing
}

func (m *memRows) Show(_ context.Context, id string) (Held, error) {
	if id != m.held.ID {
		return Held{}, ErrUnknown
	}
	return m.held, m.failing
}

func (m *memRows) Settle(_ context.Context, id string, act Act, d *Delivery) (Held, error) {
	if id != m.held.ID {
		return Held{}, ErrUnknown
	}
	if err := m.held.Open(); err != nil {
		return Held{}, err
	}
	if d != nil {
		m.delivered = append(m.delivered, *d)
	}
	m.held.State, m.held.Acts = act.What, append(m.held.Acts, act)
	return m.held, m.failing
}

func (m *memRows) Expire(_ context.Context, _ Act, limit int) (int, error) {
	n := min(m.due, limit)
	m.due -= n
	return n, m.failing
}

// Prepare makes a delivery as big as the message.
func (m *memRows) Prepare(_ context.Context, h Held) (Delivery, error) {
	return Delivery{Size: h.Size}, nil
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func open(rows *memRows) *Quarantine {
	return New(Config{Reader: rows, Settler: rows, Preparer: rows, Now: func() time.Time { return noon }})
}

func TestRelease(t *testing.T) {
	rows := &memRows{held: Held{ID: "one", Size: 7, State: StateHeld}}
	q, ctx := open(rows), t.Context()
	h, err := q.Release(ctx, "one", By{Who: "ann@example.net"})
	if want := (Act{"ann@example.net", StateReleased, noon}); err != nil || h.State != StateReleased || len(h.Acts) != 1 || h.Acts[0] != want {
		t.Errorf("got %+v, %v; want it released by %+v", h, err, want)
	}
	if len(rows.delivered) != 1 || rows.delivered[0].Size != 7 {
		t.Errorf("got deliveries %+v, want one of 7 octets", rows.delivered)
	}
	for name, act := range map[string]func(context.Context, string, By) (Held, error){"release": q.Release, "delete": q.Delete} {
		_, err := act(ctx, "one", By{Who: "bob@example.net"})
		if want := name + " one: not held any more: released by ann@example.net at 2026-11-20T12:00:00Z"; !errors.Is(err, ErrNotHeld) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want …%s", name, err, want)
		}
		if _, err := act(ctx, "two", By{Who: "bob@example.net"}); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s of nothing: got %v, want ErrUnknown", name, err)
		}
	}
	if len(rows.delivered) != 1 {
		t.Errorf("got %d deliveries, want 1", len(rows.delivered))
	}
}

func TestFindAndShowPassErrorsOn(t *testing.T) {
	down := errors.New("down")
	q := open(&memRows{held: Held{ID: "one"}, failing: down})
	if _, err := q.Find(t.Context(), Query{}); !errors.Is(err, down) {
		t.Errorf("find: got %v", err)
	}
	if _, err := q.Show(t.Context(), "one"); !errors.Is(err, down) {
		t.Errorf("show: got %v", err)
	}
}

// A state without a known act is still an answer.
func TestOpenWithoutActs(t *testing.T) {
	h := Held{State: StateExpired}
	var ended *NotHeldError
	if err := h.Open(); !errors.As(err, &ended) || ended.Act.What != StateExpired {
		t.Errorf("got %v, want that it expired", err)
	}
}

func TestExpireGoesOnUntilNoneIsDue(t *testing.T) {
	synctest.Test(t, testExpire)
}

func testExpire(t *testing.T) {
	rows := &memRows{due: 20*atOnce + 1}
	if n, err := open(rows).Expire(t.Context(), noon); n != 20*atOnce+1 || err != nil || rows.due != 0 {
		t.Errorf("got %d, %v, and %d left", n, err, rows.due)
	}
}

func TestRunExpiresNowAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &memRows{due: 3, failing: errors.New("down")}
		var log strings.Builder
		q := New(Config{Reader: rows, Settler: &failsOnce{memRows: rows}, Preparer: rows, Log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		go q.Run(ctx)
		bubble.Sleep(expireEvery + time.Second)
		cancel()
		synctest.Wait()
		if rows.due != 0 || !strings.Contains(log.String(), "error=\"quarantine: expire: down\"") || !strings.Contains(log.String(), "messages=3") {
			t.Errorf("%d left, log %q", rows.due, &log)
		}
	})
}

// failsOnce expires nothing the first time.
type failsOnce struct {
	*memRows
	turns int
}

func (f *failsOnce) Expire(ctx context.Context, act Act, limit int) (int, error) {
	if f.turns++; f.turns == 1 {
		return 0, f.failing
	}
	f.failing = nil
	return f.memRows.Expire(ctx, act, limit)
}

// Nothing ends while the clock may not be gone by.
func TestRunWaitsForTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &memRows{due: 3}
		var believed atomic.Bool
		q := New(Config{Reader: rows, Settler: rows, Preparer: rows, Old: func(context.Context) (time.Time, bool) { return noon, believed.Load() }})
		ctx, cancel := context.WithCancel(t.Context())
		go q.Run(ctx)
		bubble.Sleep(3 * expireEvery)
		if rows.due != 3 {
			t.Errorf("%d left, want all", rows.due)
		}
		believed.Store(true)
		bubble.Sleep(expireEvery)
		cancel()
		synctest.Wait()
		if rows.due != 0 {
			t.Errorf("then: %d left", rows.due)
		}
	})
}
