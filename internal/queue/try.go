package queue

import (
	"context"
	"time"
)

// How long nothing is tried for a destination that kept somebody waiting in vain.
const (
	// It took a message whole and did not say in time what became of it: that message
	// is carried again, and each further one would be.
	unknownFor = time.Hour
	// It did not come that far.
	cutFor = 10 * time.Minute
)

// Try carries a job at once, on behalf of a client that waits: its transfers are not
// queued so far, and what is not carried the caller queues. What it leads to counts for
// the destination like any other job. false: the destination rests, is slow or has
// enough connections, or the queue has; nothing was done.
func (q *Queue) Try(ctx context.Context, job Job) (Report, bool) {
	l, ok := q.admit(job.Destination)
	if !ok {
		return Report{}, false
	}
	cut := false
	report := q.measured(l, job, func() (Report, bool) {
		report := q.hand(ctx, job)
		cut = ctx.Err() != nil
		return report, cut
	})
	q.mu.Lock()
	defer q.mu.Unlock()
	l.trying--
	switch now := q.c.Now(); {
	case report.Unknown:
		l.untried = now.Add(unknownFor)
	case cut:
		l.untried = now.Add(cutFor)
	}
	q.nudge()
	return report, true
}

// admit finds room for a job that somebody waits for: never more than half of all
// connections are for those.
func (q *Queue) admit(d Destination) (*lane, bool) {
	if q.c.Down != nil && q.c.Down(d) {
		return nil, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	l, now, sum := q.lane(d), q.c.Now(), q.load()
	switch {
	case now.Before(l.rests), now.Before(l.untried), l.slow:
	case l.trying >= q.set.Load().Parallel, sum.trying >= q.half(), !q.room(l, sum):
	default:
		l.trying++
		return l, true
	}
	return nil, false
}
