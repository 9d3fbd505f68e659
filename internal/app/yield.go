package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"gatepost/mailbox"
)

// yieldEvery is how often it is looked at how full the disk is.
const yieldEvery = 10 * time.Second

// A yielder lets deleted mail go before its time, the oldest first, where the disk is nearly full: when
// less than twice is free of what must be for mail to be taken. So new mail is refused only
// where there is no deleted mail left to give. The space comes back later, when the contents are
// dead and compacted; what is on its way so counts as free here, so that no more goes than helps.
type yielder struct {
	keep  int64 // must be free for mail to be taken; 0: nothing is ever let go
	free  func() (int64, error)
	dying func(ctx context.Context) (int64, error) // octets on their way
	yield func(ctx context.Context, octets int64) (mailbox.Usage, error)
	log   *slog.Logger

	short           atomic.Bool // less than twice keep is free
	told            bool        // of mail that goes
	messages, bytes atomic.Int64
}

func (a *App) newYielder(free func() (int64, error)) *yielder {
	y := &yielder{keep: int64(a.config.Load().Limits.MinFree), free: free, log: a.log}
	if sharesContent(a.config.Load()) { // contents are in a bucket: no mail that goes makes room on this disk
		y.keep = 0
	}
	y.dying, y.yield = a.store.Blobs(steady(a.now())).Sooner(a.hurried).Dying, a.mailboxes.YieldDeleted
	a.metrics.Gauge("deleted_yielded_messages", "Deleted mail that was let go before its time since the start, since the disk was nearly full.",
		func() float64 { return float64(y.messages.Load()) })
	a.metrics.Gauge("deleted_yielded_octets", "Octets of that mail.", func() float64 { return float64(y.bytes.Load()) })
	return y
}

// hurried reports whether contents may be dead in an hour instead of a day.
func (a *App) hurried() bool { return a.yielder.short.Load() && a.backups.Load() == 0 }

// run looks after the disk until ctx ends.
func (y *yielder) run(ctx context.Context) error {
	tick := time.NewTicker(yieldEvery)
	defer tick.Stop()
	for failed := false; ; {
		err := y.adjust(ctx)
		if err != nil && !failed && ctx.Err() == nil { // a lasting cause is told once
			y.log.Error("deleted mail not let go on a nearly full disk", "error", err)
		}
		failed = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// adjust lets as much go as is missing, a commit after the other.
func (y *yielder) adjust(ctx context.Context) error {
	free, err := y.free()
	if err != nil {
		return fmt.Errorf("app: room: %w", err)
	}
	y.short.Store(free < 2*y.keep)
	if !y.short.Load() {
		if y.told {
			y.log.Info("the disk has room again: deleted mail is kept for its time", "free", free)
		}
		y.told = false
		return nil
	}
	for ctx.Err() == nil {
		dying, err := y.dying(ctx)
		if err != nil {
			return fmt.Errorf("app: room: %w", err)
		}
		missing := 2*y.keep - free - dying
		if missing <= 0 {
			return nil
		}
		gone, err := y.yield(ctx, missing)
		if err != nil || gone.Messages == 0 {
			return err
		}
		y.messages.Add(gone.Messages)
		y.bytes.Add(gone.Bytes)
		if !y.told {
			y.told = true
			y.log.Warn("the disk is nearly full: deleted mail is let go before its time, the oldest first", "free", free, "missing", missing)
		}
	}
	return ctx.Err()
}
