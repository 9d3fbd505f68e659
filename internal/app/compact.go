package app

import (
	"context"
	"errors"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/blob/segment"
	"gatepost/internal/store"
)

const (
	// compactEvery is how often the content log is gone over; more often where the disk
	// is short and mail is refused.
	compactEvery, compactShort = time.Hour, 5 * time.Minute
	// compactRate bounds what is copied, in octets a second, so that accepting mail goes on
	// undisturbed.
	compactRate = 8 << 20
)

// An undertaker buries contents to which nobody refers.
type undertaker struct {
	blobs blob.Compacter
	rows  store.Blobs
}

// undertaker returns the node's. Its clock does not step: a content that waits for its
// commit may be marked as nobody's, and were the system's clock set a day ahead just then
// it would be buried before the commit, and after it the client is told 250. A mark of an earlier
// process is safe at any age, since nobody waits there any more.
func (a *App) undertaker() undertaker {
	return undertaker{a.blobs, a.store.Blobs(steady(a.now())).Sooner(a.hurried)}
}

// steady returns a clock that goes on from start, whatever becomes of the system's.
func steady(start time.Time) func() time.Time {
	begin := time.Now() // with a monotonic reading
	return func() time.Time { return start.Add(time.Since(begin)) }
}

// work goes over the content log once.
func (u undertaker) work(ctx context.Context) (blob.Report, error) {
	if _, err := u.rows.Mark(ctx); err != nil {
		return blob.Report{}, err
	}
	return u.blobs.Compact(ctx, u.rows, compactRate)
}

// compactContent gives disk space back, for as long as the node serves.
func (a *App) compactContent(ctx context.Context) error {
	u := a.undertaker()
	tick := time.NewTicker(compactShort)
	defer tick.Stop()
	short := false
	for last := (time.Time{}); ; {
		if time.Since(last) >= compactEvery || a.blobs.Full() != nil || a.yielder.short.Load() {
			last = time.Now()
			r, err := u.work(ctx)
			if ctx.Err() == nil {
				short = a.compacted(r, err, time.Since(last), short)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// compacted tells what was done. Where there was no room to do anything it is told once,
// since it may last; told says that it was, and it returns whether it is now.
func (a *App) compacted(r blob.Report, err error, took time.Duration, told bool) bool {
	short := errors.Is(err, blob.ErrFull)
	stuck := short && r.Freed == 0
	switch {
	case err != nil && !short:
		a.log.Error("content not compacted", "error", err)
	case stuck && !told:
		a.log.Warn("content not compacted: the disk has no room for a copy of what is kept", "error", err)
	}
	if r.Files > 0 || r.Unknown > 0 {
		a.log.Info("content compacted", "files", r.Files, "buried", r.Buried, "unknown", r.Unknown, "moved", r.Moved, "freed", r.Freed,
			"seconds", int(took.Seconds()))
	}
	return stuck
}

// contentGauges shows what the content log holds, and what compactions did.
func (a *App) contentGauges() {
	for _, g := range []struct {
		name, help string
		value      func(segment.Usage) float64
	}{
		{"content_segments", "Files of the content log, at the last compaction.", func(u segment.Usage) float64 { return float64(u.Segments) }},
		{"content_live_octets", "Content and its headers, at the last compaction.", func(u segment.Usage) float64 { return float64(u.Octets - u.Dead) }},
		{"content_dead_octets", "Of what nobody needs, what is still on disk, at the last compaction.", func(u segment.Usage) float64 { return float64(u.Dead) }},
		{"content_compacted_files", "Files that compactions rewrote or removed since the start.", func(u segment.Usage) float64 { return float64(u.Files) }},
		{"content_moved_octets", "What compactions copied since the start.", func(u segment.Usage) float64 { return float64(u.Moved) }},
		{"content_freed_octets", "What compactions gave back since the start.", func(u segment.Usage) float64 { return float64(u.Freed) }},
		{"content_buried", "Contents that compactions removed since the start.", func(u segment.Usage) float64 { return float64(u.Buried) }},
		{"content_orphans", "Contents found that no row knew, since the start.", func(u segment.Usage) float64 { return float64(u.Unknown) }},
	} {
		a.metrics.Gauge(g.name, g.help, func() float64 { return g.value(a.segments.Usage()) })
	}
}
