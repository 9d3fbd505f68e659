package journal

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxNotes bounds what waits; above calm only one note in sample is taken.
	maxNotes = 2048
	calm     = maxNotes / 2
	sample   = 16
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

	closing sync.RWMutex // held for writing once, by close
	closed  bool

	dropped  atomic.Uint64 // since the start
	surplus  atomic.Uint64 // came while the queue was over calm
	reported uint64        // of dropped, those that a record tells of; run's
}

func newNotes(flush func(context.Context, []*Record) error, logger *slog.Logger) *notes {
	n := &notes{
		flush: flush, logger: logger, waiting: make(chan *Record, maxNotes), asked: make(chan chan struct{}),
		quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	go n.run()
	return n
}

// add takes r, or counts it.
func (n *notes) add(r *Record) {
	n.closing.RLock()
	defer n.closing.RUnlock()
	if n.closed || len(n.waiting) >= calm && n.surplus.Add(1)%sample != 0 {
		n.dropped.Add(1)
		return
	}
	select {
	case n.waiting <- r:
	default:
		n.dropped.Add(1)
	}
}

// close flushes what waits and ends run.
func (n *notes) close() {
	n.closing.Lock()
	n.closed = true
	n.closing.Unlock()
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
