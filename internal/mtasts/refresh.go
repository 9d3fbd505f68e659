package mtasts

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// refreshes is how many policies are fetched anew at once.
const refreshes = 8

// Run fetches policies anew, daily and so before they end, until ctx ends. Those of
// domains that nobody wrote to for a month are left to end.
func (c *Cache) Run(ctx context.Context) error {
	timer := time.NewTimer(lookTime)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		c.refresh(ctx)
		timer.Reset(lookTime)
	}
}

// refresh goes through the policies once, a few at a time: servers that are gone must
// not hold up the rest.
func (c *Cache) refresh(ctx context.Context) {
	var fetches errgroup.Group
	fetches.SetLimit(refreshes)
	for _, k := range c.stale() {
		if ctx.Err() != nil {
			break
		}
		fetches.Go(func() error { c.renew(ctx, k); return nil })
	}
	_ = fetches.Wait() // none fails
}

// renew fetches a policy anew, or drops it where it has ended.
func (c *Cache) renew(ctx context.Context, k Kept) {
	now, ok := c.c.Old(ctx)
	if ok && !now.Before(k.Expires()) {
		c.drop(ctx, k)
		return
	}
	if _, ok := c.fetchedLately(k.Domain); ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	id := k.ID
	texts, err := c.c.Resolver.LookupTXT(ctx, "_mta-sts."+k.Domain)
	if fresh, ok := ParseRecord(texts); err == nil && ok {
		id = fresh
	}
	if _, err := c.bring(ctx, k.Domain, id); err != nil {
		c.c.Log.Warn("mtasts: policy not fetched anew; the one kept holds", "domain", k.Domain, "until", k.Expires(), "error", err)
	}
}

// stale returns the policies that have ended, and those in use that are a day old, or
// half as old as they may be.
func (c *Cache) stale() (list []Kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.c.Now()
	for _, e := range c.kept {
		age := now.Sub(e.Fetched)
		if age < 0 || age >= e.Policy.MaxAge || age >= min(freshTime, e.Policy.MaxAge/2) && now.Sub(e.used) < usedTime {
			list = append(list, e.Kept)
		}
	}
	return list
}

// drop removes a policy, but not one that was fetched for the same domain since.
func (c *Cache) drop(ctx context.Context, k Kept) {
	c.mu.Lock()
	if e, known := c.kept[k.Domain]; known && e.Fetched.Equal(k.Fetched) {
		delete(c.kept, k.Domain)
	}
	c.mu.Unlock()
	if err := c.c.Rows.DropPolicy(ctx, k.Domain, k.Fetched); err != nil {
		c.c.Log.Error("mtasts: policy not removed", "domain", k.Domain, "error", err)
	}
}
