package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/access"
)

// offerOf is a link to support access of ann's for an hour, made n minutes after accessTime.
func offerOf(id string, n int) access.Session {
	at := accessTime.Add(time.Duration(n) * time.Minute)
	return access.Session{ID: id, Who: ann, Mark: "mark", Waiting: true, Support: true, Created: at, Seen: at, Expires: at.Add(time.Hour)}
}

func supportGiven(t *testing.T, rows access.Rows) {
	ctx := t.Context()
	offer := func(s access.Session, want error) {
		t.Helper()
		if err := rows.OfferSupport(ctx, s, 2); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("offer %s: got %v, want %v", s.ID, err, want)
		}
	}
	offer(offerOf("o1", 0), nil)
	if got, err := rows.Session(ctx, "o1"); err != nil || got != offerOf("o1", 0) {
		t.Errorf("got %+v, %v", got, err)
	}
	used := offerOf("u1", 1)
	used.Waiting = false
	if err := rows.TakeSupport(ctx, "o1", used); err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Session(ctx, "u1"); err != nil || got != used {
		t.Errorf("used: got %+v, %v; want %+v", got, err, used)
	}
	offer(offerOf("o2", 2), nil)
	offer(offerOf("o3", 3), access.ErrManySupport) // one waits, one is in use
	again := offerOf("o4", 4)
	again.Mark = "another password"
	offer(again, nil)             // those before it are over
	offer(offerOf("o5", 61), nil) // so is the first by its time
	for i := range 7 {
		putSessions(t, rows, sessionOf(ann, string(rune('a'+i)), 70+i))
	}
	for _, id := range []string{"u1", "o2", "o4", "o5"} {
		if _, err := rows.Session(ctx, id); err != nil {
			t.Errorf("%s, after many log-ins: %v", id, err)
		}
	}
}

func supportOnce(t *testing.T, rows access.Rows) {
	putSessions(t, rows, sessionOf(ann, "own", 0))
	if err := rows.OfferSupport(t.Context(), offerOf("offer", 0), 2); err != nil {
		t.Fatal(err)
	}
	next := offerOf("next", 1)
	next.Waiting = false
	for _, id := range []string{"own", "nothing"} { // an owner's own session is no link
		if err := rows.TakeSupport(t.Context(), id, next); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("%s: got %v, want ErrNoSession", id, err)
		}
	}
	var all sync.WaitGroup
	var won atomic.Int64
	for _, id := range []string{"n1", "n2", "n3", "n4"} {
		all.Go(func() {
			one := next
			one.ID = id
			switch err := rows.TakeSupport(t.Context(), "offer", one); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, access.ErrNoSession):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if list := sessionIDs(t, rows, ann); won.Load() != 1 || len(list) != 2 {
		t.Errorf("%d used the link, and there are %q; want one beside the owner's", won.Load(), list)
	}
	if err := rows.TakeSupport(t.Context(), "n1", next); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("a session in use: got %v, want ErrNoSession", err)
	}
}
