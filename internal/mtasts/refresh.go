package mtasts

import (
	"context"
	"time"
)

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

// refresh goes through the policies once, one after the other.
func (c *Cache) refresh(ctx context.Context) {
	for _, k := range c.stale() {
		if ctx.Err() != nil {
			return
		}
		if now := c.c.Now(); !now.Before(k.Expires()) {
			c.drop(ctx, k.Domain)
			continue
		}
		limited, cancel := context.WithTimeout(ctx, fetchTime)
		id := k.ID
		texts, err := c.c.Resolver.LookupTXT(limited, "_mta-sts."+k.Domain)
		if fresh, ok := ParseRecord(texts); err == nil && ok {
			id = fresh
		}
		if _, err := c.bring(limited, k.Domain, id); err != nil {
			c.c.Log.Warn("mtasts: policy not fetched anew; the one kept holds", "domain", k.Domain, "until", k.Expires(), "error", err)
		}
		cancel()
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
		if age >= e.Policy.MaxAge || age >= min(freshTime, e.Policy.MaxAge/2) && now.Sub(e.used) < usedTime {
			list = append(list, e.Kept)
		}
	}
	return list
}

func (c *Cache) drop(ctx context.Context, domain string) {
	c.mu.Lock()
	delete(c.kept, domain)
	c.mu.Unlock()
	if err := c.c.Rows.DropPolicy(ctx, domain); err != nil {
		c.c.Log.Error("mtasts: policy not removed", "domain", domain, "error", err)
	}
}
