package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/ban"
)

// Bans tests that what open returns keeps bans. Each call of open is a new, empty store.
// Its clock need not be the test's; nothing here waits.
func Bans(t *testing.T, open func(*testing.T) ban.Rows) {
	for name, test := range map[string]func(*testing.T, ban.Rows){
		"a ban comes back as it was":       banRoundTrip,
		"who is banned is not banned anew": banStands,
		"the ladder is climbed":            banLadder,
		"a ban that counted before":        banAgo,
		"an admin's takes the place":       banReplaced,
		"a graver one takes the place":     banOutweighed,
		"a ban is lifted once":             banLifted,
		"one's own once a day":             banOften,
		"changes are followed":             banFollowed,
		"hits are added":                   banHits,
		"bans are found":                   banFound,
		"purged by age and by number":      banPurged,
		"two nodes at once":                banRace,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func banLadderOf() ban.Ladder {
	return ban.Ladder{Rungs: []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour}, Memory: 7 * 24 * time.Hour}
}

// order asks for a ban; d is how long it lasts, less than 0: it ended that long ago.
func order(network string, d time.Duration) ban.Order {
	return ban.Order{Network: netip.MustParsePrefix(network), Cause: ban.Harvest, Note: "Ärger", Who: ban.ByNode, For: d}
}

func impose(t *testing.T, rows ban.Rows, orders ...ban.Order) []ban.Ban {
	t.Helper()
	list, err := rows.Impose(t.Context(), orders, banLadderOf())
	if err != nil || len(list) != len(orders) {
		t.Fatalf("imposed %d of %d: %v", len(list), len(orders), err)
	}
	return list
}

func oneBan(t *testing.T, rows ban.Rows, id int64) ban.Ban {
	t.Helper()
	list, err := rows.Find(t.Context(), ban.Query{ID: id})
	if err != nil || len(list) != 1 {
		t.Fatalf("ban %d: %d rows, %v", id, len(list), err)
	}
	return list[0]
}

func banRoundTrip(t *testing.T, rows ban.Rows) {
	for _, network := range []string{"192.0.2.7/32", "2001:db8::/64", "198.51.100.0/24"} {
		o := order(network, time.Hour)
		got := impose(t, rows, o)[0]
		if again := oneBan(t, rows, got.ID); again != got {
			t.Errorf("got %+v, want %+v", again, got)
		}
		if got.Network.String() != network || got.Cause != o.Cause || got.Note != o.Note || got.Who != o.Who || got.Step != 1 || got.Until.Sub(got.Imposed) != time.Hour || got.Revision == 0 {
			t.Errorf("got %+v of %+v", got, o)
		}
	}
}

func banStands(t *testing.T, rows ban.Rows) {
	first := impose(t, rows, order("192.0.2.7/32", 0))[0]
	second := order("192.0.2.7/32", time.Hour)
	second.Cause, second.Note = ban.Honeypot, "other"
	if got := impose(t, rows, second)[0]; got != first {
		t.Errorf("got %+v, want %+v", got, first)
	}
}

func banLadder(t *testing.T, rows ban.Rows) {
	l := banLadderOf()
	for i, tt := range []struct {
		ago  time.Duration // when the ban before it ended
		step int
	}{{time.Hour, 2}, {time.Minute, 3}, {time.Second, 3}, {l.Memory + time.Hour, 1}} {
		network := fmt.Sprintf("192.0.2.%d/32", i)
		for step := 1; step < tt.step || step == 1; step++ {
			impose(t, rows, order(network, -tt.ago))
		}
		got := impose(t, rows, order(network, 0))[0]
		if got.Step != tt.step || got.Until.Sub(got.Imposed) != l.Rung(tt.step) {
			t.Errorf("%v after the last: step %d for %v, want %d for %v", tt.ago, got.Step, got.Until.Sub(got.Imposed), tt.step, l.Rung(tt.step))
		}
	}
	// Lifted by an admin it is forgiven, by oneself it is not.
	for _, tt := range []struct {
		who  string
		step int
	}{{"olga", 1}, {ban.BySelf, 2}} {
		n := impose(t, rows, order("203.0.113."+fmt.Sprint(tt.step)+"/32", 0))[0]
		if _, err := rows.Lift(t.Context(), n.ID, ban.Lifting{Who: tt.who}); err != nil {
			t.Fatal(err)
		}
		if got := impose(t, rows, order(n.Network.String(), 0))[0]; got.Step != tt.step {
			t.Errorf("lifted by %s: step %d, want %d", tt.who, got.Step, tt.step)
		}
	}
}

// A ban that was written late ends as it would have; one that is over by then is
// remembered.
func banAgo(t *testing.T, rows ban.Rows) {
	late := order("192.0.2.7/32", 0)
	late.Ago = 4 * time.Minute
	got := impose(t, rows, late)[0]
	s, err := rows.Load(t.Context(), 0, func(ban.Ban) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if got.Until.Sub(got.Imposed) != 10*time.Minute || s.Now.Sub(got.Imposed) < 4*time.Minute || got.Until.Before(s.Now) {
		t.Errorf("at %v: got %+v", s.Now, got)
	}
	late = order("192.0.2.8/32", 0)
	late.Ago = time.Hour
	if got := impose(t, rows, late)[0]; got.Active(s.Now) {
		t.Errorf("got %+v", got)
	}
	if got := impose(t, rows, order("192.0.2.8/32", 0))[0]; got.Step != 2 {
		t.Errorf("the next one: %+v", got)
	}
}

func banReplaced(t *testing.T, rows ban.Rows) {
	first := impose(t, rows, order("192.0.2.7/32", 0))[0]
	by := order("192.0.2.7/32", 48*time.Hour)
	by.Cause, by.Who, by.Replace = ban.Admin, "olga", true
	second := impose(t, rows, by)[0]
	if second.ID == first.ID || second.Cause != ban.Admin || second.Until.Sub(second.Imposed) != 48*time.Hour {
		t.Errorf("got %+v", second)
	}
	if old := oneBan(t, rows, first.ID); old.Lifted.IsZero() || old.LiftedBy != ban.ByNode {
		t.Errorf("the first one is %+v", old)
	}
	list, err := rows.Find(t.Context(), ban.Query{Active: true})
	if err != nil || len(list) != 1 || list[0] != second {
		t.Errorf("active: %+v, %v", list, err)
	}
}

// A ban that shuts all doors takes the place of one that does not, and does not end before
// it; not the other way round.
func banOutweighed(t *testing.T, rows ban.Rows) {
	lesser := impose(t, rows, order("192.0.2.7/32", 48*time.Hour))[0]
	o := order("192.0.2.7/32", 0)
	o.Cause = ban.Login
	got := impose(t, rows, o)[0]
	if got.ID == lesser.ID || got.Cause != ban.Login || got.Step != 2 || !got.Until.Equal(lesser.Until) {
		t.Errorf("got %+v, want a ban for login in the place of %+v", got, lesser)
	}
	if again := oneBan(t, rows, got.ID); again != got {
		t.Errorf("the row is %+v, want %+v", again, got)
	}
	if old := oneBan(t, rows, lesser.ID); old.Lifted.IsZero() || old.LiftedBy != ban.ByNode || old.Revision != got.Revision {
		t.Errorf("the lesser one is %+v", old)
	}
	for _, cause := range []ban.Cause{ban.Harvest, ban.Login} {
		o.Cause = cause
		if stands := impose(t, rows, o)[0]; stands != got {
			t.Errorf("%s: got %+v, want %+v", cause, stands, got)
		}
	}
	list, err := rows.Find(t.Context(), ban.Query{Active: true})
	if err != nil || len(list) != 1 || list[0] != got {
		t.Errorf("active: %+v, %v", list, err)
	}
}

func banLifted(t *testing.T, rows ban.Rows) {
	n := impose(t, rows, order("192.0.2.7/32", 0))[0]
	lifted, err := rows.Lift(t.Context(), n.ID, ban.Lifting{Who: "olga", Reason: "a customer"})
	if err != nil || lifted.Lifted.IsZero() || lifted.LiftedBy != "olga" || lifted.Reason != "a customer" || lifted.Revision <= n.Revision || !lifted.Until.Equal(n.Until) {
		t.Errorf("got %+v, %v", lifted, err)
	}
	if got := oneBan(t, rows, n.ID); got != lifted {
		t.Errorf("got %+v, want %+v", got, lifted)
	}
	over := impose(t, rows, order("192.0.2.8/32", -time.Second))[0]
	for _, id := range []int64{n.ID, over.ID, 4711} {
		if _, err := rows.Lift(t.Context(), id, ban.Lifting{Who: "olga"}); !errors.Is(err, ban.ErrNone) {
			t.Errorf("lift %d: got %v, want ErrNone", id, err)
		}
	}
}

func banOften(t *testing.T, rows ban.Rows) {
	own := ban.Lifting{Who: ban.BySelf, Once: 24 * time.Hour}
	for i, want := range []error{nil, ban.ErrOften} {
		n := impose(t, rows, order("192.0.2.7/32", 0))[0]
		if _, err := rows.Lift(t.Context(), n.ID, own); !errors.Is(err, want) {
			t.Errorf("time %d: got %v, want %v", i, err, want)
		}
	}
	other := impose(t, rows, order("192.0.2.8/32", 0))[0]
	if _, err := rows.Lift(t.Context(), other.ID, own); err != nil {
		t.Errorf("another network: %v", err)
	}
}

// follow reads the changes after a revision: "network" of what is active, "-network" of
// what was lifted.
func follow(t *testing.T, rows ban.Rows, since int64) (changes []string, now int64) {
	t.Helper()
	s, err := rows.Load(t.Context(), since, func(n ban.Ban) error {
		text := n.Network.String()
		if !n.Lifted.IsZero() {
			text = "-" + text
		}
		changes = append(changes, text)
		return nil
	})
	if err != nil || s.Now.IsZero() {
		t.Fatal(s, err)
	}
	return changes, s.Revision
}

func banFollowed(t *testing.T, rows ban.Rows) {
	if start, at := follow(t, rows, 0); len(start) > 0 || at != 0 {
		t.Errorf("at first: %q, %d", start, at)
	}
	impose(t, rows, order("192.0.2.0/32", -time.Second))
	_, at := follow(t, rows, 0)
	list := impose(t, rows, order("192.0.2.1/32", 0), order("192.0.2.2/32", 0), order("192.0.2.3/32", -time.Second))
	if _, err := rows.Lift(t.Context(), list[0].ID, ban.Lifting{Who: "olga"}); err != nil {
		t.Fatal(err)
	}
	changes, after := follow(t, rows, at)
	if want := []string{"192.0.2.2/32", "192.0.2.3/32", "-192.0.2.1/32"}; !slices.Equal(changes, want) || after != at+2 {
		t.Errorf("changes to %d: got %q, want %q", after, changes, want)
	}
	if changes, again := follow(t, rows, after); len(changes) > 0 || again != after {
		t.Errorf("nothing new: got %q, %d; want %d", changes, again, after)
	}
	if all, _ := follow(t, rows, 0); !slices.Equal(all, []string{"192.0.2.2/32"}) {
		t.Errorf("from the start: got %q", all)
	}
	stop := errors.New("stop")
	if _, err := rows.Load(t.Context(), 0, func(ban.Ban) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

func banHits(t *testing.T, rows ban.Rows) {
	n := impose(t, rows, order("192.0.2.1/32", 0))[0]
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, h := range []ban.Hits{{ID: n.ID, Count: 3, Last: at}, {ID: n.ID, Count: 2, Last: at.Add(-time.Hour)}} {
		if err := rows.AddHits(t.Context(), []ban.Hits{{ID: 4711, Count: 1, Last: at}, h}); err != nil {
			t.Fatal(err)
		}
	}
	if got := oneBan(t, rows, n.ID); got.Hits != 5 || !got.LastHit.Equal(at) || got.Revision != n.Revision {
		t.Errorf("got %+v", got)
	}
}

func banFound(t *testing.T, rows ban.Rows) {
	hand := order("198.51.100.0/24", 0)
	hand.Cause = ban.Admin
	impose(t, rows, order("192.0.2.1/32", 0), order("192.0.2.2/32", -time.Second), order("2001:db8::/64", 0), hand)
	all, err := rows.Find(t.Context(), ban.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		q    ban.Query
		want string
	}{
		"all, the newest first": {ban.Query{}, "[198.51.100.0/24 2001:db8::/64 192.0.2.2/32 192.0.2.1/32]"},
		"active":                {ban.Query{Active: true}, "[198.51.100.0/24 2001:db8::/64 192.0.2.1/32]"},
		"by cause":              {ban.Query{Cause: ban.Admin}, "[198.51.100.0/24]"},
		"by network":            {ban.Query{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/32"), netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("10.0.0.0/24")}}, "[2001:db8::/64 192.0.2.2/32]"},
		"a page":                {ban.Query{Limit: 2}, "[198.51.100.0/24 2001:db8::/64]"},
		"the next one":          {ban.Query{Limit: 2, After: all[1].ID}, "[192.0.2.2/32 192.0.2.1/32]"},
	} {
		list, err := rows.Find(t.Context(), tt.q)
		if got := fmt.Sprint(networks(list)); got != tt.want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, tt.want)
		}
	}
}

func networks(list []ban.Ban) (names []netip.Prefix) {
	for _, n := range list {
		names = append(names, n.Network)
	}
	return names
}

func banPurged(t *testing.T, rows ban.Rows) {
	hand := order("192.0.2.9/32", time.Minute)
	hand.Cause = ban.Admin
	list := impose(t, rows,
		order("192.0.2.1/32", -48*time.Hour), order("192.0.2.2/32", -2*time.Hour), order("192.0.2.3/32", -time.Hour),
		order("192.0.2.4/32", time.Hour), order("192.0.2.5/32", 2*time.Hour), hand)
	at := list[0].Imposed
	for _, tt := range []struct {
		before        time.Time
		active, ended int
		want          string
	}{
		{at.Add(-24 * time.Hour), 10, 10, "[192.0.2.9/32 192.0.2.5/32 192.0.2.4/32 192.0.2.3/32 192.0.2.2/32]"},
		{at.Add(-24 * time.Hour), 10, 1, "[192.0.2.9/32 192.0.2.5/32 192.0.2.4/32 192.0.2.3/32]"},
		{at.Add(-24 * time.Hour), 2, 1, "[192.0.2.9/32 192.0.2.5/32 192.0.2.3/32]"},
		{at.Add(24 * time.Hour), 0, 1, "[]"},
	} {
		for n := 1; n > 0; {
			var err error
			if n, err = rows.Purge(t.Context(), tt.before, tt.active, tt.ended); err != nil {
				t.Fatal(err)
			}
		}
		left, err := rows.Find(t.Context(), ban.Query{})
		if got := fmt.Sprint(networks(left)); got != tt.want || err != nil {
			t.Errorf("%d active, %d ended: got %s, %v; want %s", tt.active, tt.ended, got, err, tt.want)
		}
	}
}

// Nodes ban, lift and count the same at once: one of each is done, and no revision is
// taken twice.
func banRace(t *testing.T, rows ban.Rows) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	ids := map[netip.Prefix]map[int64]bool{}
	for node := range 4 {
		all.Go(func() {
			for i := range 5 {
				orders := []ban.Order{order(fmt.Sprintf("192.0.2.%d/32", i), time.Hour), order(fmt.Sprintf("192.0.2.%d/32", 100+i), time.Hour)}
				if node%2 == 1 {
					slices.Reverse(orders)
				}
				list, err := rows.Impose(ctx, orders, banLadderOf())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, n := range list {
					if ids[n.Network] == nil {
						ids[n.Network] = map[int64]bool{}
					}
					ids[n.Network][n.ID] = true
				}
				mu.Unlock()
				if err := rows.AddHits(ctx, []ban.Hits{{ID: list[1].ID, Count: 1, Last: list[1].Imposed}, {ID: list[0].ID, Count: 1, Last: list[0].Imposed}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for network, of := range ids {
		if len(of) != 1 {
			t.Errorf("%s was banned %d times", network, len(of))
		}
	}
	list, err := rows.Find(ctx, ban.Query{})
	if err != nil || len(list) != 10 {
		t.Fatalf("%d rows, %v", len(list), err)
	}
	for _, n := range list {
		if n.Hits != 4 {
			t.Errorf("%s has %d hits, want 4", n.Network, n.Hits)
		}
	}
}
