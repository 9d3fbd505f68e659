package imap

import (
	"context"
	"errors"
	"runtime"
	"sync"
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

// A batch is shared among the places that are free, each message once, and leaves none taken.
func TestSearchShare(t *testing.T) {
	var g searchGate
	leave, err := g.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := map[int]int{}
	both := make(chan bool, 2) // two at once, where there are two processors
	g.share(32, func(k int) {
		mu.Lock()
		seen[k]++
		mu.Unlock()
		if runtime.GOMAXPROCS(0) > 1 && k < 2 {
			both <- true
			for len(both) < 2 {
				runtime.Gosched()
			}
		}
	})
	for k := range 32 {
		if seen[k] != 1 {
			t.Errorf("%d was looked at %d times", k, seen[k])
		}
	}
	leave()
	if n := len(g.places); n != 0 {
		t.Errorf("%d places are taken still", n)
	}
}

// What is wrong with one message ends the session that asks, and no more.
func TestSearchSharePanics(t *testing.T) {
	var g searchGate
	if _, err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []int{0, 31} {
		func() {
			defer func() {
				if p := recover(); p != "bad message" {
					t.Errorf("message %d: recovered %v", bad, p)
				}
			}()
			g.share(32, func(k int) {
				if k == bad {
					panic("bad message")
				}
			})
		}()
	}
	if n := len(g.places); n != 1 {
		t.Errorf("%d places are taken", n)
	}
}
