package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A node that is at rest gives memory back to the system. The heap may grow to three times of what
// is in use before it is collected, and each argon2id takes 19 MiB at once; Go gives back what is
// above that goal alone, so that after a morning's log-ins a node that only waits would keep
// several times of what it needs. While there is work this costs nothing but a look.
const (
	restTick  = 2 * time.Second
	restPause = 5                // ticks between two collections at least
	restQuiet = 4 << 20          // octets allocated in a tick, below which a node is at rest
	restWorth = uint64(32 << 20) // octets that are worth a collection
)

// A memoryUse is what the runtime says of the heap, in octets.
type memoryUse struct {
	allocated uint64 // ever
	spare     uint64 // free or garbage, and not given back
}

// A rest knows what was seen at the last tick.
type rest struct {
	last  memoryUse
	pause int
}

// due reports whether memory is to be given back now.
func (r *rest) due(now memoryUse) bool {
	quiet := r.last.allocated > 0 && now.allocated-r.last.allocated < restQuiet
	r.last = now
	if r.pause > 0 {
		r.pause--
		return false
	}
	if !quiet || now.spare < restWorth {
		return false
	}
	r.pause = restPause
	return true
}

// giveBack gives memory back while the node is at rest, until ctx ends.
func (a *App) giveBack(ctx context.Context) error {
	tick := time.NewTicker(restTick)
	defer tick.Stop()
	var r rest
	for {
		select {
		case <-tick.C:
			if r.due(readMemory()) {
				debug.FreeOSMemory()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// readMemory asks the runtime, which stops nothing for that.
func readMemory() memoryUse {
	s := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(s)
	n := func(i int) uint64 {
		if s[i].Value.Kind() != metrics.KindUint64 { // of another Go
			return 0
		}
		return s[i].Value.Uint64()
	}
	return memoryUse{allocated: n(0), spare: n(1) + max(n(2), n(3)) - n(3)}
}
