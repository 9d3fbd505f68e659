package app

import (
	"cmp"
	"context"
	"sync"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// A quotaWarner tells owners that their mailbox is nearly full. It is told which mailboxes
// something came into, and looks at them a moment later; of a mailbox that has no quota that
// is all. What it forgot in a crash, or had no room for, it finds by looking at all of them.
type quotaWarner struct {
	app *App

	mu    sync.Mutex
	all   bool                // to look at all
	boxes map[int64]bool      // to look at, maxNoted at most
	whole map[string]bool     // domains to look at, of which all mailboxes together have a limit, maxNoted at most
	told  map[int64]time.Time // those known to be warned, maxNoted at most
}

const (
	maxNoted     = 10_000
	warnEvery    = 24 * time.Hour
	warnInterval = 2 * time.Second // how long a node gathers boxes to look at
	sweepPage    = 1000            // boxes that are read at once where all are looked at
)

func newQuotaWarner(a *App) *quotaWarner {
	return &quotaWarner{app: a, all: true, boxes: map[int64]bool{}, whole: map[string]bool{}, told: map[int64]time.Time{}}
}

// note has a mailbox looked at, if it has a quota, and its domain, if that has one.
func (w *quotaWarner) note(box int64) {
	own, dom := w.app.quotas.of(box)
	if !own.Any() && !dom.Total.Any() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if dom.Total.Any() && len(w.whole) < maxNoted {
		w.whole[dom.Name] = true
	}
	if !own.Any() {
		return
	}
	if len(w.boxes) < maxNoted {
		w.boxes[box] = true
	} else {
		w.all = true
	}
}

// noted returns the mailboxes and domains to look at, and whether those are all, and forgets that.
func (w *quotaWarner) noted() (list map[int64]bool, whole map[string]bool, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list, whole, all = w.boxes, w.whole, w.all
	w.boxes, w.whole, w.all = map[int64]bool{}, map[string]bool{}, false
	return list, whole, all
}

// sweep looks at the mailboxes that are nearly full, of all.
func (w *quotaWarner) sweep(ctx context.Context, look func(box int64)) error {
	percent := w.app.config.Load().Quota.Warn
	for after := int64(0); percent > 0; {
		var list []int64
		last, err := w.app.mailboxes.Usages(ctx, after, sweepPage, func(box int64, there mailbox.Usage) {
			if own, _ := w.app.quotas.of(box); own.Any() && quotaOf(own).Share(there) >= percent {
				list = append(list, box)
			}
		})
		if err != nil || last == 0 {
			return err
		}
		for _, box := range list {
			look(box)
		}
		after = last
	}
	return nil
}

// tick looks at what was noted.
func (w *quotaWarner) tick(ctx context.Context) {
	look := func(box int64) {
		if err := w.look(ctx, box); err != nil && ctx.Err() == nil {
			w.app.log.Error("owner not warned of a full mailbox", "box", box, "error", err)
		}
	}
	list, whole, all := w.noted()
	for box := range list {
		look(box)
	}
	w.lookAtDomains(ctx, whole, all)
	if !all {
		return
	}
	if err := w.sweep(ctx, look); err != nil {
		w.mu.Lock()
		w.all = true
		w.mu.Unlock()
		if ctx.Err() == nil {
			w.app.log.Error("mailboxes that are nearly full are not known", "error", err)
		}
	}
}

func (w *quotaWarner) run(ctx context.Context) error {
	tick := time.NewTicker(warnInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		w.tick(ctx)
	}
}

// look warns a mailbox's owner if it is nearly full and he was not told within a day.
func (w *quotaWarner) look(ctx context.Context, box int64) error {
	percent, now := w.app.config.Load().Quota.Warn, w.app.now()
	if percent == 0 || w.knownTold(box, now) {
		return nil
	}
	own, dom := w.app.quotas.of(box)
	there, err := w.app.mailboxes.Usage(ctx, box)
	if err != nil || quotaOf(own).Share(there) < percent {
		return err
	}
	last, err := w.app.mailboxes.Warned(ctx, box)
	if err == nil && now.Sub(last) >= warnEvery {
		last, err = now, w.warn(ctx, box, own, dom, there, now)
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.told) >= maxNoted {
		clear(w.told)
	}
	w.told[box] = last
	return nil
}

func (w *quotaWarner) knownTold(box int64, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.told[box]
	if ok && now.Sub(last) >= warnEvery {
		delete(w.told, box)
		return false
	}
	return ok
}

// warn delivers the letter, whatever the quota.
func (w *quotaWarner) warn(ctx context.Context, box int64, own directory.Limits, dom directory.Domain, there mailbox.Usage, now time.Time) error {
	a := w.app
	m, ok := a.directory.Snapshot().Box(box)
	if !ok || !m.State.Takes() {
		return nil
	}
	content := a.letters.quota(cmp.Or(m.Language, dom.Language, a.config.Load().Digest.Language), quotaState{
		to: m.Address, domain: dom.Name, hostname: a.config.Load().Hostname, limit: quotaOf(own), there: there,
		refuses: a.config.Load().Quota.Over == "refuse", kept: a.config.Load().Keeping.Deleted, now: now,
	})
	d, err := a.inboxLetter(ctx, box, queue.Letter{To: m.Address, Content: content, Kind: "quota"}, now)
	if err != nil {
		return err
	}
	done, err := a.mailboxes.Warn(ctx, &d, now.Add(-warnEvery))
	if done {
		a.changes.Notify(box)
		a.log.Info("owner warned of a full mailbox", "mailbox", m.Address, "percent", quotaOf(own).Share(there))
	}
	return err
}

// A warningWaker is told of boxes that have new mail, and hands it on to who watches them.
type warningWaker struct {
	changes *mailbox.Changes
	warner  *quotaWarner
}

// Notify implements intake.Waker.
func (w warningWaker) Notify(box int64) {
	w.changes.Notify(box)
	w.warner.note(box)
}
