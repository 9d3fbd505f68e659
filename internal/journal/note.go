package journal

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/mail"
)

const (
	// maxNotes bounds what waits. Above calm a network of which more than fair wait is
	// flooding: only one note in sample is taken of it, and none above crowded, so that the
	// rest of the room is for others.
	maxNotes = 2048
	calm     = maxNotes / 2
	crowded  = maxNotes * 3 / 4
	fair     = 16
	sample   = 16
	// tellEvery is how often the log tells of what was dropped, at most.
	tellEvery = time.Minute
	// groupNotes is how many notes share a block and a commit, and gatherFor how
	// long the first waits for others.
	groupNotes = 256
	gatherFor  = 100 * time.Millisecond
	// flushTimeout bounds one group's way to the disk.
	flushTimeout = 30 * time.Second
)

// notes is the bounded queue of refused transactions.
type notes struct {
	flush   func(context.Context, []*Record) error
	logger  *slog.Logger
	waiting chan *Record
	asked   chan chan struct{} // each is closed once what waits is written
	quit    chan struct{}
	stopped chan struct{}

	mu      sync.Mutex
	closed  bool
	from    map[netip.Prefix]int // of what waits, by the client's network; none is 0
	surplus uint64               // came from networks that flood
	untold  uint64               // of dropped, those for want of room that the log has not told

	dropped  atomic.Uint64 // since the start
	reported uint64        // of dropped, those that a record tells of; run's
	told     time.Time     // when the log told of a flood; run's
}

func newNotes(flush func(context.Context, []*Record) error, logger *slog.Logger) *notes {
	n := &notes{
		flush: flush, logger: logger, waiting: make(chan *Record, maxNotes), asked: make(chan chan struct{}), from: map[netip.Prefix]int{},
		quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	go n.run()
	return n
}

// add takes r, or counts it.
func (n *notes) add(r *Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		n.dropped.Add(1)
		return
	}
	network := networkOf(r)
	if !n.room(network) {
		n.dropped.Add(1)
		n.untold++
		return
	}
	n.from[network]++
	n.waiting <- r // never waits: nobody else sends
}

// room reports whether a note of the network may wait. What one party sends in a flood
// must not cost others their evidence.
func (n *notes) room(network netip.Prefix) bool {
	waiting := len(n.waiting)
	if waiting < calm || n.from[network] < fair {
		return waiting < maxNotes
	}
	n.surplus++
	return waiting < crowded && n.surplus%sample == 0
}

// networkOf is the network of a record's client: an IPv4 /24 or IPv6 /64. All that have
// no address share one.
func networkOf(r *Record) netip.Prefix {
	a, _ := netip.ParseAddr(r.Client)
	bits := 64
	if a = mail.Unmap(a); a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits)
	return p
}

// leave takes a group out of the account of what waits. It returns how many notes were
// dropped that the log is to tell of now, and the network of which most wait.
func (n *notes) leave(group []*Record) (dropped uint64, most netip.Prefix) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.untold > 0 && time.Since(n.told) >= tellEvery {
		dropped, n.untold, n.told = n.untold, 0, time.Now()
		for network, waiting := range n.from {
			if waiting > n.from[most] {
				most = network
			}
		}
	}
	for _, r := range group {
		network := networkOf(r)
		if n.from[network]--; n.from[network] == 0 {
			delete(n.from, network)
		}
	}
	return dropped, most
}

// close flushes what waits and ends run.
func (n *notes) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	close(n.quit)
	<-n.stopped
}

func (n *notes) run() {
	defer close(n.stopped)
	for {
		select {
		case r := <-n.waiting:
			n.write(n.gather(r))
		case written := <-n.asked:
			n.drain()
			close(written)
		case <-n.quit:
			n.drain()
			return
		}
	}
}

// drain writes what waits, without waiting for more.
func (n *notes) drain() {
	for len(n.waiting) > 0 {
		group := []*Record{<-n.waiting}
		for len(group) < groupNotes && len(n.waiting) > 0 {
			group = append(group, <-n.waiting)
		}
		n.write(group)
	}
}

// await returns once what waits is written, or run has ended.
func (n *notes) await(ctx context.Context) error {
	written := make(chan struct{})
	select {
	case n.asked <- written:
	case <-n.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("journal: flush: %w", ctx.Err())
	}
	select {
	case <-written:
	case <-n.stopped:
	case <-ctx.Done():
		return fmt.Errorf("journal: flush: %w", ctx.Err())
	}
	return nil
}

// gather waits a moment for others, so that a trickle does not cost a sync each.
func (n *notes) gather(first *Record) []*Record {
	group := []*Record{first}
	moment := time.NewTimer(gatherFor)
	defer moment.Stop()
	for len(group) < groupNotes {
		select {
		case r := <-n.waiting:
			group = append(group, r)
		case <-moment.C:
			return group
		case <-n.quit: // nothing more comes
			return group
		}
	}
	return group
}

// write flushes a group. What can't be written is counted: the next record
// tells of it.
func (n *notes) write(group []*Record) {
	if surplus, most := n.leave(group); surplus > 0 {
		n.logger.Warn("journal: a flood, not all refused transactions are recorded", "dropped", surplus, "most_from", most.String())
	}
	dropped := n.dropped.Load()
	group[0].Skipped = dropped - n.reported
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := n.flush(ctx, group); err != nil {
		n.dropped.Add(uint64(len(group)))
		n.logger.Error("journal: refused transactions are not recorded", "transactions", len(group), "error", err)
		return
	}
	n.reported = dropped
}
