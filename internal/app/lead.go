package app

import (
	"context"
	"fmt"
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
	if !sharesContent(a.config.Load()) {
		return runAll(ctx, a.common())
	}
	holder := fmt.Sprintf("process %d", a.number)
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for {
		got, err := a.store.Lease(ctx, leaseName, holder, leaseTime)
		if err != nil && ctx.Err() == nil {
			a.log.Error("work for all nodes: not known who does it", "error", err)
		}
		if got {
			if err := a.leadWhileHeld(ctx, holder, tick.C); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// leadWhileHeld works until the lease can't be renewed, or ctx ends; then it gives the lease back.
func (a *App) leadWhileHeld(ctx context.Context, holder string, tick <-chan time.Time) error {
	a.log.Info("this node does the work for all nodes")
	work, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- runAll(work, a.common()) }()
	renewed := time.Now()
	for work.Err() == nil {
		select {
		case err := <-done: // a service failed, or ctx has ended
			done <- err
			stop()
		case <-tick:
			got, err := a.store.Lease(ctx, leaseName, holder, leaseTime)
			switch {
			case got:
				renewed = time.Now()
			case err == nil || time.Since(renewed) > leaseStops:
				a.log.Warn("another node does the work for all nodes now", "error", err)
				stop()
			}
		case <-work.Done():
		}
	}
	stop()
	err := <-done
	if back := a.store.Unlease(context.WithoutCancel(ctx), leaseName, holder); back != nil {
		a.log.Warn("work for all nodes: the lease ends by itself", "error", back)
	}
	return err
}
