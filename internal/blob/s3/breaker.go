package s3

import (
	"fmt"
	"sync"
	"time"

	"gatepost/internal/blob"
)

// Limits of the breaker.
const (
	breakAfter = tries           // failures in a row
	minPause   = 2 * time.Second // until S3 is asked whether it is back
	maxPause   = 30 * time.Second
)

// A breaker keeps requests from a server that fails again and again, so that who
// waits is told at once.
type breaker struct {
	now func() time.Time

	mu     sync.Mutex
	failed int // in a row
	cause  error
	until  time.Time // no request before; zero: it is closed
	pause  time.Duration
}

// err is why no request may be made now, or nil.
func (b *breaker) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return nil
	}
	return fmt.Errorf("%w: %w", blob.ErrAway, b.cause)
}

// due reports whether it is open and time to ask whether the server is back.
func (b *breaker) due() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero() && !b.now().Before(b.until)
}

// note tells what became of a request: nil, or why the server could not serve it.
func (b *breaker) note(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cause == nil {
		b.failed, b.cause, b.until, b.pause = 0, nil, time.Time{}, 0
		return
	}
	b.failed++
	b.cause = cause
	if b.failed >= breakAfter && (b.until.IsZero() || !b.now().Before(b.until)) {
		b.pause = min(max(2*b.pause, minPause), maxPause)
		b.until = b.now().Add(b.pause)
	}
}
