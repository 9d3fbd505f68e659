package segment

import (
	"context"
	"time"
)

// A pace keeps work at rate octets a second, or lets it run where rate is 0. It never
// counts the time that the work itself takes, so the work is slower than that.
type pace struct {
	rate int64
	wait func(context.Context, time.Duration) error
	owed time.Duration
}

// minWait keeps a pace from waiting for less than a timer can tell.
const minWait = 10 * time.Millisecond

// spend waits for as long as n octets should take.
func (p *pace) spend(ctx context.Context, n int64) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	p.owed += time.Duration(float64(n) / float64(p.rate) * float64(time.Second))
	if p.owed < minWait {
		return ctx.Err()
	}
	owed := p.owed
	p.owed = 0
	return p.wait(ctx, owed)
}

// wait returns after d, or with ctx's error.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
