package app

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/directory"
)

// logins are those of one service.
func (a *App) logins(s directory.Service, domain string) doorLogins {
	return doorLogins{logins{a.directory, a.guard, a.identity, domain, a.seen}, s}
}

// ended tells a door, where the directory has changed, whose sessions are to end; and for some
// seconds after, for who was about to log in.
func (a *App) ended(service directory.Service) func() func(box int64, keys []uint64) bool {
	var mu sync.Mutex // all listeners of a door ask
	var seen int64
	var changed time.Time
	return func() func(box int64, keys []uint64) bool {
		mu.Lock()
		defer mu.Unlock()
		s := a.directory.Snapshot()
		if s.Revision() != seen {
			seen, changed = s.Revision(), time.Now()
		}
		if time.Since(changed) > endAgain {
			return nil
		}
		return func(box int64, keys []uint64) bool {
			now := keysOf(s, box)
			return !s.Serves(box, service) || gone(keys, now)
		}
	}
}

// openers are what opens a mailbox: its password and those of its mail programs. Where one of them is replaced or taken
// away all sessions end that began with it there, since nobody knows who has it; who has another comes again.
func (a *App) openers(box int64) []uint64 { return keysOf(a.directory.Snapshot(), box) }

func keysOf(s *directory.Snapshot, box int64) []uint64 {
	m, ok := s.Box(box)
	if !ok {
		return nil
	}
	list := []uint64{numbered("password", m.Password.Hash, m.Password.SCRAM, s.LoginSource(m))}
	for _, p := range m.Apps {
		list = append(list, numbered("app", p.SCRAM))
	}
	return list
}

// gone reports whether one of some keys is none of those that there are now.
func gone(keys, now []uint64) bool {
	return slices.ContainsFunc(keys, func(k uint64) bool { return !slices.Contains(now, k) })
}

// numbered is a number that stands for a secret's verifier and tells nothing of it.
func numbered(parts ...string) uint64 {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return binary.BigEndian.Uint64(sum[:])
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
		for m := range s.People(d.Name) {
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
