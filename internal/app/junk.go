package app

import (
	"context"
	"time"
)

// cleanJunk notes each day how far mail has come into folders for junk, and removes what
// was there long enough, by a clock that may be gone by.
func (a *App) cleanJunk(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	var marked time.Time
	for {
		now, ok := a.clock.Now(ctx)
		if ok && now.Sub(marked).Abs() >= 24*time.Hour {
			marked = now
			if err := a.mailboxes.MarkJunk(ctx, now); err != nil && ctx.Err() == nil {
				a.log.Error("junk not marked", "error", err)
			}
		}
		if keep := a.config.Load().Quarantine.JunkKeep; ok && keep > 0 {
			if err := a.mailboxes.SweepJunk(ctx, now.Add(-keep), a.changes.Notify); err != nil && ctx.Err() == nil {
				a.log.Error("junk not removed", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
