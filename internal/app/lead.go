package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Times of the lease of common work, by which one of several nodes does it.
const (
	leaseName  = "common"
	leaseTime  = 40 * time.Second // after which another node takes over from one that died
	leaseRenew = 10 * time.Second
	leaseStops = 25 * time.Second // without having renewed it, which leaves the work time to end
)

// lead does the common work: always where this is the only node, and else while it has the lease.
func (a *App) lead(ctx context.Context) error {
	work := func(ctx context.Context) error { return runAll(ctx, a.common()) }
	if !sharesContent(a.config.Load()) {
		return work(ctx)
	}
	return leader{a.store, fmt.Sprintf("process %d", a.number), work, a.log}.run(ctx)
}

// A leader has work done while it holds the lease.
type leader struct {
	leases interface {
		Lease(ctx context.Context, name, holder string, length time.Duration) (bool, error)
		Unlease(ctx context.Context, name, holder string) error
	}
	holder string
	work   func(context.Context) error
	log    *slog.Logger
}

// run asks for the lease until ctx ends, or the work fails.
func (l leader) run(ctx context.Context) error {
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for ctx.Err() == nil { // a tick may have come while the work ended
		asked := time.Now() // from when on the lease counts, at the latest
		got, err := l.leases.Lease(ctx, leaseName, l.holder, leaseTime)
		if err != nil && ctx.Err() == nil {
			l.log.Error("work for all nodes: not known who does it", "error", err)
		}
		if got {
			if err := l.hold(ctx, asked, tick.C); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// hold works until the lease, which it has since asked, can't be renewed in time, or ctx ends; then it gives it back.
func (l leader) hold(ctx context.Context, asked time.Time, tick <-chan time.Time) error {
	l.log.Info("this node does the work for all nodes")
	work, stop := context.WithCancel(ctx)
	defer stop()
	// By itself, since asking for the lease may hang for as long as an update may take.
	late := time.AfterFunc(leaseStops-time.Since(asked), func() {
		l.log.Warn("this node does the work for all nodes no longer: it could not renew the lease in time")
		stop()
	})
	defer late.Stop()
	done := make(chan error, 1)
	go func() {
		done <- l.work(work)
		stop()
	}()
	for work.Err() == nil {
		select {
		case <-work.Done():
			continue
		case <-tick:
		}
		asked = time.Now()
		got, err := l.leases.Lease(work, leaseName, l.holder, leaseTime)
		switch {
		case got && work.Err() == nil:
			late.Reset(leaseStops - time.Since(asked))
		case work.Err() == nil && err == nil:
			l.log.Warn("this node does the work for all nodes no longer: another has the lease")
			stop()
		}
	}
	err := <-done
	if back := l.leases.Unlease(context.WithoutCancel(ctx), leaseName, l.holder); back != nil {
		l.log.Warn("work for all nodes: the lease ends by itself", "error", back)
	}
	return err
}
