package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// QuarantineRows is what the quarantine asks of a store, and what its tests need
// beside it.
type QuarantineRows struct {
	quarantine.Reader
	quarantine.Settler
	quarantine.Keeper
	// Hold makes a row, as accepting a message does.
	Hold func(*testing.T, *quarantine.Held)
	// Inbox counts the messages in a mailbox's inbox.
	Inbox func(t *testing.T, box int64) int
	// Refs counts who refers to a content.
	Refs func(t *testing.T, blob string) int
}

// Quarantine tests that what open returns keeps the quarantine's contract. Each
// call of open is a new, empty store.
func Quarantine(t *testing.T, open func(*testing.T) QuarantineRows) {
	for name, test := range map[string]func(*testing.T, QuarantineRows){
		"rows come back as they were":    quarantineRoundTrip,
		"found by each field":            quarantineFind,
		"pages neither skip nor repeat":  quarantinePages,
		"a release delivers":             quarantineRelease,
		"two releasers, one delivery":    quarantineRace,
		"a release that can't, does not": quarantineUndeliverable,
		"a delete delivers nothing":      quarantineDelete,
		"expiry ends what is due":        quarantineExpire,
		"asked for once":                 quarantineAsk,
		"what ended is removed":          quarantinePurge,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var quarantineTime = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

// heldMessage is the row number n, held n minutes after quarantineTime; all of a
// decade share one content.
func heldMessage(n int) *quarantine.Held {
	prefix := []byte("X-Gatepost-Id: x\r\n")
	when := quarantineTime.Add(time.Duration(n) * time.Minute)
	return &quarantine.Held{
		ID: fmt.Sprintf("held%04d", n), Tx: fmt.Sprintf("tx%03d", n/10), Recipient: mail.Path(fmt.Sprintf("User%d@example.net", n%3)),
		Box: int64(n%3 + 1), Domain: "example.net", Sender: mail.Path(fmt.Sprintf("S%d@x.example", n%2)),
		Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(n % 4)}), Subject: fmt.Sprintf("Ärger 100%% no_%d", n),
		Filter: []string{"spf", "dnsbl"}[n%2], Reason: fmt.Sprintf("Listed by zone %d", n%2), Score: 7.25,
		Blob: fmt.Sprintf("blob%d", n/10), View: mail.View{Prefix: prefix, Skip: 3}, Size: 1000 + int64(len(prefix)) - 3,
		Time: when, Expires: when.Add(720 * time.Hour), State: quarantine.StateHeld,
		Author: fmt.Sprintf("Zoé <zoe%d@author.example>", n%2), Proof: "spf", Guarded: n%2 == 1, RequireTLS: n%2 == 1, By: int64(n % 3), Told: quarantine.ToldDue, Same: fmt.Sprint("same", n),
	}
}

func (q QuarantineRows) fill(t *testing.T, n int) (held []*quarantine.Held) {
	for i := range n {
		h := heldMessage(i)
		q.Hold(t, h)
		held = append(held, h)
	}
	return held
}

// quarantine returns the domain over these rows.
func (q QuarantineRows) quarantine(prepare prepareFunc) *quarantine.Quarantine {
	return quarantine.New(quarantine.Config{Reader: q, Settler: q, Preparer: prepare, Now: func() time.Time { return quarantineTime }})
}

type prepareFunc func(quarantine.Held) (quarantine.Delivery, error)

// Prepare implements quarantine.Preparer.
func (f prepareFunc) Prepare(_ context.Context, h quarantine.Held) (quarantine.Delivery, error) {
	return f(h)
}

func plainDelivery(h quarantine.Held) (quarantine.Delivery, error) {
	h.View.Prefix = append([]byte("X-Gatepost-Released: x\r\n"), h.View.Prefix...)
	return quarantine.Delivery{View: h.View, Size: h.View.Size(1000), Time: quarantineTime}, nil
}

func quarantineRoundTrip(t *testing.T, q QuarantineRows) {
	full, bare := heldMessage(5), &quarantine.Held{ID: "bare", Blob: "other", Time: quarantineTime, State: quarantine.StateHeld}
	full.Asked = quarantineTime
	for _, want := range []*quarantine.Held{full, bare} {
		q.Hold(t, want)
		got, err := q.Show(t.Context(), want.ID)
		if err != nil || !reflect.DeepEqual(got, *want) {
			t.Errorf("got %+v, %v; want %+v", got, err, *want)
		}
	}
	if _, err := q.Show(t.Context(), "nothing"); !errors.Is(err, quarantine.ErrUnknown) {
		t.Errorf("show nothing: got %v, want ErrUnknown", err)
	}
}

func quarantineFind(t *testing.T, q QuarantineRows) {
	all := q.fill(t, 12)
	if _, err := q.Settle(t.Context(), all[4].ID, quarantine.Act{Who: "admin", What: quarantine.StateDeleted, When: quarantineTime}, nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		q    quarantine.Query
		want []int
	}{
		"all":             {quarantine.Query{}, []int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		"recipient":       {quarantine.Query{Recipient: "uSER1@example.net"}, []int{10, 7, 4, 1}},
		"box":             {quarantine.Query{Box: 3}, []int{11, 8, 5, 2}},
		"domain":          {quarantine.Query{Domain: "example.org"}, nil},
		"sender":          {quarantine.Query{Sender: "s1@x.example"}, []int{11, 9, 7, 5, 3, 1}},
		"subject":         {quarantine.Query{Subject: "ärger 100% NO_1"}, []int{11, 10, 1}},
		"no wildcards":    {quarantine.Query{Subject: "100_ no"}, nil},
		"client":          {quarantine.Query{Client: netip.MustParseAddr("192.0.2.3")}, []int{11, 7, 3}},
		"filter":          {quarantine.Query{Filter: "spf", Box: 1}, []int{6, 0}},
		"domains":         {quarantine.Query{Domains: []string{"example.org", "example.net"}, Limit: 1}, []int{11}},
		"domains, held":   {quarantine.Query{Domains: []string{"example.org", "example.net"}, State: quarantine.StateHeld, Box: 2}, []int{10, 7, 1}},
		"other domains":   {quarantine.Query{Domains: []string{"example.org", "x.example"}}, nil},
		"author":          {quarantine.Query{Text: "ZOÉ1"}, nil},
		"author's name":   {quarantine.Query{Text: "ZOÉ <zoe1", Box: 1}, []int{9, 3}},
		"text: sender":    {quarantine.Query{Text: "s1@X.", Box: 1}, []int{9, 3}},
		"text: subject":   {quarantine.Query{Text: "NO_1"}, []int{11, 10, 1}},
		"transaction":     {quarantine.Query{Tx: "tx001"}, []int{11, 10}},
		"asked for":       {quarantine.Query{Asked: true}, nil},
		"reason":          {quarantine.Query{Reason: "ZONE 1", Box: 1}, []int{9, 3}},
		"held":            {quarantine.Query{State: quarantine.StateHeld, Recipient: "user1@example.net"}, []int{10, 7, 1}},
		"deleted":         {quarantine.Query{State: quarantine.StateDeleted}, []int{4}},
		"since and until": {quarantine.Query{Since: all[3].Time, Until: all[6].Time}, []int{5, 4, 3}},
		"limit":           {quarantine.Query{Limit: 2}, []int{11, 10}},
	} {
		got, err := q.Find(t.Context(), c.q)
		var want []string
		for _, n := range c.want {
			want = append(want, all[n].ID)
		}
		if ids := heldIDs(got.Rows); err != nil || !slices.Equal(ids, want) {
			t.Errorf("%s: got %q, %v; want %q", name, ids, err, want)
		}
	}
}

func heldIDs(held []quarantine.Held) (ids []string) {
	for _, h := range held {
		ids = append(ids, h.ID)
	}
	return ids
}

func quarantinePages(t *testing.T, q QuarantineRows) {
	for n := range 9 { // three at each moment
		h := heldMessage(n)
		h.Time = quarantineTime.Add(time.Duration(n/3) * time.Second)
		q.Hold(t, h)
	}
	query := quarantine.Query{Domain: "example.net", Limit: 2}
	var got []string
	for {
		page, err := q.Find(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, heldIDs(page.Rows)...)
		if !page.More {
			break
		}
		query.After = page.Next
	}
	want := make([]string, 9)
	for n := range want {
		want[8-n] = heldMessage(n).ID
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func quarantineRelease(t *testing.T, q QuarantineRows) {
	q.fill(t, 2) // of one content
	domain := q.quarantine(plainDelivery)
	h, err := domain.Release(t.Context(), "held0001", quarantine.By{Who: "ann@example.net", Operator: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []quarantine.Act{{Who: "ann@example.net", What: quarantine.StateReleased, When: quarantineTime}}
	if h.State != quarantine.StateReleased || !slices.Equal(h.Acts, want) {
		t.Errorf("got %s, %+v; want released, %+v", h.State, h.Acts, want)
	}
	if got := q.Inbox(t, h.Box); got != 1 {
		t.Errorf("inbox: got %d messages, want 1", got)
	}
	if got := q.Refs(t, h.Blob); got != 2 {
		t.Errorf("content: got %d references, want 2: the other hold and the inbox", got)
	}
	_, err = domain.Release(t.Context(), "held0001", quarantine.By{Who: "bob@example.net", Operator: true})
	var ended *quarantine.NotHeldError
	if !errors.Is(err, quarantine.ErrNotHeld) || !errors.As(err, &ended) || ended.Act != want[0] || !strings.Contains(err.Error(), "released by ann@example.net at 2026-11-20T06:00:00Z") {
		t.Errorf("again: got %v, want that ann released it", err)
	}
	if _, err := domain.Release(t.Context(), "nothing", quarantine.By{Who: "ann", Operator: true}); !errors.Is(err, quarantine.ErrUnknown) {
		t.Errorf("release nothing: got %v, want ErrUnknown", err)
	}
}

// Everybody has seen the message as held before the first of them goes on.
func quarantineRace(t *testing.T, q QuarantineRows) {
	const rounds, releasers = 40, 3
	for n := range rounds {
		h := heldMessage(n)
		h.Box, h.Blob = 1, h.ID
		q.Hold(t, h)
		var seen, done sync.WaitGroup
		seen.Add(releasers)
		domain := q.quarantine(func(h quarantine.Held) (quarantine.Delivery, error) {
			seen.Done()
			seen.Wait()
			return plainDelivery(h)
		})
		errs := make([]error, releasers)
		for i := range errs {
			done.Go(func() {
				_, errs[i] = domain.Release(t.Context(), h.ID, quarantine.By{Who: fmt.Sprint("releaser ", i), Operator: true})
			})
		}
		done.Wait()
		released := 0
		for _, err := range errs {
			if err == nil {
				released++
			} else if !errors.Is(err, quarantine.ErrNotHeld) {
				t.Errorf("round %d: %v", n, err)
			}
		}
		if got := q.Inbox(t, 1); released != 1 || got != n+1 {
			t.Fatalf("round %d: released %d times, %d messages in the inbox; want 1, %d", n, released, got, n+1)
		}
		if got := q.Refs(t, h.Blob); got != 1 {
			t.Errorf("round %d: %d references, want 1", n, got)
		}
	}
}

func quarantineUndeliverable(t *testing.T, q QuarantineRows) {
	h := q.fill(t, 1)[0]
	boom := errors.New("boom")
	domain := q.quarantine(func(quarantine.Held) (quarantine.Delivery, error) { return quarantine.Delivery{}, boom })
	if _, err := domain.Release(t.Context(), h.ID, quarantine.By{Who: "admin", Operator: true}); !errors.Is(err, boom) {
		t.Errorf("got %v, want boom", err)
	}
	if got, err := q.Show(t.Context(), h.ID); err != nil || got.State != quarantine.StateHeld || len(got.Acts) != 0 {
		t.Errorf("got %s, %+v, %v; want it held, untouched", got.State, got.Acts, err)
	}
}

func quarantineDelete(t *testing.T, q QuarantineRows) {
	h := q.fill(t, 1)[0]
	domain := q.quarantine(plainDelivery)
	if got, err := domain.Delete(t.Context(), h.ID, quarantine.By{Who: "admin"}); err != nil || got.State != quarantine.StateDeleted {
		t.Errorf("got %s, %v; want deleted", got.State, err)
	}
	if refs, inbox := q.Refs(t, h.Blob), q.Inbox(t, h.Box); refs != 0 || inbox != 0 {
		t.Errorf("got %d references, %d messages; want none", refs, inbox)
	}
	for name, act := range map[string]func(context.Context, string, quarantine.By) (quarantine.Held, error){"delete": domain.Delete, "release": domain.Release} {
		if _, err := act(t.Context(), h.ID, quarantine.By{Who: "ann", Operator: true}); !errors.Is(err, quarantine.ErrNotHeld) {
			t.Errorf("%s: got %v, want ErrNotHeld", name, err)
		}
	}
	if _, err := domain.Delete(t.Context(), "nothing", quarantine.By{Who: "ann"}); !errors.Is(err, quarantine.ErrUnknown) {
		t.Errorf("delete nothing: got %v, want ErrUnknown", err)
	}
}

func quarantineExpire(t *testing.T, q QuarantineRows) {
	all := q.fill(t, 6)
	domain := q.quarantine(plainDelivery)
	if _, err := domain.Release(t.Context(), all[0].ID, quarantine.By{Who: "ann", Operator: true}); err != nil {
		t.Fatal(err)
	}
	now := all[3].Expires
	act := quarantine.Act{Who: "expiry", What: quarantine.StateExpired, When: now}
	for i, want := range []int{2, 1, 0} {
		if got, err := q.Expire(t.Context(), act, 2); err != nil || got != want {
			t.Errorf("turn %d: expired %d, %v; want %d", i, got, err, want)
		}
	}
	for i, want := range []quarantine.State{"released", "expired", "expired", "expired", "held", "held"} {
		if got, err := q.Show(t.Context(), all[i].ID); err != nil || got.State != want {
			t.Errorf("%s: got %s, %v; want %s", all[i].ID, got.State, err, want)
		} else if want == act.What && !slices.Equal(got.Acts, []quarantine.Act{act}) {
			t.Errorf("%s: got acts %v, want %v alone", all[i].ID, got.Acts, act)
		}
	}
	if got := q.Refs(t, all[0].Blob); got != 3 {
		t.Errorf("content: got %d references, want 3: two holds and the inbox", got)
	}
}

func quarantineAsk(t *testing.T, q QuarantineRows) {
	all := q.fill(t, 3)
	domain := q.quarantine(plainDelivery)
	ann := quarantine.By{Who: "ann@example.net"}
	for range 2 {
		h, err := domain.Ask(t.Context(), all[1].ID, ann)
		if err != nil || h.State != quarantine.StateHeld || !h.Asked.Equal(quarantineTime) || len(h.Acts) != 1 {
			t.Fatalf("got %+v, %v; want it asked for once, and held", h, err)
		}
	}
	page, err := q.Find(t.Context(), quarantine.Query{Asked: true, Domain: "example.net"})
	if ids := heldIDs(page.Rows); err != nil || !slices.Equal(ids, []string{all[1].ID}) {
		t.Errorf("asked for: got %q, %v", ids, err)
	}
	if _, err := domain.Release(t.Context(), all[1].ID, ann); !errors.Is(err, quarantine.ErrGuarded) {
		t.Errorf("by its owner: got %v, want ErrGuarded", err)
	}
	h, err := domain.Release(t.Context(), all[1].ID, quarantine.By{Who: "admin", Operator: true})
	if err != nil || len(h.Acts) != 2 || h.Acts[0].What != quarantine.ActAsked {
		t.Errorf("by an operator: got %+v, %v", h.Acts, err)
	}
	var ended *quarantine.NotHeldError
	if _, err := domain.Ask(t.Context(), all[1].ID, ann); !errors.As(err, &ended) || ended.Act.What != quarantine.StateReleased {
		t.Errorf("of what was released: got %v, want ErrNotHeld", err)
	}
	if _, err := domain.Ask(t.Context(), "nothing", ann); !errors.Is(err, quarantine.ErrUnknown) {
		t.Errorf("of nothing: got %v, want ErrUnknown", err)
	}
	if got, err := q.Show(t.Context(), all[1].ID); err != nil || !got.Asked.Equal(quarantineTime) {
		t.Errorf("got it asked for at %v, %v", got.Asked, err)
	}
	tallies, err := q.Tallies(t.Context(), quarantineTime)
	want := []quarantine.Tally{{Filter: "dnsbl", Held: 1, Released: 1, Asked: 1}, {Filter: "spf", Held: 2}}
	if err != nil || !slices.Equal(tallies, want) {
		t.Errorf("tallies: got %+v, %v; want %+v", tallies, err, want)
	}
}

func quarantinePurge(t *testing.T, q QuarantineRows) {
	all := q.fill(t, 6)
	end := func(n int, state quarantine.State, when time.Time) {
		t.Helper()
		if _, err := q.Settle(t.Context(), all[n].ID, quarantine.Act{Who: "x", What: state, When: when}, nil); err != nil {
			t.Fatal(err)
		}
	}
	day := quarantineTime.AddDate(0, 0, 1)
	end(0, quarantine.StateDeleted, quarantineTime)
	end(1, quarantine.StateRejected, quarantineTime.Add(time.Minute))
	end(2, quarantine.StateExpired, quarantineTime.Add(2*time.Minute))
	end(3, quarantine.StateDeleted, day)
	for i, want := range []int{2, 1, 0} {
		if n, err := q.Purge(t.Context(), day, 2); n != want || err != nil {
			t.Errorf("turn %d: removed %d, %v; want %d", i, n, err, want)
		}
	}
	page, err := q.Find(t.Context(), quarantine.Query{})
	if ids := heldIDs(page.Rows); err != nil || !slices.Equal(ids, []string{all[5].ID, all[4].ID, all[3].ID}) {
		t.Errorf("left: got %q, %v; want what is held, and what ended later", ids, err)
	}
	if _, err := q.Show(t.Context(), all[0].ID); !errors.Is(err, quarantine.ErrUnknown) {
		t.Errorf("a row that was removed: got %v, want ErrUnknown", err)
	}
}
