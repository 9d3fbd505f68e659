package queue

import (
	"sync"
	"time"

	"gatepost/internal/mail"
)

// A limiter bounds how many letters of ours one address gets: reports, notices, digests.
// Somebody may send in its name what can't be delivered.
type limiter struct {
	now   func() time.Time
	mu    sync.Mutex
	since time.Time
	sent  map[mail.Path]int // by whom it is to
}

// Bounds of the letters that are sent in an hour.
const (
	perAddress   = 1000
	maxAddresses = 100_000 // that are told apart
)

func newLimiter(now func() time.Time) *limiter { return &limiter{now: now} }

func (l *limiter) allow(to mail.Path) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); l.sent == nil || now.Sub(l.since) >= time.Hour || len(l.sent) > maxAddresses {
		l.since, l.sent = now, map[mail.Path]int{}
	}
	to = to.Fold()
	l.sent[to]++
	return l.sent[to] <= perAddress
}
