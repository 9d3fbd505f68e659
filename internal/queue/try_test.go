package queue

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// hosted is a destination with mail hosts, as those have that somebody waits for.
const hosted = Destination("domain:a.example")

// toTry is a job that is in no row.
func toTry(d Destination) Job {
	m := &Message{ID: "m"}
	return Job{Destination: d, Message: m, Transfers: []*Transfer{{Message: m, Recipient: "a@a.example", Destination: d}}}
}

// What a try leads to decides whether there is another one.
func TestTry(t *testing.T) {
	later := Result{Reply: Reply{Code: 451, Enhanced: "4.0.0"}}
	for name, c := range map[string]struct {
		report Report
		takes  time.Duration
		limit  time.Duration
		down   bool
		want   []bool // at once, after 20 seconds, 5 minutes, 30 and another 40
	}{
		"carried":     {Report{Results: []Result{fine}}, 0, time.Minute, false, []bool{true, true, true, true, true}},
		"put off":     {Report{Results: []Result{later}}, 0, time.Minute, false, []bool{true, true, true, true, true}},
		"unreachable": {Report{Results: []Result{later}, Unreachable: true}, 0, time.Minute, false, []bool{true, false, true, true, true}},
		"unknown":     {Report{Results: []Result{later}, Unknown: true}, 0, time.Minute, false, []bool{true, false, false, false, true}},
		"slow":        {Report{Results: []Result{fine}}, 2 * time.Minute, time.Hour, false, []bool{true, false, false, false, true}},
		"no time":     {Report{Results: []Result{later}, Unreachable: true}, time.Hour, time.Second, false, []bool{true, false, false, true, true}},
		"down":        {Report{Results: []Result{fine}}, 0, time.Minute, true, []bool{false, false, false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			synced(t, func(t *testing.T) {
				q, _ := run(t, newMemory(), carrier(func(ctx context.Context, _ Job) Report {
					select {
					case <-time.After(c.takes):
					case <-ctx.Done():
					}
					return c.report
				}))
				q.c.Down = func(Destination) bool { return c.down }
				for i, wait := range []time.Duration{0, 20 * time.Second, 5 * time.Minute, 30 * time.Minute, 40 * time.Minute} {
					bubble.Sleep(wait)
					ctx, cancel := context.WithTimeout(t.Context(), c.limit)
					report, tried := q.Try(ctx, toTry(hosted))
					cancel()
					if tried != c.want[i] || tried && report.Results[0].Fate != c.report.Results[0].Fate {
						t.Errorf("try %d: %v, %+v; want %v", i, tried, report, c.want[i])
					}
				}
			})
		})
	}
}

// A destination that took a minute is tried again when one that nobody waits for went
// well.
func TestTryAgain(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		takes := 2 * time.Minute
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
			time.Sleep(takes)
			return each(job, fine)
		}))
		q.Try(t.Context(), toTry(hosted))
		if _, tried := q.Try(t.Context(), toTry(hosted)); tried {
			t.Error("a slow one was tried")
		}
		takes = 0
		m.add(&Transfer{Message: m.letter("s@here.example"), Recipient: "a@a.example", Destination: hosted})
		q.Wake(hosted)
		synctest.Wait()
		if _, tried := q.Try(t.Context(), toTry(hosted)); !tried {
			t.Error("one that is quick again was not tried")
		}
	})
}

// Those that wait have so many connections to one destination, and half in all.
func TestTryBounds(t *testing.T) {
	synced(t, func(t *testing.T) {
		q, _ := run(t, newMemory(), carrier(func(ctx context.Context, job Job) Report {
			time.Sleep(time.Second)
			return each(job, fine)
		}))
		var clients sync.WaitGroup
		defer clients.Wait()
		for _, d := range []Destination{"domain:a.example", "domain:b.example", "domain:c.example"} {
			for range 30 {
				clients.Go(func() { q.Try(t.Context(), toTry(d)) })
			}
			synctest.Wait()
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		for d, want := range map[Destination]int{"domain:a.example": 20, "domain:b.example": 20, "domain:c.example": 10} {
			if got := q.lanes[d].trying; got != want {
				t.Errorf("%d wait for %s, want %d", got, d, want)
			}
		}
	})
}
