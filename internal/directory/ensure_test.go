package directory

import (
	"testing"
	"time"
)

func TestEnsureEntry(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	const day = 24 * time.Hour
	ensure := func(what string, lasts time.Duration) Entry {
		t.Helper()
		e := Entry{List: Allow, Value: "Ann@x.example", Scope: Scope{DomainScope, "example.net"}, Origin: "challenge"}
		if lasts > 0 {
			e.Expires = f.clock.now().Add(lasts)
		}
		got, err := f.EnsureEntry(ctx, e)
		wantErr(t, what, err, nil)
		return got
	}
	found := func() bool {
		_, ok := f.Snapshot().FindSender("ann@x.example", "ann@example.net")
		return ok
	}
	first := ensure("new", 10*day)
	if !found() || first.ID == 0 || first.Origin != "challenge" {
		t.Errorf("new: got %+v", first)
	}
	if again := ensure("shorter", day); again.ID != first.ID || !again.Expires.Equal(first.Expires) {
		t.Errorf("shorter: got %+v, want it as it was", again)
	}
	f.clock.add(11 * day)
	if found() {
		t.Error("expired, and found")
	}
	if again := ensure("expired", 5*day); again.ID != first.ID || !again.Expires.Equal(f.clock.now().Add(5*day)) || !found() {
		t.Errorf("expired: got %+v", again)
	}
	if again := ensure("for good", 0); again.ID != first.ID || !again.Expires.IsZero() {
		t.Errorf("for good: got %+v", again)
	}
	f.clock.add(100 * day)
	if again := ensure("there for good", day); again.ID != first.ID || !again.Expires.IsZero() || !found() {
		t.Errorf("there for good: got %+v", again)
	}
	_, err := f.EnsureEntry(ctx, Entry{List: Allow, Value: "x.example", Scope: Scope{DomainScope, "elsewhere.example"}})
	wantErr(t, "no such scope", err, ErrNoDomain)
	_, err = f.EnsureEntry(ctx, Entry{List: "grey", Value: "x.example"})
	wantErr(t, "no such list", err, ErrInvalid)
}
