package daily

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
)

// Periods are the days of domains that are to be reported. The store implements it.
type Periods interface {
	// Claim returns up to n periods whose reports are due at now, and has them due at until: nobody
	// else gets them before.
	Claim(ctx context.Context, now, until time.Time, n int) ([]Claimed, error)
	// Delay has a period due at until, and not before.
	Delay(ctx context.Context, p Period, until time.Time) error
	// Drop removes a period with its counts.
	Drop(ctx context.Context, p Period) error
}

// A Claimed period is one whose report is to be sent now.
type Claimed struct {
	Period
	Since time.Time // when it was due; after its first time where it was claimed before
}

// A Reporter has reports sent when they are due.
type Reporter struct {
	Name     string // of what is reported, for the log
	Periods  Periods
	Send     func(context.Context, Period) error // an error means that it is to be tried again; nil that it was sent, or that nobody wants it
	Due      func(Period) time.Time              // when it was due first
	Parallel int                                 // periods at a time
	Log      *slog.Logger
	Now      func() time.Time
	// Old is Now, and whether it can be believed; nil: it always can. By a clock that leapt ahead days would be
	// reported before they are over, or given up: while it is not believed nothing is.
	Old func(context.Context) (time.Time, bool)
}

// Times and bounds of reporting.
const (
	ClaimTime = time.Hour       // for claimed periods, also until one that failed is tried again
	TryTime   = 24 * time.Hour  // after which a report is given up (RFC 8460 §5.5)
	firstTime = 5 * time.Second // after a start: there may be what came due while the node was down
	lookTime  = 5 * time.Minute
	claimed   = 32 // periods at once: they are sent before the claim ends
	dropTime  = 5 * time.Second
)

// Run sends reports when they are due, until ctx ends.
func (r *Reporter) Run(ctx context.Context) error {
	timer := time.NewTimer(firstTime)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := r.Report(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error(r.Name+": reports not sent", "error", err)
		}
		timer.Reset(lookTime)
	}
}

// Report sends the reports that are due now.
func (r *Reporter) Report(ctx context.Context) error {
	for ctx.Err() == nil {
		now, ok := r.old(ctx)
		if !ok {
			return nil
		}
		list, err := r.Periods.Claim(ctx, now, now.Add(ClaimTime), claimed)
		if err != nil || len(list) == 0 {
			return err
		}
		var periods errgroup.Group
		periods.SetLimit(max(r.Parallel, 1))
		for _, p := range list {
			periods.Go(func() error { r.try(ctx, p); return nil })
		}
		_ = periods.Wait() // none fails
	}
	return nil
}

// try reports one domain's day, or has it due again: after an hour, and then after as long
// as it was tried already, so that the intervals double (RFC 8460 §5.5). What comes late since the node was down, or its clock not
// believed, is tried once however late it is.
func (r *Reporter) try(ctx context.Context, c Claimed) {
	p := c.Period
	if ctx.Err() != nil {
		return // due again in an hour
	}
	now, ok := r.old(ctx)
	if !ok {
		return // it leapt since; due again in an hour
	}
	tried := now.Sub(r.Due(p))
	if tried > TryTime && c.Since.After(r.Due(p)) {
		r.Log.Warn(r.Name+": report given up", "domain", p.Domain, "day", string(p.Day), "tried", tried.Round(time.Minute))
	} else {
		switch err := r.Send(ctx, p); {
		case err != nil && ctx.Err() != nil:
			return
		case err != nil:
			r.Log.Warn(r.Name+": report not sent", "domain", p.Domain, "day", string(p.Day), "error", err)
			if err := r.Periods.Delay(ctx, p, now.Add(min(max(ClaimTime, tried), TryTime))); err != nil {
				r.Log.Error(r.Name+": report not put off; due again in an hour", "domain", p.Domain, "day", string(p.Day), "error", err)
			}
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTime) // what was sent is not to be sent again after a restart
	defer cancel()
	if err := r.Periods.Drop(ctx, p); err != nil {
		r.Log.Error(r.Name+": counts not removed", "domain", p.Domain, "day", string(p.Day), "error", err)
	}
}

func (r *Reporter) old(ctx context.Context) (now time.Time, ok bool) {
	if r.Old == nil {
		return r.Now(), true
	}
	return r.Old(ctx)
}

// flushTime is how often counts become rows; storeTime is how long that may take.
const (
	flushTime = time.Minute
	storeTime = 10 * time.Second
)

// KeepFlushing has counts become rows each minute, until ctx ends and once more then, and returns what that last time failed of.
func KeepFlushing(ctx context.Context, name string, log *slog.Logger, flush func(context.Context) error) error {
	timer := time.NewTicker(flushTime)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
			defer cancel()
			return flush(last)
		case <-timer.C:
			limited, cancel := context.WithTimeout(ctx, storeTime)
			if err := flush(limited); err != nil {
				log.Error(name+": counts not stored; tried again in a minute", "error", err)
			}
			cancel()
		}
	}
}
