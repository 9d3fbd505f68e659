package pipeline

import (
	"context"
	"sync"
	"time"
)

// WithLimit returns a context that ends with ctx, after a time, or when cancel is called,
// as one of context.WithTimeout does. But it costs a timer, and a place among the children
// of ctx, only where somebody is about to wait, which is when Done is called: what is
// answered from memory costs neither. cancel must be called.
func WithLimit(ctx context.Context, limit time.Duration) (_ context.Context, cancel context.CancelFunc) {
	l := &limited{}
	l.begin(ctx, limit)
	return l, l.stop
}

// begin sets what a new context has.
func (l *limited) begin(ctx context.Context, limit time.Duration) {
	l.parent, l.deadline, l.cause = ctx, time.Now().Add(limit), context.DeadlineExceeded
	l.shorten()
}

// A limited context has no timer until somebody is about to wait.
type limited struct {
	parent   context.Context
	deadline time.Time
	cause    error    // of its end at the deadline
	waiting  beginner // told once, when somebody is about to wait; nil: nobody

	mu   sync.Mutex
	real context.Context // nil: nobody was
	end  context.CancelFunc
	over bool // stop was called
}

// A beginner is told when somebody begins to wait.
type beginner interface{ begins() }

// beginning is a function that is a beginner.
type beginning func()

func (f beginning) begins() { f() }

// shorten has the context end no later than its parent says.
func (l *limited) shorten() {
	if d, ok := l.parent.Deadline(); ok && d.Before(l.deadline) {
		l.deadline = d
	}
}

// Deadline implements context.Context.
func (l *limited) Deadline() (time.Time, bool) { return l.deadline, true }

// Done implements context.Context. The first call arms the timer.
func (l *limited) Done() <-chan struct{} {
	l.mu.Lock()
	begins := l.real == nil
	if begins {
		l.real, l.end = context.WithDeadlineCause(l.parent, l.deadline, l.cause)
		if l.over {
			l.end()
		}
	}
	l.mu.Unlock()
	if begins && l.waiting != nil {
		l.waiting.begins()
	}
	return l.real.Done()
}

// Err implements context.Context.
func (l *limited) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.real != nil:
		return l.real.Err()
	case l.over:
		return context.Canceled
	}
	if err := l.parent.Err(); err != nil {
		return err
	}
	if !time.Now().Before(l.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context. Once armed it leads package context to what was armed,
// so that contexts made of this one cost no goroutine.
func (l *limited) Value(key any) any {
	l.mu.Lock()
	real := l.real
	l.mu.Unlock()
	if real != nil {
		return real.Value(key)
	}
	return l.parent.Value(key)
}

// why is the cause of the context's end; nil: it goes on.
func (l *limited) why() error {
	err := l.Err()
	if err == nil {
		return nil
	}
	l.mu.Lock()
	real := l.real
	l.mu.Unlock()
	switch {
	case real != nil:
		return context.Cause(real)
	case err == context.DeadlineExceeded && l.parent.Err() == nil:
		return l.cause
	}
	return err
}

// stop ends the context.
func (l *limited) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.end != nil {
		l.end()
	}
}

// A latch is closed once. Its channel is made only for who has to wait.
type latch struct {
	mu     sync.Mutex
	closed bool
	ch     chan struct{}
}

// isClosed reports whether it is.
func (l *latch) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// close closes it. The caller holds mu, and what it set before is seen by all who find the
// latch closed.
func (l *latch) close() {
	l.closed = true
	if l.ch != nil {
		close(l.ch)
	}
}

// wait returns when it is closed, or with the cause of ctx's end.
func (l *latch) wait(ctx context.Context) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	if l.ch == nil {
		l.ch = make(chan struct{})
	}
	ch := l.ch
	l.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
