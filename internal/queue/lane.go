package queue

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A lane is what is known of one destination while the process runs: when something
// is due, how many workers it has, how many it may have. Its fields are guarded by
// the queue's lock.
type lane struct {
	destination Destination
	due         time.Time // of the first; never after it, as far as we heard
	idle        bool      // nothing is known to be due
	running     int       // workers
	began       time.Time // when the last of them did
	waiting     int       // of them, for the store: they hold no connection
	allowed     int       // workers at most: more with each success, half with each failure
	failures    int       // in a row to reach it
	rests       time.Time // until when it is left alone
	proven      time.Time // when it was reached last; zero: never so far
	slow        bool      // its last job, or one under way, took longer than slowAfter
	trying      int       // jobs of Try
	untried     time.Time // until when Try does nothing
}

// slowAfter is how long a job takes at most to a destination that is as it should be.
const slowAfter = time.Minute

// doubtful reports whether a destination may be one that keeps connections and takes
// no mail. Those that an admin here has named are not, until they are seen to.
func (l *lane) doubtful() bool {
	kind, _ := l.destination.Split()
	return l.slow || l.failures > 0 || l.proven.IsZero() && kind == "mx"
}

// connections is how many connections it has.
func (l *lane) connections() int { return l.running - l.waiting + l.trying }

// firstAllowed is how many workers an unknown destination may have.
const firstAllowed = 2

// How long a destination that could not be reached is left alone.
const (
	restFirst = 30 * time.Second // doubling with each failure
	restMost  = 15 * time.Minute
)

func (q *Queue) lane(d Destination) *lane {
	l := q.lanes[d]
	if l == nil {
		l = &lane{destination: d, idle: true, allowed: min(firstAllowed, q.set.Load().Parallel)}
		q.lanes[d] = l
	}
	return l
}

// soon notes that something is due at a time.
func (l *lane) soon(at time.Time) {
	if l.idle || at.Before(l.due) {
		l.idle, l.due = false, at
	}
}

// next is when a worker could begin.
func (l *lane) next() time.Time {
	switch {
	case l.idle:
		return time.Unix(1<<40, 0)
	case l.due.Before(l.rests):
		return l.rests
	}
	return l.due
}

// begin is a worker more. It takes what is due: nothing is known to be, until we
// hear of it anew.
func (l *lane) begin(now time.Time) {
	l.running++
	l.began = now
	l.idle = true
}

// reached notes that the destination answered.
func (l *lane) reached(now time.Time, most int) {
	l.failures, l.rests, l.proven = 0, time.Time{}, now
	l.allowed = min(l.allowed+1, most)
}

// missed notes that it could not be reached, and leaves it alone for a while.
func (l *lane) missed(now time.Time) {
	l.allowed = max(l.allowed/2, 1)
	if now.Before(l.rests) {
		return // another worker has found that out
	}
	l.rests = now.Add(jitter(min(restFirst<<min(l.failures, 10), restMost)))
	l.failures++
}

// inTurn returns the lanes with work: first those that had no worker so far, then those
// whose last one began the longest ago.
func (q *Queue) inTurn() []*lane {
	var list []*lane
	for _, l := range q.lanes {
		if !l.idle {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b *lane) int {
		return cmp.Or(a.began.Compare(b.began), strings.Compare(string(a.destination), string(b.destination)))
	})
	return list
}

// load is what all lanes have together.
type load struct{ busy, doubtful, trying int }

func (q *Queue) load() (sum load) {
	for _, l := range q.lanes {
		sum.add(l, l.connections())
		sum.trying += l.trying
	}
	return sum
}

// half is of all connections.
func (q *Queue) half() int { return max(q.set.Load().Connections/2, 1) }

func (sum *load) add(l *lane, n int) {
	sum.busy += n
	if l.doubtful() {
		sum.doubtful += n
	}
}

// room reports whether a lane may have a connection more. Destinations that are not
// known to take mail, or take it slowly, have half of all together: be they hundreds,
// the mail of others goes its way.
func (q *Queue) room(l *lane, sum load) bool {
	return sum.busy < q.set.Load().Connections && (!l.doubtful() || sum.doubtful < q.half())
}

// What is remembered of destinations that have nothing to do: that they were reached.
const (
	provenFor = time.Hour
	maxProven = 10_000 // lanes; above, those with nothing to do go at once
)

// forget lets go of lanes about which there is nothing to remember.
func (q *Queue) forget(now time.Time) {
	for d, l := range q.lanes {
		known := now.Sub(l.proven) < provenFor && len(q.lanes) <= maxProven
		busy := !l.idle || l.running+l.trying > 0
		if !busy && !known && l.failures == 0 && !now.Before(l.rests) && !now.Before(l.untried) {
			delete(q.lanes, d)
		}
	}
}

// jitter spreads a wait by a fifth to either side, so that what failed together is
// not tried together.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.4*float64(d))
}

// backoff is the wait after the attempts made so far, before jitter.
func (q *Queue) backoff(attempts int) time.Duration {
	d := q.set.Load().Retry
	for range min(attempts, 30) {
		if d >= q.set.Load().RetryMax/2 {
			return q.set.Load().RetryMax
		}
		d *= 2
	}
	return min(d, q.set.Load().RetryMax)
}
