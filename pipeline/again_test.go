package pipeline

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What was begun before its stage and has to be asked again may wait then as before: it is not asked by the walk itself,
// which goes away when its client does.
func TestAskedAgainBesideTheWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, begun, on := goroutine(), make(chan struct{}), make(chan struct{})
		var mu sync.Mutex
		var beside []bool
		f := probe(func(_ context.Context, q Query) (Finding, error) {
			mu.Lock()
			beside = append(beside, goroutine() != own)
			first := len(beside) == 1
			mu.Unlock()
			if !first {
				return Finding{Result: "no"}, nil
			}
			close(begun)
			<-on
			return Finding{Wait: true}, nil
		})
		p := &Policy{Entries: []*Entry{entryOf("again", PerMessage, true, f, nil)}}
		tx := atRcpt(t)
		defer tx.Close()
		early := NewWalk(p, "a@x.example", true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := make(chan error)
		go func() { done <- early.Advance(ctx, tx) }()
		<-begun
		later := tx.WithData(nil, nil)
		go func() { time.Sleep(time.Millisecond); close(on) }()
		w := NewWalk(p, "a@x.example", true)
		if err := w.Advance(t.Context(), later); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(beside) != 2 || !beside[1] {
			t.Errorf("asked beside the walk: %v", beside)
		}
	})
}
