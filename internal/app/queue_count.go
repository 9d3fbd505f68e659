package app

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"gatepost/internal/queue"
)

// A queueCount is what waits in the queue, as it was counted lately: the count reads every row.
type queueCount struct {
	app *App

	mu   sync.Mutex
	sum  queue.Totals
	last time.Time
}

// totals counts where the last count is older than that.
func (q *queueCount) totals(older time.Duration) queue.Totals {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if !q.last.IsZero() && now.Sub(q.last) < older {
		return q.sum
	}
	q.last = now
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	sum, err := q.app.store.Queue().Totals(ctx)
	if err != nil {
		q.app.log.Warn("queue not counted", "error", err)
		return q.sum
	}
	q.sum = sum
	return sum
}

// queueGauges has the queue counted when somebody looks, at most once a moment.
func (a *App) queueGauges() {
	a.queued = &queueCount{app: a}
	for _, g := range []struct {
		name, help string
		of         func(queue.Totals) float64
	}{
		{"queue_waiting", "Transfers that wait to be carried on.", func(t queue.Totals) float64 { return float64(t.Waiting) }},
		{"queue_failing", "Transfers that were tried and wait to be tried again.", func(t queue.Totals) float64 { return float64(t.Failing) }},
		{"queue_held", "Transfers that an admin holds.", func(t queue.Totals) float64 { return float64(t.Held) }},
		{"queue_oldest_seconds", "Age of the oldest transfer that waits.", func(t queue.Totals) float64 { return t.Oldest.Seconds() }},
	} {
		a.metrics.Gauge(g.name, g.help, func() float64 { return g.of(a.queued.totals(time.Second)) })
	}
}

// Of mail that waits, /readyz tells when senders are told of the delay, or would be.
const (
	queueLong = 4 * time.Hour // where nobody is told
	queueLook = time.Minute   // between counts
)

// notes say what is wrong with the node and keeps it from nothing.
func (a *App) notes() []string {
	list := append(a.certificates.Troubles(), lookupTroubles(a.lookups.Health())...)
	sum := a.queued.totals(queueLook)
	if long := cmp.Or(a.config.Load().Queue.DelayNotice, queueLong); sum.Waiting > 0 && sum.Oldest >= long {
		list = append(list, fmt.Sprintf("queue: the oldest of %d messages that wait has waited for %s; gatepost queue list tells why", sum.Waiting, sum.Oldest.Round(time.Minute)))
	}
	return list
}
