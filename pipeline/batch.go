package pipeline

import (
	"sync"
	"time"
)

// A batch is what a walk reads ahead at one time. Its calls are run one after the other in
// one goroutine, since most of them are answered from memory, and a goroutine with a timer
// costs more than such an answer does. A filter that is about to wait, as it shows by asking
// for its context's Done, hands the rest over to another goroutine; so does one that takes
// long without.
type batch struct {
	m     *memory
	calls []*call
	room  [8]*call // for usual batches

	mu    sync.Mutex
	next  int
	watch *time.Timer
}

// longAnswer is how long a filter may take before the rest of its batch goes on without it.
const longAnswer = 2 * time.Millisecond

// add puts a call in, before start.
func (b *batch) add(m *memory, c *call) {
	if b.calls == nil {
		b.calls = b.room[:0]
	}
	b.m, c.wait.batch = m, b
	b.calls = append(b.calls, c)
}

// start runs the calls, if there are any, beside the caller.
func (b *batch) start() {
	if b == nil || len(b.calls) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.m.wg.Go(b.run)
	if len(b.calls) > 1 {
		b.watch = time.AfterFunc(longAnswer, b.overdue)
	}
}

func (b *batch) run() {
	growStack()
	for c := b.take(); c != nil; c = b.take() {
		c.await()
	}
}

// growStack has a new goroutine's stack grow at once to what most filters need: later it would
// be moved again and again, with all that is on it.
//
//go:noinline
func growStack() byte {
	var room [12 << 10]byte
	return *second(&room)
}

//go:noinline
func second(room *[12 << 10]byte) *byte { return &room[1] }

// take returns the next call; nil: there is none.
func (b *batch) take() *call {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == len(b.calls) {
		return nil
	}
	c := b.calls[b.next]
	if b.next++; b.next == len(b.calls) && b.watch != nil {
		b.watch.Stop()
	}
	return c
}

// handOver has another goroutine go on with what nobody has begun. It is called by a call
// that is under way, so that the memory is open.
func (b *batch) handOver() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next < len(b.calls) {
		b.m.wg.Go(b.run)
	}
}

// overdue hands over for a filter that takes long. While calls are left somebody runs one
// of the batch, and the memory waits for that.
func (b *batch) overdue() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next < len(b.calls) {
		b.m.wg.Go(b.run)
		b.watch.Reset(longAnswer)
	}
}
