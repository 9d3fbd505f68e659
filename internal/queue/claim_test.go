package queue

import (
	"context"
	"testing"
	"time"

	"gatepost/test/bubble"
)

// What was carried is not carried again since the store is away, though the claim ends
// meanwhile.
func TestStoreAway(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		carried := 0
		q, _ := run(t, m, carrier(func(context.Context, Job) Report {
			carried++
			return Report{Results: []Result{fine}}
		}))
		m.letter("s@here.example", "a@a.example")
		m.set(func() { m.lost = true })
		q.Wake(toA)
		bubble.Sleep(50 * time.Minute)
		m.set(func() { m.lost = false })
		bubble.Sleep(time.Hour)
		if carried != 1 || m.left() != 0 {
			t.Errorf("carried %d times, %d left", carried, m.left())
		}
	})
}

// A process that must end does not wait for the store, but for a moment in which it may
// come back.
func TestStoreAwayAtTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		back time.Duration // after the end of what jobs are given
		left int
	}{"back": {settleFirst, 0}, "away": {time.Hour, 1}} {
		t.Run(name, func(t *testing.T) {
			synced(t, func(t *testing.T) {
				m := newMemory()
				q, stop := run(t, m, carrier(func(_ context.Context, job Job) Report { return each(job, fine) }))
				m.letter("s@here.example", "a@a.example")
				m.set(func() { m.lost = true })
				q.Wake(toA)
				bubble.Sleep(10 * time.Second)
				began := time.Now()
				back := time.AfterFunc(time.Minute+c.back, func() { m.set(func() { m.lost = false }) })
				defer back.Stop()
				stop() // which leaves a minute to jobs under way
				if took := time.Since(began); took < time.Minute || took > time.Minute+2*settleLast || m.left() != c.left {
					t.Errorf("%d left after %v, want %d", m.left(), took, c.left)
				}
			})
		})
	}
}

// A clock that leaps over the ends of claims doubles nothing, and what was under way is
// settled under the claim that came of it.
func TestClockLeaps(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		carried := 0
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
			carried += len(job.Transfers)
			time.Sleep(2 * time.Minute)
			return each(job, fine)
		}))
		m.letter("s@here.example", "a@a.example", "b@a.example")
		q.Wake(toA)
		bubble.Sleep(time.Minute)
		m.set(func() { m.leap = time.Hour })
		q.Wake(toA)
		bubble.Sleep(2 * time.Minute)
		if carried != 2 || m.left() != 0 {
			t.Errorf("carried to %d, %d left", carried, m.left())
		}
		if len(q.wire) != 0 {
			t.Errorf("%v are on the wire", q.wire)
		}
	})
}
