package app

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The heap grows by heapRoom beyond what lives in it before it is collected, by 30 % where that is
// more, and never by more than 200 %: at Go's own 100 % a small node would collect
// after every hundred messages, and at a fixed percentage that spares it that, ten thousand
// connections would take the memory of thirty thousand.
const (
	heapRoom    = 40 << 20
	mostPercent = 200
	bigPercent  = 30
)

// gcPercent is how far the heap may grow beyond the live octets in it (debug.SetGCPercent).
func gcPercent(live uint64) int {
	return max(bigPercent, min(mostPercent, int(heapRoom*100/max(live, 1))))
}

// boundHeap keeps to that as what lives changes, unless GOGC in the environment says otherwise.
func boundHeap(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := mostPercent
	debug.SetGCPercent(set)
	for look := time.NewTicker(time.Second); ; {
		select {
		case <-ctx.Done():
			look.Stop()
			return nil
		case <-look.C:
		}
		metrics.Read(sample)
		// Each change stops everything for a moment.
		if p := gcPercent(sample[0].Value.Uint64()); p > set+set/8 || p < set-set/8 {
			set = p
			debug.SetGCPercent(set)
		}
	}
}
