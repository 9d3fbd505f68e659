package door

import (
	"context"
	"time"
)

// endEvery is how often it is asked whose sessions are to end.
const endEvery = time.Second

// ending ends sessions that may not go on, until stop is called.
func (d *Door) ending(ctx context.Context) (stop func()) {
	if d.Ended == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(endEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if ended := d.Ended(); ended != nil {
				d.end(ended)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// Farewell is what an interrupted session says last; expired where the log-in counts no more and the client has to begin anew,
// and not because the server ends.
func (c *Conn) Farewell() (text string, expired bool) {
	if c.expired.Load() {
		return "Log in again: the password is another one, or the mailbox is not served here any more", true
	}
	return "Shutting down", false
}

// end has some sessions finish their command and say good-bye.
func (d *Door) end(ended func(box int64, keys []uint64) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		if c.claimed && ended(c.box, c.keys) {
			c.Log.Info("session ended: its mailbox is not served any more, or its password is another one")
			c.expired.Store(true)
			c.cancel()
		}
	}
}
