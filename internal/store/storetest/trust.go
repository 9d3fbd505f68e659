package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/trust"
	"gatepost/quarantine"
)

// TrustRows is a store of weights, and of what teaches them.
type TrustRows struct {
	trust.Rows
	Queue      QueueRows
	Quarantine QuarantineRows
	// Back has a message be held again whose release came to nothing.
	Back func(t *testing.T, id string)
}

// Trust tests that what open returns keeps weights. Each call of open is a new, empty store
// with the mailbox 1.
func Trust(t *testing.T, open func(*testing.T) TrustRows) {
	for name, test := range map[string]func(*testing.T, TrustRows){
		"round trip":                    trustRoundTrip,
		"what is carried teaches":       trustCarried,
		"what is not carried does not":  trustNotCarried,
		"a weight has a most":           trustMost,
		"halved, and used":              trustHalved,
		"releases teach":                trustReleased,
		"what was taught is taken back": trustForgiven,
		"a hold that comes back":        trustHeldAgain,
		"pages":                         trustPages,
		"pruned":                        trustPruned,
		"many at once":                  trustTogether,
		"news":                          trustNews,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var trustTime = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func trustKey(scope trust.Scope, sender mail.Path) trust.Key {
	return trust.Key{Scope: scope, Sender: sender}
}

// weight returns what is known of a key, the zero Entry where that is nothing.
func weight(t *testing.T, rows TrustRows, k trust.Key) trust.Entry {
	t.Helper()
	list, err := rows.Find(t.Context(), []trust.Key{k})
	if err != nil || len(list) > 1 {
		t.Fatalf("find: %d, %v", len(list), err)
	}
	if len(list) == 0 {
		return trust.Entry{}
	}
	return list[0]
}

func wantWeight(t *testing.T, rows TrustRows, k trust.Key, want trust.Weight, how trust.How) {
	t.Helper()
	if got := weight(t, rows, k); got.Weight != want || got.How != how {
		t.Errorf("%v: got weight %d by %q, want %d by %q", k, got.Weight, got.How, want, how)
	}
}

func setTrust(t *testing.T, rows TrustRows, list ...trust.Entry) {
	t.Helper()
	for _, e := range list {
		if err := rows.Set(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func trustRoundTrip(t *testing.T, rows TrustRows) {
	e := trust.Entry{Key: trustKey("m1", "jürgen@far.example"), Weight: 1500, Used: trustTime.Add(time.Hour), Learnt: trustTime, How: trust.Outgoing | trust.Admin}
	setTrust(t, rows, e)
	if got := weight(t, rows, e.Key); got != e {
		t.Errorf("got %+v, want %+v", got, e)
	}
	e.Weight, e.How = 10, trust.Admin
	setTrust(t, rows, e)
	other := trustKey("d2", e.Sender)
	list, err := rows.Find(t.Context(), []trust.Key{other, e.Key, trustKey("m1", "x@far.example")})
	if err != nil || len(list) != 1 || list[0] != e {
		t.Errorf("got %+v, %v; want %+v alone", list, err, e)
	}
	for _, want := range []bool{true, false} {
		if gone, err := rows.Forget(t.Context(), e.Key); err != nil || gone != want {
			t.Errorf("forget: got %v, %v; want %v", gone, err, want)
		}
	}
	if got := weight(t, rows, e.Key); got != (trust.Entry{}) {
		t.Errorf("after forget: got %+v", got)
	}
}

// teaching queues a message to some recipients, each of which teaches the scope m1.
func teaching(t *testing.T, rows TrustRows, id string, rcpts ...mail.Path) []*queue.Transfer {
	t.Helper()
	m := &queue.Message{ID: id, Tx: "tx-" + id, Sender: "ann@here.example", Blob: "blob-" + id, Size: 100, Created: queueTime, Expires: queueTime.Add(time.Hour)}
	var list []*queue.Transfer
	for _, r := range rcpts {
		list = append(list, &queue.Transfer{Message: m, Recipient: r, Destination: toQueue, Teach: "m1"})
	}
	if err := rows.Queue.Put(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return claim(t, rows.Queue, 1000, time.Hour)
}

// endings settles all transfers with one fate.
func endings(t *testing.T, rows TrustRows, list []*queue.Transfer, fate queue.Fate) (all []queue.Settlement) {
	t.Helper()
	for _, tr := range list {
		all = append(all, queue.Settlement{Transfer: tr, Fate: fate})
	}
	settled(t, rows.Queue, 0, all...)
	return all
}

func trustCarried(t *testing.T, rows TrustRows) {
	before := time.Now().Add(-time.Minute)
	done := endings(t, rows, teaching(t, rows, "one", "Bob@far.example", "eve@far.example"), queue.Carried)
	bob := trustKey("m1", "bob@far.example")
	wantWeight(t, rows, bob, trust.One, trust.Outgoing)
	wantWeight(t, rows, trustKey("m1", "eve@far.example"), trust.One, trust.Outgoing)
	if e := weight(t, rows, bob); e.Used.Before(before) || e.Learnt != e.Used {
		t.Errorf("used %v, learnt %v", e.Used, e.Learnt)
	}
	settled(t, rows.Queue, len(done), done...) // again: the claims are lost
	wantWeight(t, rows, bob, trust.One, trust.Outgoing)
	endings(t, rows, teaching(t, rows, "two", "bob@far.example"), queue.Carried)
	wantWeight(t, rows, bob, 2*trust.One, trust.Outgoing)
}

func trustNotCarried(t *testing.T, rows TrustRows) {
	endings(t, rows, teaching(t, rows, "refused", "bob@far.example"), queue.Refused)
	list := teaching(t, rows, "deferred", "bob@far.example")
	endings(t, rows, list, queue.Deferred)
	list[0].Fence--
	settled(t, rows.Queue, 1, queue.Settlement{Transfer: list[0], Fate: queue.Carried}) // whose claim is another's
	wantWeight(t, rows, trustKey("m1", "bob@far.example"), 0, 0)
	silent := []*queue.Transfer{{Message: &queue.Message{ID: "s", Blob: "b", Expires: queueTime}, Recipient: "bob@far.example", Destination: "mx:silent.example"}}
	if err := rows.Queue.Put(t.Context(), silent); err != nil {
		t.Fatal(err)
	}
	claimed, err := rows.Queue.Claim(t.Context(), "mx:silent.example", 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	endings(t, rows, claimed, queue.Carried)
	wantWeight(t, rows, trustKey("m1", "bob@far.example"), 0, 0)
}

func trustMost(t *testing.T, rows TrustRows) {
	for i := range 12 {
		endings(t, rows, teaching(t, rows, fmt.Sprint("n", i), "bob@far.example"), queue.Carried)
	}
	wantWeight(t, rows, trustKey("m1", "bob@far.example"), trust.Most, trust.Outgoing)
}

func trustHalved(t *testing.T, rows TrustRows) {
	e := trust.Entry{Key: trustKey("m1", "bob@far.example"), Weight: 4 * trust.One, Learnt: trustTime, Used: trustTime, How: trust.Admin}
	for _, tt := range []struct {
		after time.Duration
		want  trust.Weight
	}{
		{-time.Hour, 4000}, {time.Hour, 4000}, {trust.HalfLife - time.Second, 4000}, {trust.HalfLife, 2000},
		{3 * trust.HalfLife, 500}, {100 * trust.HalfLife, 0},
	} {
		setTrust(t, rows, e)
		use := trust.Use{Key: e.Key, Time: trustTime.Add(tt.after)}
		if err := rows.Use(t.Context(), []trust.Use{use, {Key: trustKey("m9", "gone@far.example"), Time: trustTime}}); err != nil {
			t.Fatal(err)
		}
		got := weight(t, rows, e.Key)
		if used := slices.MaxFunc([]time.Time{use.Time, e.Used}, time.Time.Compare); got.Weight != tt.want || !got.Used.Equal(used) || !got.Learnt.Equal(e.Learnt) {
			t.Errorf("used after %v: got %+v, want weight %d", tt.after, got, tt.want)
		}
	}
	// What is learnt later adds to what is left; Settle goes by the store's own clock.
	e.Used = time.Now().Add(-trust.HalfLife - time.Hour)
	setTrust(t, rows, e)
	endings(t, rows, teaching(t, rows, "late", "bob@far.example"), queue.Carried)
	wantWeight(t, rows, e.Key, 3*trust.One, trust.Outgoing|trust.Admin)
}

// released holds message n of the mailbox 1 and releases it. Its sender's server signs
// return paths (BATV): what is learnt is learnt of the sender.
func released(t *testing.T, rows TrustRows, n int, d quarantine.Delivery) *quarantine.Held {
	t.Helper()
	h := heldMessage(n)
	h.Box, h.Sender, h.Guarded = 1, "prvs=1234ABCDEF=Bob@far.example", false
	rows.Quarantine.Hold(t, h)
	d.Time = quarantineTime
	act := quarantine.Act{Who: "admin", What: quarantine.StateReleased, When: quarantineTime}
	if _, err := rows.Quarantine.Settle(t.Context(), h.ID, act, &d); err != nil {
		t.Fatal(err)
	}
	return h
}

func trustReleased(t *testing.T, rows TrustRows) {
	bob := trustKey("m1", "bob@far.example")
	released(t, rows, 1, quarantine.Delivery{})
	wantWeight(t, rows, bob, 0, 0)
	released(t, rows, 2, quarantine.Delivery{Teach: "m1"})
	wantWeight(t, rows, bob, 2*trust.One, trust.Release)
	released(t, rows, 3, quarantine.Delivery{Teach: "m1", Solved: true})
	wantWeight(t, rows, bob, 4*trust.One, trust.Release|trust.Challenge)
}

func trustForgiven(t *testing.T, rows TrustRows) {
	bob := trustKey("m1", "bob@far.example")
	first, second := released(t, rows, 1, quarantine.Delivery{Teach: "m1"}), released(t, rows, 2, quarantine.Delivery{Teach: "m1"})
	for _, tt := range []struct {
		id   string
		want bool
		left trust.Weight
		how  trust.How
	}{
		{"nothing", false, 4000, trust.Release}, {first.ID, true, 2000, trust.Release}, {first.ID, false, 2000, trust.Release}, {second.ID, true, 0, 0},
	} {
		if got, err := rows.Forgive(t.Context(), tt.id, trustTime); err != nil || got != tt.want {
			t.Errorf("%s: got %v, %v; want %v", tt.id, got, err, tt.want)
		}
		wantWeight(t, rows, bob, tt.left, tt.how)
	}
	third := released(t, rows, 3, quarantine.Delivery{Teach: "m1"})
	if n, err := rows.Quarantine.Keeper.Purge(t.Context(), quarantineTime.Add(time.Hour), 10); err != nil || n != 3 {
		t.Fatalf("purged %d, %v", n, err)
	}
	if got, err := rows.Forgive(t.Context(), third.ID, trustTime); err != nil || got {
		t.Errorf("what was purged: got %v, %v", got, err)
	}
	wantWeight(t, rows, bob, 2000, trust.Release)
}

func trustHeldAgain(t *testing.T, rows TrustRows) {
	h := released(t, rows, 1, quarantine.Delivery{Teach: "m1"})
	rows.Back(t, h.ID)
	wantWeight(t, rows, trustKey("m1", "bob@far.example"), 0, 0)
	act := quarantine.Act{Who: "admin", What: quarantine.StateReleased, When: quarantineTime}
	if _, err := rows.Quarantine.Settle(t.Context(), h.ID, act, &quarantine.Delivery{Teach: "m1", Time: quarantineTime}); err != nil {
		t.Fatal(err)
	}
	wantWeight(t, rows, trustKey("m1", "bob@far.example"), 2*trust.One, trust.Release)
}

// keysOf are entries as one text each.
func keysOf(list []trust.Entry) (all []string) {
	for _, e := range list {
		all = append(all, string(e.Scope)+" "+string(e.Sender))
	}
	return all
}

func trustPages(t *testing.T, rows TrustRows) {
	for _, scope := range []trust.Scope{"d2", "m1", "x@far.example"} {
		for _, sender := range []mail.Path{"c@a", "a@a", "b@a"} {
			setTrust(t, rows, trust.Entry{Key: trustKey(scope, sender), Weight: 1, Used: trustTime, Learnt: trustTime})
		}
	}
	for _, tt := range []struct {
		scopes []trust.Scope
		after  trust.Key
		limit  int
		want   []string
	}{
		{nil, trust.Key{}, 4, []string{"d2 a@a", "d2 b@a", "d2 c@a", "m1 a@a"}},
		{nil, trustKey("m1", "a@a"), 10, []string{"m1 b@a", "m1 c@a", "x@far.example a@a", "x@far.example b@a", "x@far.example c@a"}},
		{[]trust.Scope{"m1", "d2", "d2"}, trust.Key{}, 5, []string{"d2 a@a", "d2 b@a", "d2 c@a", "m1 a@a", "m1 b@a"}},
		{[]trust.Scope{"m1", "d2"}, trustKey("d2", "b@a"), 10, []string{"d2 c@a", "m1 a@a", "m1 b@a", "m1 c@a"}},
		{[]trust.Scope{"m1", "d2"}, trustKey("m1", "b@a"), 10, []string{"m1 c@a"}},
		{[]trust.Scope{"m3"}, trust.Key{}, 10, nil},
	} {
		got, err := rows.List(t.Context(), tt.scopes, tt.after, tt.limit)
		if err != nil || !slices.Equal(keysOf(got), tt.want) {
			t.Errorf("%v after %v: got %q, %v; want %q", tt.scopes, tt.after, keysOf(got), err, tt.want)
		}
	}
}

// trustNews: who was not known before is news, once, in the order of commits.
func trustNews(t *testing.T, rows TrustRows) {
	since := func(after int64, limit int) trust.News {
		t.Helper()
		n, err := rows.News(t.Context(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	begin := since(0, 0).Next
	for _, e := range []trust.Entry{
		{Key: trustKey("m1", "a@far.example"), Learnt: trustTime},
		{Key: trustKey("m1", "b@far.example"), Learnt: trustTime},
		{Key: trustKey("m1", "a@far.example"), Learnt: trustTime.Add(time.Hour)},                  // is known
		{Key: trustKey("d2", "a@far.example"), Learnt: trustTime},                                 // in another scope
		{Key: trustKey("m1", "b@far.example"), Learnt: trustTime.Add(trust.HalfLife + time.Hour)}, // could be pruned any time
	} {
		e.Weight, e.Used = 1, e.Learnt
		setTrust(t, rows, e)
	}
	endings := endings(t, rows, teaching(t, rows, "m", "c@far.example", "a@far.example"), queue.Carried)
	if _, err := rows.Queue.Settle(t.Context(), endings); err != nil {
		t.Fatal(err)
	}
	all := since(begin, 100)
	if want := []mail.Path{"a@far.example", "b@far.example", "a@far.example", "b@far.example"}; all.Gap || len(all.Senders) < 5 || !slices.Equal(all.Senders[:4], want) ||
		!slices.Contains(all.Senders[4:], "c@far.example") {
		t.Errorf("news: got %+v", all)
	}
	some := since(begin, 2)
	if rest := since(some.Next, 100); len(some.Senders) != 2 || !slices.Equal(slices.Concat(some.Senders, rest.Senders), all.Senders) || rest.Next != all.Next {
		t.Errorf("in pages: %+v, %+v", some, rest)
	}
	if n := since(all.Next, 100); n.Gap || len(n.Senders) != 0 || n.Next != all.Next {
		t.Errorf("nothing new: %+v", n)
	}
	if n := since(all.Next+1, 100); !n.Gap || n.Next != all.Next {
		t.Errorf("after a number of another store: %+v", n)
	}
}

func trustPruned(t *testing.T, rows TrustRows) {
	for i := range 10 {
		e := trust.Entry{Key: trustKey("m1", mail.Path(fmt.Sprintf("s%d@a", i))), Weight: trust.One, Used: trustTime, Learnt: trustTime}
		if i%2 == 0 {
			e.Used = trustTime.Add(-4 * trust.HalfLife)
		}
		setTrust(t, rows, e)
	}
	var last trust.Key
	total, turns := 0, 0
	for {
		next, n, err := rows.Prune(t.Context(), last, trustTime, 3)
		if err != nil {
			t.Fatal(err)
		}
		total += n
		turns++
		if next == (trust.Key{}) {
			break
		}
		last = next
	}
	left, err := rows.List(t.Context(), nil, trust.Key{}, 100)
	if want := []string{"m1 s1@a", "m1 s3@a", "m1 s5@a", "m1 s7@a", "m1 s9@a"}; err != nil || total != 5 || turns != 4 || !slices.Equal(keysOf(left), want) {
		t.Errorf("pruned %d in %d turns, %v, left %q", total, turns, err, keysOf(left))
	}
}

// trustTogether: commits that teach the same in other orders don't wait for each other in a
// circle, and nothing is lost.
func trustTogether(t *testing.T, rows TrustRows) {
	const writers, each = 4, 2
	rcpts := []mail.Path{"a@far.example", "b@far.example", "c@far.example"}
	var all sync.WaitGroup
	var jobs [writers][][]*queue.Transfer
	for w := range writers {
		for i := range each {
			order := slices.Clone(rcpts)
			if w%2 == 0 {
				slices.Reverse(order)
			}
			jobs[w] = append(jobs[w], teaching(t, rows, fmt.Sprint("w", w, "-", i), order...))
		}
	}
	for _, lists := range jobs {
		all.Go(func() {
			for _, list := range lists {
				var s []queue.Settlement
				for _, tr := range list {
					s = append(s, queue.Settlement{Transfer: tr, Fate: queue.Carried})
				}
				if lost, err := rows.Queue.Settle(context.WithoutCancel(t.Context()), s); err != nil || lost > 0 {
					t.Errorf("settle: lost %d, %v", lost, err)
				}
			}
		})
	}
	all.Wait()
	for _, r := range rcpts {
		wantWeight(t, rows, trustKey("m1", r), 2*writers*trust.One, trust.Outgoing)
	}
}
