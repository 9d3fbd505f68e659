package queue

import (
	"sync"
	"time"

	"gatepost/internal/mail"
)

// A limiter bounds how many reports one sender gets, in whose name somebody may
// send what can't be delivered.
type limiter struct {
	now   func() time.Time
	mu    sync.Mutex
	since time.Time
	sent  map[mail.Path]int
}

// Bounds of the reports that are sent in an hour.
const (
	perSender  = 1000
	maxSenders = 100_000 // that are told apart
)

func newLimiter(now func() time.Time) *limiter { return &limiter{now: now} }

func (l *limiter) allow(sender mail.Path) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); l.sent == nil || now.Sub(l.since) >= time.Hour || len(l.sent) > maxSenders {
		l.since, l.sent = now, map[mail.Path]int{}
	}
	sender = sender.Fold()
	l.sent[sender]++
	return l.sent[sender] <= perSender
}
