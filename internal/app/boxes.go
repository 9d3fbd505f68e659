package app

import (
	"cmp"
	"context"
	"errors"
	"strconv"
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

// thinExpunged keeps the mailstore's log of expunges short, once a day, its links to shares, and requests to send.
func (a *App) thinExpunged(ctx context.Context) error {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		if err := a.mailboxes.ThinExpunged(ctx, keptExpunges); err != nil && ctx.Err() == nil {
			a.log.Error("log of expunges not cut", "error", err)
		}
		a.thinInvitations(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// thinInvitations removes links to shares and requests to send that are over, by a clock that may be gone by.
func (a *App) thinInvitations(ctx context.Context) {
	now, ok := a.clock.Now(ctx)
	if !ok {
		return
	}
	if err := errors.Join(a.mailboxes.ThinInvitations(ctx, now), a.mailboxes.ThinSendRequests(ctx, now)); err != nil && ctx.Err() == nil {
		a.log.Error("old links to shares and requests to send not removed", "error", err)
	}
}

// recountDomains mends, once a day, what domains are said to take up.
func (a *App) recountDomains(ctx context.Context) error {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		wrong, err := a.mailboxes.RecountDomains(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.Error("usage of domains not recounted", "error", err)
		}
		if len(wrong) > 0 {
			names := map[int64]string{}
			for _, d := range a.directory.Snapshot().Domains() {
				names[d.ID] = d.Name
			}
			for id, by := range wrong {
				a.log.Warn("what a domain takes up was counted wrong, and is mended", "domain", cmp.Or(names[id], strconv.FormatInt(id, 10)),
					"messages", by.Messages, "octets", by.Bytes)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
