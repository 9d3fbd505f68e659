package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"gatepost/internal/directory"
)

// logins are those of one service.
func (a *App) logins(s directory.Service, domain string) doorLogins {
	return doorLogins{logins{a.directory, a.guard, a.identity, domain}, s}
}

// ended tells a door, where the directory has changed, whose sessions are to end; and for some
// seconds after, for who was about to log in.
func (a *App) ended(service directory.Service) func() func(box int64) bool {
	var mu sync.Mutex // all listeners of a door ask
	var seen int64
	var changed time.Time
	return func() func(box int64) bool {
		mu.Lock()
		defer mu.Unlock()
		s := a.directory.Snapshot()
		if s.Revision() != seen {
			seen, changed = s.Revision(), time.Now()
		}
		if time.Since(changed) > endAgain {
			return nil
		}
		return func(box int64) bool { return !s.Serves(box, service) }
	}
}

// endAgain is for how long after a change sessions are looked at, each second.
const endAgain = 5 * time.Second

// purgeClosed removes, each hour, the mailboxes that have been closed for long enough, by a clock that may
// be gone by.
func (a *App) purgeClosed(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if now, ok := a.clock.Now(ctx); ok {
			a.purgeClosedSince(ctx, now)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *App) purgeClosedSince(ctx context.Context, now time.Time) {
	s := a.directory.Snapshot()
	for _, d := range s.Domains() {
		for _, m := range s.People(d.Name) {
			until := a.restorable(m)
			if ctx.Err() != nil || until.IsZero() || now.Before(until) {
				continue
			}
			if err := a.removeMailboxIf(ctx, m.Address, func(m directory.Mailbox) error { return a.stillClosed(m, now) }); err != nil {
				a.log.Warn("a closed mailbox is not removed", "mailbox", m.Address, "closed", m.ClosedAt, "error", err)
				continue
			}
			a.log.Info("a closed mailbox is removed", "mailbox", m.Address, "closed", m.ClosedAt)
		}
	}
}

// stillClosed is asked in the removing commit: somebody may have opened the mailbox again.
func (a *App) stillClosed(m directory.Mailbox, now time.Time) error {
	if until := a.restorable(m); until.IsZero() || now.Before(until) {
		return errOpened
	}
	return nil
}

var errOpened = errors.New("it was opened again")

// restorable is until when a closed mailbox can be opened again; zero where it is not closed, or stays.
func (a *App) restorable(m directory.Mailbox) time.Time {
	keep := a.config.Load().Keeping.Closed
	if m.State != directory.Closed || m.ClosedAt.IsZero() || keep == 0 {
		return time.Time{}
	}
	return m.ClosedAt.Add(keep)
}
