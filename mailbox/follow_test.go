package mailbox

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// annals is a Historian.
type annals struct {
	mu     sync.Mutex
	latest map[int64]ModSeq
	err    error
	asked  int
}

func (a *annals) Latest(_ context.Context, boxes []int64) (map[int64]ModSeq, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	told := map[int64]ModSeq{}
	for _, box := range boxes {
		told[box] = a.latest[box]
	}
	return told, a.err
}

// now is what it tells from now on.
func (a *annals) now(box int64, seq ModSeq, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.latest[box], a.err = seq, err
}

// Who watches hears of another node's changes with the next question, and only of its own box.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var c Changes
		a := &annals{latest: map[int64]ModSeq{1: 5, 2: 7}}
		failures, done := 0, make(chan struct{})
		go func() { defer close(done); c.Follow(ctx, time.Second, a, func(error) { failures++ }) }()
		defer func() { cancel(); <-done }()
		next := func() { bubble.Sleep(time.Second) }
		next()
		if a.asked != 0 {
			t.Error("asked for nobody")
		}
		one, stop := c.Watch(1)
		defer stop()
		two, stop2 := c.Watch(2)
		hints := func() (s string) {
			for name, ch := range map[string]<-chan struct{}{"1": one, "2": two} {
				select {
				case <-ch:
					s += name
				default:
				}
			}
			return s
		}
		next()
		if got := hints(); len(got) != 2 {
			t.Errorf("at first: %q", got) // what was missed before nobody knows
		}
		next()
		a.now(2, 8, nil)
		next()
		if got := hints(); got != "2" {
			t.Errorf("box 2 changed: %q", got)
		}
		a.now(1, 6, errors.New("away"))
		next()
		a.now(1, 6, nil)
		next()
		if got := hints(); got != "1" || failures != 1 {
			t.Errorf("after a failure: %q, %d failures", got, failures)
		}
		stop2()
		a.now(2, 9, nil)
		next()
		if got := hints(); got != "" {
			t.Errorf("watched no more: %q", got)
		}
	})
}
