package store

import (
	"context"
	"sync"
	"time"
)

// later is the owner of work that is done a while after it was planned, once for all who planned it.
type later struct {
	mu     sync.Mutex
	timer  *time.Timer // nil: nothing is planned
	closed bool
	under  sync.WaitGroup
}

// laterLimit bounds one turn of what was planned.
const laterLimit = time.Minute

// plan has f run after a time; where it fails it is planned again.
func (l *later) plan(after time.Duration, f func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil || l.closed {
		return
	}
	l.timer = time.AfterFunc(after, func() {
		if !l.begin() {
			return
		}
		defer l.under.Done()
		ctx, cancel := context.WithTimeout(context.Background(), laterLimit)
		defer cancel()
		if f(ctx) != nil {
			l.plan(max(after, time.Second), f)
		}
	})
}

// begin tells whether the timer may do its work.
func (l *later) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	if !l.closed {
		l.under.Add(1)
	}
	return !l.closed
}

// end waits for what is under way, and does what is still planned.
func (l *later) end(f func(context.Context) error) {
	l.mu.Lock()
	l.closed = true
	left := l.timer != nil && l.timer.Stop()
	l.mu.Unlock()
	l.under.Wait()
	if !left {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), awayLimit)
	defer cancel()
	_ = f(ctx) // what is not done now is done by the next start
}
