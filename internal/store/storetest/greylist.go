package storetest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"gatepost/internal/greylist"
)

// GreylistRows is all that a greylist asks of a store.
type GreylistRows interface {
	greylist.Rows
	greylist.Chores
	greylist.Desk
}

// Greylist tests that what open returns keeps the contracts of greylist.Rows, Chores and
// Desk. Each call of open is a new, empty store.
func Greylist(t *testing.T, open func(*testing.T) GreylistRows) {
	for name, test := range map[string]func(*testing.T, greylistRows){
		"nothing is known at first":     greylistEmpty,
		"attempts are merged":           greylistMerges,
		"a window that is over":         greylistOver,
		"a pass counts once":            greylistPasses,
		"a pass outlives attempts":      greylistUse,
		"the oldest of a network":       greylistCrowd,
		"the oldest of all":             greylistTrim,
		"what expired is removed":       greylistSweep,
		"delays add up and are folded":  greylistDelays,
		"lists go on behind a row":      greylistLists,
		"choices are found and removed": greylistChoices,
		"an identity passes by hand":    greylistByHand,
	} {
		t.Run(name, func(t *testing.T) { test(t, greylistRows{open(t)}) })
	}
}

var greylistTime = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

type greylistRows struct{ GreylistRows }

// waits is a triplet's first attempt, n minutes after greylistTime.
func waits(number int64, identity string, n int) greylist.Triplet {
	first := greylistTime.Add(time.Duration(n) * time.Minute)
	return greylist.Triplet{
		Number: number, Identity: identity, Domain: "example.org", Sender: 1000 + number, Recipient: 2000 + number,
		First: first, Last: first, Tries: 1, Tx: fmt.Sprint("tx", number, "-", n), Expires: first.Add(4 * time.Hour),
	}
}

// passes is that a triplet passes n minutes after greylistTime.
func passes(t greylist.Triplet, n int) greylist.Triplet {
	t.State, t.Last = greylist.Passing, greylistTime.Add(time.Duration(n)*time.Minute)
	t.Expires = t.Last.Add(36 * 24 * time.Hour)
	return t
}

func (g greylistRows) put(t *testing.T, b greylist.Batch) {
	t.Helper()
	if err := g.Put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func (g greylistRows) triplets(t *testing.T, list ...greylist.Triplet) {
	t.Helper()
	g.put(t, greylist.Batch{Triplets: list})
}

func (g greylistRows) find(t *testing.T, number int64, identity string) (greylist.Triplet, greylist.Identity) {
	t.Helper()
	f, err := g.Find(t.Context(), []int64{number}, []string{identity})
	if err != nil {
		t.Fatal(err)
	}
	return f.Triplets[number], f.Identities[identity]
}

func (g greylistRows) delays(t *testing.T, domain string) []greylist.Delay {
	t.Helper()
	list, err := g.Delays(t.Context(), "2026-11-01", domain)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func greylistEmpty(t *testing.T, g greylistRows) {
	f, err := g.Find(t.Context(), []int64{1, 2}, []string{"example.org"})
	if err != nil || len(f.Triplets)+len(f.Identities) != 0 {
		t.Errorf("got %v, %v", f, err)
	}
	if n, err := g.Changes(t.Context()); err != nil || n != 0 {
		t.Errorf("changes: %d, %v", n, err)
	}
}

// greylistMerges: whichever node writes first, the earlier attempt counts.
func greylistMerges(t *testing.T, g greylistRows) {
	early, late := waits(1, "192.0.2.0/24", 0), waits(1, "192.0.2.0/24", 1)
	for n, order := range [][]greylist.Triplet{{early, late}, {late, early}} {
		for i := range order {
			order[i].Number = int64(n + 1)
			g.triplets(t, order[i])
		}
		got, _ := g.find(t, int64(n+1), "")
		want := early
		want.Number, want.Last, want.Tries = int64(n+1), late.Last, 2
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
}

func greylistOver(t *testing.T, g greylistRows) {
	g.triplets(t, waits(1, "192.0.2.0/24", 0))
	again := waits(1, "192.0.2.0/24", 300)
	g.triplets(t, again)
	if got, _ := g.find(t, 1, ""); !reflect.DeepEqual(got, again) {
		t.Errorf("got %+v\nwant %+v", got, again)
	}
	if d := g.delays(t, "example.org"); len(d) != 1 || d[0].Lost != 1 {
		t.Errorf("the first attempt never came back: %+v", d)
	}
}

func greylistPasses(t *testing.T, g greylistRows) {
	first := waits(1, "example.org", 0)
	g.triplets(t, first)
	g.triplets(t, passes(first, 6))
	g.triplets(t, passes(first, 7)) // by another node, which did not know
	other := waits(2, "example.org", 0)
	g.triplets(t, passes(other, 8)) // whose attempt was noted by its network
	got, i := g.find(t, 1, "example.org")
	if got.State != greylist.Passing || got.Tx != "tx1-0" || !got.First.Equal(first.First) || got.Tries != 3 {
		t.Errorf("got %+v", got)
	}
	want := greylist.Identity{Name: "example.org", Passes: 2, First: greylistTime.Add(6 * time.Minute), Last: greylistTime.Add(8 * time.Minute), Expires: passes(other, 8).Expires}
	if !reflect.DeepEqual(i, want) {
		t.Errorf("got %+v\nwant %+v", i, want)
	}
}

// greylistUse: a node that has not seen the pass notes another attempt.
func greylistUse(t *testing.T, g greylistRows) {
	first := waits(1, "example.org", 0)
	g.triplets(t, passes(first, 6))
	g.triplets(t, waits(1, "example.org", 7))
	if got, _ := g.find(t, 1, ""); got.State != greylist.Passing || !got.Expires.Equal(passes(first, 6).Expires) {
		t.Errorf("got %+v", got)
	}
	used := passes(first, 600)
	g.triplets(t, used)
	g.put(t, greylist.Batch{Identities: []greylist.Identity{{Name: "example.org", First: used.Last, Last: used.Last, Expires: used.Expires.Add(time.Hour)}}})
	got, i := g.find(t, 1, "example.org")
	if !got.Expires.Equal(used.Expires) || !i.Expires.Equal(used.Expires.Add(time.Hour)) || i.Passes != 1 {
		t.Errorf("got %+v, %+v", got, i)
	}
}

func greylistCrowd(t *testing.T, g greylistRows) {
	var list []greylist.Triplet
	for n := range 12 {
		list = append(list, waits(int64(n+1), "192.0.2.0/24", 12-n))
	}
	list = append(list, passes(waits(20, "192.0.2.0/24", 0), 6), waits(21, "198.51.100.0/24", 0))
	g.put(t, greylist.Batch{Triplets: list, PerIdentity: 5})
	for n, want := range map[int64]bool{1: true, 5: true, 6: false, 12: false, 20: true, 21: true} {
		if got, _ := g.find(t, n, ""); (got.Number != 0) != want {
			t.Errorf("triplet %d: %v", n, got)
		}
	}
	if d := g.delays(t, "example.org"); len(d) != 1 || d[0].Lost != 7 {
		t.Errorf("got %+v", d)
	}
}

func greylistTrim(t *testing.T, g greylistRows) {
	for n := range 10 {
		g.triplets(t, waits(int64(n+1), fmt.Sprint("net", n), n))
	}
	g.triplets(t, passes(waits(20, "old", -60), 0))
	for _, want := range []struct{ waiting, removed int }{{10, 4}, {6, 2}, {4, 0}} {
		waiting, s, err := g.Trim(t.Context(), 4, 4)
		if err != nil || waiting != want.waiting || s.Removed != want.removed || s.Lost != want.removed {
			t.Fatalf("got %d, %+v, %v; want %+v", waiting, s, err, want)
		}
	}
	for n, want := range map[int64]bool{6: false, 7: true, 10: true, 20: true} {
		if got, _ := g.find(t, n, ""); (got.Number != 0) != want {
			t.Errorf("triplet %d: %v", n, got)
		}
	}
}

func greylistSweep(t *testing.T, g greylistRows) {
	g.triplets(t, waits(1, "a", 0), waits(2, "b", 60), passes(waits(3, "c", 0), 6), passes(waits(4, "d", 0), 600))
	sweep := func(now time.Time, limit int, want greylist.Swept) {
		t.Helper()
		if s, err := g.Sweep(t.Context(), now, limit); err != nil || s != want {
			t.Errorf("got %+v, %v; want %+v", s, err, want)
		}
	}
	sweep(greylistTime, 10, greylist.Swept{})
	sweep(greylistTime.Add(4*time.Hour+time.Minute), 10, greylist.Swept{Removed: 1, Lost: 1})
	sweep(greylistTime.Add(36*24*time.Hour+time.Hour), 2, greylist.Swept{Removed: 2, Lost: 1}) // 2 and 3
	sweep(greylistTime.Add(36*24*time.Hour+time.Hour), 2, greylist.Swept{Removed: 1})          // the identity c
	sweep(greylistTime.Add(36*24*time.Hour+time.Hour), 2, greylist.Swept{})
	if got, i := g.find(t, 4, "d"); got.Number == 0 || i.Name == "" {
		t.Error("what was used later is gone")
	}
	if d := g.delays(t, "example.org"); len(d) != 1 || d[0].Lost != 2 || d[0].Day != "2026-11-26" {
		t.Errorf("got %+v", d)
	}
}

func greylistDelays(t *testing.T, g greylistRows) {
	day := "2026-11-26"
	var list []greylist.Delay
	for n := range 10 {
		d := greylist.Delay{Day: day, Domain: fmt.Sprintf("d%d.example", n), Deferred: int64(100 - n), Lost: 2}
		if n >= 8 { // the least, but mail comes back
			d.Returned, d.Waits[3], d.Waits[greylist.WaitCount-1] = 2, 1, 1
		}
		list = append(list, d)
	}
	old := greylist.Delay{Day: "2026-11-02", Domain: "d1.example", Deferred: 1}
	for range 2 {
		g.put(t, greylist.Batch{Delays: append(list, old)})
	}
	if err := g.Fold(t.Context(), day, "2026-11-03", 3); err != nil {
		t.Fatal(err)
	}
	want := []greylist.Delay{
		list[0].Add(list[0]), list[8].Add(list[8]), list[9].Add(list[9]),
		{Day: day, Domain: greylist.Others, Deferred: 2 * (99 + 98 + 97 + 96 + 95 + 94 + 93), Lost: 28},
	}
	if got := g.delays(t, ""); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	g.put(t, greylist.Batch{Delays: list[1:2]}) // comes anew
	if err := g.Fold(t.Context(), day, "2026-11-03", 3); err != nil {
		t.Fatal(err)
	}
	if got := g.delays(t, greylist.Others); len(got) != 1 || got[0].Deferred != want[3].Deferred+99 {
		t.Errorf("the fourth domain is not among the others: %+v", got)
	}
}

func greylistLists(t *testing.T, g greylistRows) {
	for n := range 7 {
		g.triplets(t, waits(int64(n+1), fmt.Sprint("n", n), n/2), passes(waits(int64(n+11), fmt.Sprint("n", n), n/2), 7-n))
	}
	for state, want := range map[greylist.State]string{greylist.Waiting: "1 2 3 4 5 6 7 ", greylist.Passing: "17 16 15 14 13 12 11 "} {
		got, p := "", greylist.Page{State: state, Limit: 3}
		for {
			list, err := g.List(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				got += fmt.Sprint(r.Number, " ")
				p.After = greylist.Cursor{Expires: r.Expires, Number: r.Number}
			}
			if len(list) < 3 {
				break
			}
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	list, err := g.Identities(t.Context(), "n1", 2)
	if err != nil || len(list) != 2 || list[0].Name != "n2" || list[1].Name != "n3" || list[0].Passes != 1 {
		t.Errorf("got %+v, %v", list, err)
	}
}

func greylistChoices(t *testing.T, g greylistRows) {
	g.triplets(t, waits(1, "a", 0), passes(waits(2, "a", 0), 6), waits(3, "b", 0), passes(waits(4, "b", 0), 6))
	for name, tt := range map[string]struct {
		choice greylist.Choice
		want   int
	}{
		"an identity":            {greylist.Choice{Identity: "a"}, 2},
		"a sender":               {greylist.Choice{Address: 1002}, 1},
		"a recipient":            {greylist.Choice{Address: 2003}, 1},
		"a sender from identity": {greylist.Choice{Identity: "a", Address: 1003}, 0},
		"nobody":                 {greylist.Choice{Identity: "c"}, 0},
	} {
		if got, err := g.Select(t.Context(), tt.choice, 10); err != nil || len(got) != tt.want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	forget := func(c greylist.Choice, want int) {
		t.Helper()
		before, err := g.Changes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := g.Forget(t.Context(), c); err != nil || n != want {
			t.Errorf("got %d, %v; want %d", n, err, want)
		}
		if after, err := g.Changes(t.Context()); err != nil || after == before {
			t.Errorf("nobody hears of the change: %d, %v", after, err)
		}
	}
	forget(greylist.Choice{Address: 2004}, 1)
	if _, i := g.find(t, 4, "b"); i.Name == "" {
		t.Error("an address took its domain with it")
	}
	forget(greylist.Choice{Identity: "a"}, 2)
	if got, i := g.find(t, 2, "a"); got.Number != 0 || i.Name != "" {
		t.Errorf("still there: %+v, %+v", got, i)
	}
	if got, _ := g.find(t, 3, "b"); got.Number == 0 {
		t.Error("another identity's is gone")
	}
}

func greylistByHand(t *testing.T, g greylistRows) {
	i := greylist.Identity{Name: "example.org", Passes: greylist.ByHand, First: greylistTime, Last: greylistTime, Expires: greylistTime.Add(time.Hour)}
	if err := g.Pass(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	if _, got := g.find(t, 1, "example.org"); !reflect.DeepEqual(got, i) {
		t.Errorf("got %+v", got)
	}
	if n, err := g.Changes(context.WithoutCancel(t.Context())); err != nil || n != 1 {
		t.Errorf("got %d, %v", n, err)
	}
}
