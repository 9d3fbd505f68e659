package smtpd

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// An ear listens to a client before it is greeted: octets that come before the banner come
// too early (RFC 5321 §3.1). What it hears is kept for the guard. It is a mail.Ear.
type ear struct {
	conn   *connection
	closed atomic.Bool

	mu    sync.Mutex // held while it listens
	heard []byte
}

// earful is how much is heard at most; the rest stays in the kernel.
const earful = 512

// Early implements mail.Ear.
func (e *ear) Early(ctx context.Context, wait time.Duration) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, ok := e.conn.wire.(*behindProxy); ok && p.in.Buffered() > 0 {
		wait = max(wait, 1) // it came with the PROXY header: it is here
	}
	if len(e.heard) > 0 || wait <= 0 {
		return len(e.heard) > 0, nil
	}
	until := time.Now().Add(wait)
	stop := context.AfterFunc(ctx, e.wake)
	defer stop()
	for {
		e.conn.raw.SetReadDeadline(until)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case e.closed.Load(), e.conn.draining.Load():
			return false, nil
		}
		p := make([]byte, earful)
		n, err := e.conn.wire.Read(p)
		switch {
		case n > 0:
			e.heard = p[:n]
			return true, nil
		case !errors.Is(err, os.ErrDeadlineExceeded): // it is gone, which the banner will find out
			return false, nil
		case !time.Now().Before(until):
			return false, nil
		}
	}
}

func (e *ear) wake() { e.conn.raw.SetReadDeadline(time.Unix(1, 0)) }

// close ends all listening: from then on the guard alone reads.
func (e *ear) close() {
	e.closed.Store(true)
	e.wake()
	e.mu.Lock()
	defer e.mu.Unlock()
}

// take returns what was heard, once.
func (e *ear) take() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.heard
	e.heard = nil
	return p
}
