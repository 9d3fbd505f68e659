package app

import (
	"context"
	"time"

	"gatepost/internal/directory"
	"gatepost/mailbox"
)

// cleanJunk notes each day how far mail has come into folders for junk and for trash, and
// removes what was there long enough, by a clock that may be gone by.
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
		if ok {
			if err := a.mailboxes.SweepJunk(ctx, a.latestJunk(now), a.staysFrom(now), a.changes.Notify); err != nil && ctx.Err() == nil {
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

// keepsJunk says for how long mail stays in a domain's folders for a use; 0: for ever. A
// domain's word counts before the node's.
func (a *App) keepsJunk(dom directory.Domain, use mailbox.Use) time.Duration {
	c := a.config.Load()
	keep, days := c.Quarantine.JunkKeep, dom.JunkDays
	if use == mailbox.Trash {
		keep, days = c.Keeping.Trash, dom.TrashDays
	}
	if days != 0 {
		keep = time.Duration(days) * 24 * time.Hour
	}
	return max(keep, 0)
}

// latestJunk is a time from which on mail stays everywhere.
func (a *App) latestJunk(now time.Time) (latest time.Time) {
	for _, dom := range append(a.directory.Snapshot().Domains(), directory.Domain{}) {
		for _, use := range []mailbox.Use{mailbox.Junk, mailbox.Trash} {
			if keep := a.keepsJunk(dom, use); keep > 0 && now.Add(-keep).After(latest) {
				latest = now.Add(-keep)
			}
		}
	}
	return latest
}

// staysFrom says from when on mail stays in a box's folder for junk or for trash; the zero
// time: all stays.
func (a *App) staysFrom(now time.Time) func(box int64, use mailbox.Use) time.Time {
	s := a.directory.Snapshot()
	return func(box int64, use mailbox.Use) time.Time {
		m, _ := s.Box(box)
		dom, ok := s.Domain(m.Address.Domain())
		if keep := a.keepsJunk(dom, use); ok && keep > 0 {
			return now.Add(-keep)
		}
		return time.Time{}
	}
}
