package traffic

import (
	"context"
	"sync/atomic"
	"time"
)

// A Pit lets clients wait, some of them at a time. The zero Pit is ready.
type Pit struct{ inside atomic.Int64 }

// Wait returns after d, or when ctx ends; at once where so many wait already. It reports
// whether it has waited to the end.
func (p *Pit) Wait(ctx context.Context, d time.Duration, most int) bool {
	defer p.inside.Add(-1)
	if p.inside.Add(1) > int64(most) {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
