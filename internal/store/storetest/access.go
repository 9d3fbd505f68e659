package storetest

import (
	"errors"
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/access"
)

// Access tests that what open returns keeps sessions and second factors. Each call
// of open is a new, empty store in which the mailbox 1 and the admin 2 are, and no others.
func Access(t *testing.T, open func(*testing.T) access.Rows) {
	for name, test := range map[string]func(*testing.T, access.Rows){
		"a session comes back as it was":    sessionRoundTrip,
		"sessions end":                      sessionEnd,
		"a person has so many sessions":     sessionMost,
		"support access is given":           supportGiven,
		"support access is used once":       supportOnce,
		"a factor counts when confirmed":    factorConfirm,
		"a step and a code are used once":   factorOnce,
		"what belonged to nobody is erased": factorGone,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var (
	accessTime = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
	ann        = access.ID{Kind: access.KindMailbox, Number: 1}
	olga       = access.ID{Kind: access.KindAdmin, Number: 2}
	byAnn      = access.End{By: "ann", At: accessTime}
)

// sessionOf is one that was begun and seen n minutes after accessTime.
func sessionOf(who access.ID, id string, n int) access.Session {
	at := accessTime.Add(time.Duration(n) * time.Minute)
	return access.Session{
		ID: id, Who: who, Mark: "mark", Created: at, Seen: at, Expires: at.Add(24 * time.Hour), Stays: who == ann,
		Client: netip.MustParseAddr("2001:db8::1"), Agent: "Browser/1 (Ärger)",
	}
}

func putSessions(t *testing.T, rows access.Rows, all ...access.Session) {
	t.Helper()
	for _, s := range all {
		if err := rows.PutSession(t.Context(), s, 5); err != nil {
			t.Fatal(err)
		}
	}
}

// sessionIDs are those of a person, in order.
func sessionIDs(t *testing.T, rows access.Rows, who access.ID) (ids []string) {
	t.Helper()
	all, err := rows.Sessions(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

func wantSessions(t *testing.T, rows access.Rows, who access.ID, want ...string) {
	t.Helper()
	if got := sessionIDs(t, rows, who); !reflect.DeepEqual(got, want) {
		t.Errorf("sessions of %v: got %q, want %q", who, got, want)
	}
}

func sessionRoundTrip(t *testing.T, rows access.Rows) {
	full, bare := sessionOf(ann, "full", 1), access.Session{ID: "bare", Who: olga, Waiting: true, Created: accessTime, Seen: accessTime, Expires: accessTime}
	putSessions(t, rows, full, bare)
	for _, want := range []access.Session{full, bare} {
		if got, err := rows.Session(t.Context(), want.ID); err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	full.Seen, full.Client, full.Agent = accessTime.Add(time.Hour), netip.MustParseAddr("192.0.2.1"), "Other"
	if err := rows.TouchSession(t.Context(), full.ID, full.Seen, full.Client, full.Agent); err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Session(t.Context(), full.ID); err != nil || got != full {
		t.Errorf("touched: got %+v, %v; want %+v", got, err, full)
	}
	if _, err := rows.Session(t.Context(), "other"); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("no session: got %v, want ErrNoSession", err)
	}
}

func sessionEnd(t *testing.T, rows access.Rows) {
	ctx := t.Context()
	putSessions(t, rows, sessionOf(ann, "a1", 1), sessionOf(ann, "a2", 2), sessionOf(ann, "a3", 3), sessionOf(olga, "o1", 1))
	if err := rows.DropSession(ctx, olga, "a1", byAnn); err != nil { // not hers
		t.Fatal(err)
	}
	wantSessions(t, rows, ann, "a3", "a2", "a1")
	if err := rows.DropSession(ctx, ann, "a2", byAnn); err != nil {
		t.Fatal(err)
	}
	wantSessions(t, rows, ann, "a3", "a1")
	if n, err := rows.DropSessions(ctx, ann, "a1", byAnn); err != nil || n != 1 {
		t.Errorf("all but one: got %d, %v; want 1", n, err)
	}
	wantSessions(t, rows, ann, "a1")
	putSessions(t, rows, sessionOf(ann, "a4", 30))
	if err := rows.ExpireSessions(ctx, accessTime.Add(40*time.Minute), accessTime.Add(10*time.Minute), accessTime); err != nil {
		t.Fatal(err)
	}
	wantSessions(t, rows, ann, "a4", "a1") // which stay
	wantSessions(t, rows, olga)
	if err := rows.ExpireSessions(ctx, accessTime.Add(40*time.Minute), accessTime.Add(10*time.Minute), accessTime.Add(10*time.Minute)); err != nil {
		t.Fatal(err)
	}
	wantSessions(t, rows, ann, "a4")
	if err := rows.ExpireSessions(ctx, accessTime.Add(25*time.Hour), accessTime, accessTime); err != nil {
		t.Fatal(err)
	}
	wantSessions(t, rows, ann)
	ahead := sessionOf(ann, "a5", 0)
	ahead.Created, ahead.Expires = accessTime.AddDate(1, 0, 0), accessTime.AddDate(1, 0, 7)
	putSessions(t, rows, ahead)
	if err := rows.ExpireSessions(ctx, accessTime, accessTime.Add(-time.Hour), accessTime.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantSessions(t, rows, ann)
}

func sessionMost(t *testing.T, rows access.Rows) {
	putSessions(t, rows, sessionOf(olga, "o1", 0))
	for i, id := range []string{"a1", "a2", "a3", "a4", "a5", "a6", "a7"} {
		putSessions(t, rows, sessionOf(ann, id, i))
	}
	wantSessions(t, rows, ann, "a7", "a6", "a5", "a4", "a3")
	wantSessions(t, rows, olga, "o1")
}

func factorConfirm(t *testing.T, rows access.Rows) {
	ctx := t.Context()
	if f, err := rows.Factor(ctx, ann); err != nil || f.Sealed != nil || f.Confirmed {
		t.Errorf("none: got %+v, %v", f, err)
	}
	if err := rows.ConfirmFactor(ctx, ann, []byte("second"), 1, accessTime, nil); !errors.Is(err, access.ErrNoFactor) {
		t.Errorf("confirm none: got %v, want ErrNoFactor", err)
	}
	for _, secret := range []string{"first", "second"} {
		if err := rows.PutFactor(ctx, ann, []byte(secret), accessTime); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := rows.UseStep(ctx, ann, 3); ok || err != nil {
		t.Errorf("a step of what is not confirmed: got %v, %v", ok, err)
	}
	later := accessTime.Add(time.Minute)
	if err := rows.ConfirmFactor(ctx, ann, []byte("anew"), 7, later, []string{"x", "y", "z"}); err != nil {
		t.Fatal(err)
	}
	if err := rows.PutFactor(ctx, ann, []byte("third"), later.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want := access.Factor{Sealed: []byte("anew"), Confirmed: true, Step: 7, Since: later, Codes: 3}
	if f, err := rows.Factor(ctx, ann); err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("got %+v, %v; want %+v", f, err, want)
	}
	if err := rows.ConfirmFactor(ctx, ann, []byte("anew"), 5, later.Add(time.Hour), []string{"w"}); err != nil {
		t.Fatal(err)
	}
	want.Codes = 1
	if f, err := rows.Factor(ctx, ann); err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("new codes: got %+v, %v; want %+v", f, err, want)
	}
	if err := rows.DropFactor(ctx, ann); err != nil {
		t.Fatal(err)
	}
	if f, err := rows.Factor(ctx, ann); err != nil || f.Sealed != nil || f.Codes != 0 {
		t.Errorf("dropped: got %+v, %v", f, err)
	}
}

func factorOnce(t *testing.T, rows access.Rows) {
	ctx := t.Context()
	for _, who := range []access.ID{ann, olga} {
		if err := rows.PutFactor(ctx, who, []byte("secret"), accessTime); err != nil {
			t.Fatal(err)
		}
		if err := rows.ConfirmFactor(ctx, who, []byte("second"), 7, accessTime, []string{"x", "y"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, use := range []struct {
		what string
		use  func() (bool, error)
	}{
		{"a step", func() (bool, error) { return rows.UseStep(ctx, ann, 8) }},
		{"a code", func() (bool, error) { return rows.UseCode(ctx, ann, "x") }},
	} {
		var n atomic.Int32
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				ok, err := use.use()
				if err != nil {
					t.Error(err)
				}
				if ok {
					n.Add(1)
				}
			})
		}
		if all.Wait(); n.Load() != 1 {
			t.Errorf("%s was used %d times", use.what, n.Load())
		}
	}
	for _, step := range []int64{6, 7, 8} {
		if ok, err := rows.UseStep(ctx, ann, step); ok || err != nil {
			t.Errorf("step %d after 8: got %v, %v", step, ok, err)
		}
	}
	if ok, err := rows.UseCode(ctx, olga, "x"); !ok || err != nil {
		t.Errorf("somebody else's code: got %v, %v", ok, err)
	}
}

func factorGone(t *testing.T, rows access.Rows) {
	ctx := t.Context()
	gone := []access.ID{{Kind: access.KindMailbox, Number: 2}, {Kind: access.KindAdmin, Number: 1}}
	for _, who := range append(gone, ann, olga) {
		if err := rows.PutFactor(ctx, who, []byte("secret"), accessTime); err != nil {
			t.Fatal(err)
		}
		if err := rows.ConfirmFactor(ctx, who, []byte("second"), 7, accessTime, []string{"x"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.ExpireSessions(ctx, accessTime, accessTime, accessTime); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[access.ID]bool{gone[0]: false, gone[1]: false, ann: true, olga: true} {
		if f, err := rows.Factor(ctx, who); err != nil || f.Confirmed != want {
			t.Errorf("%v: got %+v, %v", who, f, err)
		}
		if ok, err := rows.UseCode(ctx, who, "x"); err != nil || ok != want {
			t.Errorf("code of %v: got %v, %v", who, ok, err)
		}
	}
}
