package pipeline

import (
	"context"
	"fmt"
	"time"
)

// A fact is something that several filters want to know of a transaction: an SPF
// result, the client's name. It is found out when first asked for.
type fact[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// Fact returns what f says, calling it once for the transaction and key, however
// many ask. f runs for the transaction, within limit; an asker whose own ctx ends
// first gets ctx's error while f goes on for the others. What depends on the
// content must be asked under another key once the content is there.
func Fact[T any](ctx context.Context, tx *Transaction, key string, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	m := tx.mem
	m.mu.Lock()
	known, begun := m.facts[key].(*fact[T])
	if !begun {
		known = &fact[T]{done: make(chan struct{})}
		m.facts[key] = known
		m.wg.Go(func() {
			defer close(known.done)
			defer func() {
				if p := recover(); p != nil {
					known.err = fmt.Errorf("fact %s: panic: %v", key, p)
				}
			}()
			ctx, cancel := context.WithTimeout(m.ctx, limit)
			defer cancel()
			known.value, known.err = f(ctx)
		})
	}
	m.mu.Unlock()
	select {
	case <-known.done:
		return known.value, known.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
