package imap

import (
	"context"
	"errors"
	"runtime"
	"testing"
)

// As many search at once as there are processors; who waits goes when its session ends.
func TestSearchGate(t *testing.T) {
	var g searchGate
	var leave []func()
	for range runtime.GOMAXPROCS(0) {
		f, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("one more: %v", err)
	}
	leave[0]()
	if _, err := g.enter(t.Context()); err != nil {
		t.Error(err)
	}
}
