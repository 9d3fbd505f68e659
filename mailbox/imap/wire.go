package imap

import (
	"errors"
	"net"
	"sync"
	"time"
)

// errInterrupted: the server shuts down.
var errInterrupted = errors.New("imap: shutting down")

// A wire is a connection on which no read and no write lasts for ever.
type wire struct {
	net.Conn
	mu          sync.Mutex
	patience    time.Duration // of the next reads
	until       time.Time     // no read beyond it, where set
	write       time.Duration
	interrupted bool
}

// Read reads within the time that expect and the log-in allow.
func (w *wire) Read(p []byte) (int, error) {
	if err := w.arm(); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	if err != nil && w.isInterrupted() {
		err = errInterrupted
	}
	return n, err
}

func (w *wire) arm() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.interrupted {
		return errInterrupted
	}
	t := time.Now().Add(w.patience)
	if !w.until.IsZero() && w.until.Before(t) {
		t = w.until
	}
	return w.Conn.SetReadDeadline(t)
}

// Write writes within the time for one buffer.
func (w *wire) Write(p []byte) (int, error) {
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.write)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// expect sets how long the next reads may wait.
func (w *wire) expect(d time.Duration) {
	w.mu.Lock()
	w.patience = d
	w.mu.Unlock()
}

// limit sets when reading ends at the latest; the zero time takes it off.
func (w *wire) limit(t time.Time) {
	w.mu.Lock()
	w.until = t
	w.mu.Unlock()
}

// interrupt ends the read under way and all later ones.
func (w *wire) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interrupted = true
	w.Conn.SetReadDeadline(time.Unix(1, 0))
}

func (w *wire) isInterrupted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.interrupted
}
