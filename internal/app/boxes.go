package app

import (
	"context"
	"time"
)

// keptExpunges is how many expunges of each folder stay known. Who was away for more is told all that is
// there instead, which costs it little more.
const keptExpunges = 10_000

// followBoxes has sessions hear within a second what other nodes did to their mailboxes.
func (a *App) followBoxes(ctx context.Context) error {
	a.changes.Follow(ctx, 700*time.Millisecond, a.mailboxes, func(err error) { a.log.Error("changes of other nodes not seen", "error", err) })
	return nil
}

// thinExpunged keeps the mailstore's log of expunges short, once a day.
func (a *App) thinExpunged(ctx context.Context) error {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		if err := a.mailboxes.ThinExpunged(ctx, keptExpunges); err != nil && ctx.Err() == nil {
			a.log.Error("log of expunges not cut", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
