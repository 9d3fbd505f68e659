package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatepost/internal/access"
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

// A clock that jumps and is put right has nobody logged out, whoever came meanwhile, and ends no link.
func TestClockJumpKeepsAccess(t *testing.T) {
	a := peopled(t)
	secret := a.enter(t, "ann@test.example")
	ann, _, err := a.desk.Recognise(t.Context(), secret, somewhere)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	link := access.Link{ID: "an id", Box: ann.Box, Kind: access.LinkReset, Created: now, Expires: now.Add(time.Hour)}
	if err := a.store.Accounts().PutLink(t.Context(), link, 0, now, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok := a.clock.Now(t.Context()); !ok {
		t.Fatal("the clock is not believed at first")
	}
	a.now = func() time.Time { return time.Now().AddDate(1, 0, 0) }
	a.expireAccess(t.Context())
	if _, _, err := a.desk.Recognise(t.Context(), secret, somewhere); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("a year ahead: %v", err)
	}
	a.now = time.Now
	if _, _, err := a.desk.Recognise(t.Context(), secret, somewhere); err != nil {
		t.Errorf("put right: %v", err)
	}
	if _, err := a.store.Accounts().Link(t.Context(), link.ID, now); err != nil {
		t.Errorf("the link: %v", err)
	}
}
