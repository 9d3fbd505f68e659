package pipeline

import (
	"context"
	"fmt"
	"time"
)

// A fact is something that several filters want to know of a transaction: an SPF
// result, the client's name. It is found out when first asked for.
type fact[T any] struct {
	done  latch
	value T
	err   error
}

// Fact returns what f says, calling it once for the transaction and key, however
// many ask. f runs for the transaction, within limit: in the place of a filter that asks
// for it, with the context that Check was given, which may so get its answer after the
// filter's own limit; or else beside the asker, who gets ctx's error where ctx ends first.
// What depends on the content must be asked under another key once the content is there.
func Fact[T any](ctx context.Context, tx *Transaction, key string, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	m := tx.mem
	m.mu.Lock()
	known, begun := m.facts[key].(*fact[T])
	if !begun {
		known = &fact[T]{}
		m.facts[key] = known
		l := &limited{parent: &m.own, cause: context.DeadlineExceeded, deadline: time.Now().Add(limit)}
		if ctx.Value(memoryKey{}) == m {
			m.mu.Unlock()
			l.waiting = beginning(func() { ctx.Done() }) // so does the filter
			known.find(l, key, f)
			return known.value, known.err
		}
		m.wg.Go(func() { known.find(l, key, f) })
	}
	m.mu.Unlock()
	if err := known.done.wait(ctx); err != nil {
		var none T
		return none, err
	}
	return known.value, known.err
}

// Known returns what Fact found out of the transaction under a key. It asks for nothing and
// waits for nothing: ok is false where nobody asked, the answer is not there yet, or there is none.
func Known[T any](tx *Transaction, key string) (value T, ok bool) {
	m := tx.mem
	m.mu.Lock()
	known, begun := m.facts[key].(*fact[T])
	m.mu.Unlock()
	if !begun || !known.done.isClosed() || known.err != nil {
		return value, false
	}
	return known.value, true
}

// find calls f; a panic is an error.
func (k *fact[T]) find(ctx *limited, key string, f func(context.Context) (T, error)) {
	defer ctx.stop()
	value, err := func() (value T, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("fact %s: panic: %v", key, p)
			}
		}()
		return f(ctx)
	}()
	k.done.mu.Lock()
	defer k.done.mu.Unlock()
	k.value, k.err = value, err
	k.done.close()
}
