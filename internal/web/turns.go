package web

import (
	"context"
	"fmt"
	"sync"
)

// turns lets those who do something to one thing do it one after the other, or so many
// at once. Its zero value is ready.
type turns struct {
	room int // who do it at once; 0: one

	mu   sync.Mutex
	busy map[string]*turn // only while somebody holds it or waits for it
}

type turn struct {
	holders int
	free    chan struct{} // has room for those who are in
}

// take waits for the turn with a thing until ctx ends. done ends it.
func (t *turns) take(ctx context.Context, thing string) (done func(), err error) {
	t.mu.Lock()
	if t.busy == nil {
		t.busy = map[string]*turn{}
	}
	one := t.busy[thing]
	if one == nil {
		one = &turn{free: make(chan struct{}, max(t.room, 1))}
		t.busy[thing] = one
	}
	one.holders++
	t.mu.Unlock()
	select {
	case one.free <- struct{}{}:
		return func() { <-one.free; t.leave(thing, one) }, nil
	case <-ctx.Done():
		t.leave(thing, one)
		return nil, fmt.Errorf("web: waiting for a turn: %w", ctx.Err())
	}
}

func (t *turns) leave(thing string, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.holders--; one.holders == 0 {
		delete(t.busy, thing)
	}
}
