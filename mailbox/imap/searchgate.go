package imap

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// A searchGate bounds how many batches of messages are looked through at once, by all sessions of a
// server: a search may be as long as its folder, and must not keep mail from being served. Each
// batch waits anew, so that a short search does not wait for a long one. The zero value works.
type searchGate struct {
	once   sync.Once
	places chan struct{}
	// wholes are the buffers of messages that are looked through in memory, *[]byte: a search looks through hundreds, one after
	// the other, and keeps nothing of them.
	wholes sync.Pool
}

// enter waits for a place.
func (g *searchGate) enter(ctx context.Context) (leave func(), err error) {
	g.once.Do(func() { g.places = make(chan struct{}, runtime.GOMAXPROCS(0)) })
	select {
	case g.places <- struct{}{}:
		return func() { <-g.places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fewest is how many messages of a batch are worth a goroutine more.
const fewest = 8

// share calls f for all numbers below n, some at once where places are free: of one who is in
// already. A panic of f is the caller's.
func (g *searchGate) share(n int, f func(k int)) {
	var next atomic.Int64
	work := func() {
		for k := next.Add(1) - 1; k < int64(n); k = next.Add(1) - 1 {
			f(int(k))
		}
	}
	var wg sync.WaitGroup
	var failed atomic.Pointer[any]
	for range n/fewest - 1 {
		leave, ok := g.try()
		if !ok {
			break
		}
		wg.Go(func() {
			defer leave()
			defer func() {
				if p := recover(); p != nil {
					failed.Store(&p)
				}
			}()
			work()
		})
	}
	func() {
		defer wg.Wait() // f is not to run when the caller has gone
		work()
	}()
	if p := failed.Load(); p != nil {
		panic(*p)
	}
}

// try takes a place if one is free.
func (g *searchGate) try() (leave func(), ok bool) {
	select {
	case g.places <- struct{}{}:
		return func() { <-g.places }, true
	default:
		return nil, false
	}
}
