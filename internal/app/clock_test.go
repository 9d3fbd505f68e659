package app

import (
	"context"
	"testing"
	"time"

	"gatepost/internal/clock"
	"gatepost/quarantine"
)

// A clock that jumps ends no holds, not after a restart either.
func TestClockJumpEndsNothing(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", plainMail, nil)
	if _, ok := n.clock.Now(t.Context()); !ok {
		t.Fatal("the clock is not believed at first")
	}
	n.now = func() time.Time { return time.Now().AddDate(0, 2, 0) }
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // the first turn is at once
	defer cancel()
	n.quarantine.Run(ctx)
	if got := n.state(h.ID); got != quarantine.StateHeld {
		t.Errorf("the message is %s", got)
	}
	again := clock.New(clock.Config{Marks: n.store.Clock(), Now: n.now})
	if _, ok := again.Now(t.Context()); ok {
		t.Error("the clock is believed by the next process")
	}
}
