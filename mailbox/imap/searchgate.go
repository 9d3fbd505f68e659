package imap

import (
	"context"
	"runtime"
	"sync"
)

// A searchGate bounds how many batches of messages are looked through at once, by all sessions of a
// server: a search may be as long as its folder, and must not keep mail from being served. Each
// batch waits anew, so that a short search does not wait for a long one. The zero value works.
type searchGate struct {
	once   sync.Once
	places chan struct{}
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
