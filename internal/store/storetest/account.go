package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/queue"
)

// An AccountStore keeps log-ins, recovery addresses and links.
type AccountStore interface {
	access.LoginRows
	access.RecoveryRows
	PutLink(ctx context.Context, l access.Link, most int, since time.Time, letter *queue.Transfer) error
}

// Account tests such a store. Each call of open is a new, empty one in which the mailboxes 1 and 2 are.
func Account(t *testing.T, open func(*testing.T) AccountStore) {
	for name, test := range map[string]func(*testing.T, AccountStore){
		"log-ins are counted by door and network": loginCounts,
		"a mailbox has so many log-ins":           loginMost,
		"a link works once":                       linkOnce,
		"a link of many clicks works once":        linkRace,
		"links end":                               linkEnds,
		"so many links are made":                  linkMost,
		"an address counts when confirmed":        recoveryConfirmed,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func loginOf(box int64, client string, minute int) access.Login {
	at := accessTime.Add(time.Duration(minute) * time.Minute)
	return access.Login{Box: box, Door: "imap", Client: netip.MustParseAddr(client), First: at, Last: at, Count: 1}
}

func wantLogins(t *testing.T, s AccountStore, box int64, want ...access.Login) {
	t.Helper()
	got, err := s.Logins(t.Context(), box)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("log-ins of %d:\ngot  %v, %v\nwant %v", box, got, err, want)
	}
}

func loginCounts(t *testing.T, s AccountStore) {
	ctx := t.Context()
	web := loginOf(1, "192.0.2.1", 2)
	web.Door = "web"
	late := loginOf(1, "192.0.2.1", -5) // another node was slower
	for _, list := range [][]access.Login{
		{loginOf(1, "192.0.2.1", 0), web, loginOf(1, "2001:db8::1", 3), loginOf(2, "192.0.2.1", 1), loginOf(3, "192.0.2.1", 1)},
		{loginOf(1, "192.0.2.1", 9), loginOf(1, "2001:db8::2", 4)}, {late}, {},
	} {
		if err := s.AddLogins(ctx, list, 10); err != nil {
			t.Fatal(err)
		}
	}
	v4, v6 := loginOf(1, "192.0.2.1", 9), loginOf(1, "2001:db8::2", 4)
	v4.First, v4.Count = accessTime, 3
	v6.First, v6.Count = accessTime.Add(3*time.Minute), 2
	wantLogins(t, s, 1, v4, v6, web)
	wantLogins(t, s, 2, loginOf(2, "192.0.2.1", 1))
	wantLogins(t, s, 3) // there is nobody of that number
	if err := s.ExpireLogins(ctx, accessTime.Add(4*time.Minute)); err != nil {
		t.Fatal(err)
	}
	wantLogins(t, s, 1, v4, v6)
}

func loginMost(t *testing.T, s AccountStore) {
	for i := range 8 {
		if err := s.AddLogins(t.Context(), []access.Login{loginOf(1, fmt.Sprintf("192.0.2.%d", i), i), loginOf(2, "192.0.2.1", 0)}, 3); err != nil {
			t.Fatal(err)
		}
	}
	wantLogins(t, s, 1, loginOf(1, "192.0.2.7", 7), loginOf(1, "192.0.2.6", 6), loginOf(1, "192.0.2.5", 5))
}

func linkOf(id string, kind access.LinkKind, minute int) access.Link {
	at := accessTime.Add(time.Duration(minute) * time.Minute)
	return access.Link{ID: id, Box: 1, Kind: kind, Address: "ann@elsewhere.example", Mark: "mark", Created: at, Expires: at.Add(time.Hour)}
}

func putLinks(t *testing.T, s AccountStore, list ...access.Link) {
	t.Helper()
	for _, l := range list {
		if err := s.PutLink(t.Context(), l, 0, accessTime, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func wantLink(t *testing.T, s AccountStore, id string, now time.Time, want error) {
	t.Helper()
	if _, err := s.Link(t.Context(), id, now); !errors.Is(err, want) {
		t.Errorf("link %s: got %v, want %v", id, err, want)
	}
}

func linkOnce(t *testing.T, s AccountStore) {
	ctx := t.Context()
	reset := linkOf("a", access.LinkReset, 0)
	putLinks(t, s, reset, linkOf("b", access.LinkReset, 1), linkOf("c", access.LinkConfirm, 1))
	for range 2 { // looking uses nothing up
		if got, err := s.Link(ctx, "a", accessTime); err != nil || got != reset {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if got, err := s.TakeLink(ctx, "a", accessTime); err != nil || got != reset {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, id := range []string{"a", "b", "x"} { // the other one that resets has ended with it
		wantLink(t, s, id, accessTime, access.ErrNoLink)
		if _, err := s.TakeLink(ctx, id, accessTime); !errors.Is(err, access.ErrNoLink) {
			t.Errorf("%s again: %v", id, err)
		}
	}
	wantLink(t, s, "c", accessTime, nil)
}

func linkRace(t *testing.T, s AccountStore) {
	putLinks(t, s, linkOf("a", access.LinkReset, 0))
	var worked atomic.Int64
	var clicks sync.WaitGroup
	for range 8 {
		clicks.Go(func() {
			if _, err := s.TakeLink(context.Background(), "a", accessTime); err == nil {
				worked.Add(1)
			} else if !errors.Is(err, access.ErrNoLink) {
				t.Error(err)
			}
		})
	}
	clicks.Wait()
	if worked.Load() != 1 {
		t.Errorf("it worked %d times", worked.Load())
	}
}

func linkEnds(t *testing.T, s AccountStore) {
	putLinks(t, s, linkOf("a", access.LinkReset, 0))
	hour := accessTime.Add(time.Hour)
	wantLink(t, s, "a", hour.Add(-time.Microsecond), nil)
	wantLink(t, s, "a", hour, access.ErrNoLink)
	if _, err := s.TakeLink(t.Context(), "a", hour); !errors.Is(err, access.ErrNoLink) {
		t.Errorf("a late one: %v", err)
	}
	putLinks(t, s, linkOf("b", access.LinkReset, 30))
	if err := s.ExpireLinks(t.Context(), hour, hour); err != nil {
		t.Fatal(err)
	}
	putLinks(t, s, linkOf("a", access.LinkReset, 0)) // its row is gone
	wantLink(t, s, "b", hour, nil)
}

func linkMost(t *testing.T, s AccountStore) {
	put := func(id string, minute int, since time.Time) error {
		return s.PutLink(t.Context(), linkOf(id, access.LinkReset, minute), 2, since, nil)
	}
	before := accessTime.Add(-time.Minute)
	for id, minute := range map[string]int{"a": 0, "b": 1} {
		if err := put(id, minute, before); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("c", 2, before); !errors.Is(err, access.ErrManyLinks) {
		t.Errorf("a third: %v", err)
	}
	if _, err := s.TakeLink(t.Context(), "a", accessTime); err != nil {
		t.Fatal(err)
	}
	if err := put("c", 2, before); !errors.Is(err, access.ErrManyLinks) {
		t.Errorf("one more after one was used: %v", err)
	}
	if err := put("c", 2, accessTime); err != nil {
		t.Errorf("when the first is old: %v", err)
	}
	putLinks(t, s, linkOf("d", access.LinkReset, 3)) // an operator's
}

func recoveryConfirmed(t *testing.T, s AccountStore) {
	ctx := t.Context()
	want := func(address, waiting string) {
		t.Helper()
		if got, err := s.Recovery(ctx, 1, accessTime); err != nil || got.Address != address || got.Waiting != waiting || (address != "") != got.Since.Equal(accessTime) {
			t.Errorf("got %+v, %v; want %q, %q", got, err, address, waiting)
		}
	}
	want("", "")
	first, second := linkOf("a", access.LinkConfirm, 0), linkOf("b", access.LinkConfirm, 1)
	second.Address = "other@elsewhere.example"
	putLinks(t, s, first, second)
	want("", second.Address)
	wantLink(t, s, "a", accessTime, access.ErrNoLink) // the second one stands for it
	if _, err := s.TakeLink(ctx, "b", accessTime); err != nil {
		t.Fatal(err)
	}
	want(second.Address, "")
	putLinks(t, s, linkOf("c", access.LinkConfirm, 2), linkOf("d", access.LinkReset, 2))
	want(second.Address, first.Address)
	if err := s.SetRecovery(ctx, 1, "", accessTime); err != nil {
		t.Fatal(err)
	}
	want("", "")
	wantLink(t, s, "d", accessTime, access.ErrNoLink) // it was sent to an address that does not count any more
	if err := s.SetRecovery(ctx, 3, "x@example.net", accessTime); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Recovery(ctx, 3, accessTime); err != nil || got.Address != "" {
		t.Errorf("of a mailbox that is gone: %+v, %v", got, err)
	}
}
