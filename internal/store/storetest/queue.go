package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// QueueRows is a queue under test, and what the tests need beside it.
type QueueRows struct {
	queue.Rows
	queue.Clerk
	Put         func(ctx context.Context, list []*queue.Transfer) error
	CommitLocal func(ctx context.Context, t *queue.Transfer, c *intake.Commit, left []int64) error
	Refs        func(t *testing.T, blob string) int // references to a content; 0 where there is none
}

// Queue is the contract of queue.Rows and queue.Clerk. open returns an empty queue.
func Queue(t *testing.T, open func(t *testing.T) QueueRows) {
	for name, test := range map[string]func(*testing.T, QueueRows){
		"round trip": queueRoundTrip, "claims": queueClaims, "fences": queueFences, "settle": queueSettle, "settle again": queueSettleAgain, "acts": queueActs, "waits": queueWaits, "nearer": queueNearer,
		"destinations": queueDestinations, "find": queueFind, "homes": queueHomes, "backlogs": queueBacklogs, "together": queueTogether, "local": queueLocal,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

const toQueue = queue.Destination("mx:a.example")

var queueTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// queued makes a message for some recipients of one destination and puts it.
func queued(t *testing.T, q QueueRows, id string, d queue.Destination, rcpts ...mail.Path) *queue.Message {
	t.Helper()
	m := &queue.Message{
		ID: id, Tx: "tx-" + id, Sender: "Sender@here.example", Blob: "blob-" + id, View: mail.View{Prefix: []byte("X: y\r\n"), Skip: 3}, Size: 103,
		By:      7,
		Params:  mail.Params{Size: 103, Body: "8BITMIME", SMTPUTF8: true, RequireTLS: true, Return: "HDRS", EnvelopeID: "e"},
		Created: queueTime, Expires: queueTime.Add(time.Hour),
	}
	var list []*queue.Transfer
	for _, r := range rcpts {
		list = append(list, &queue.Transfer{
			Message: m, Recipient: r, Destination: d, Params: mail.RcptParams{Notify: mail.NotifyDelay, Original: "rfc822;" + string(r)},
			Boxes: []int64{3, 5}, Folder: "Junk", Filed: true, Judged: queue.Judged{Proof: "spf", Spam: 12.5, Virus: 1, Known: true},
		})
	}
	if err := q.Put(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return m
}

func claim(t *testing.T, q QueueRows, limit int, lease time.Duration) []*queue.Transfer {
	t.Helper()
	list, err := q.Claim(t.Context(), toQueue, limit, lease)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func settled(t *testing.T, q QueueRows, lost int, list ...queue.Settlement) {
	t.Helper()
	got, err := q.Settle(t.Context(), list)
	if err != nil || got != lost {
		t.Fatalf("settle: lost %d, %v; want %d", got, err, lost)
	}
}

func recipients(list []*queue.Transfer) (all []string) {
	for _, t := range list {
		all = append(all, string(t.Recipient))
	}
	return all
}

func queueRoundTrip(t *testing.T, q QueueRows) {
	m := queued(t, q, "m", toQueue, "Ann@a.example", "bob@a.example")
	if n := q.Refs(t, m.Blob); n != 1 {
		t.Errorf("content has %d references, want 1", n)
	}
	list := claim(t, q, 10, time.Hour)
	if len(list) != 2 || list[0].Message != list[1].Message {
		t.Fatalf("claimed %d, want 2 of one message", len(list))
	}
	got, want := *list[0].Message, *m
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("message: got %+v, want %+v", got, want)
	}
	a := list[0]
	if a.Recipient != "Ann@a.example" || a.Params.Notify != mail.NotifyDelay || a.Params.Original != "rfc822;Ann@a.example" ||
		!slices.Equal(a.Boxes, []int64{3, 5}) || a.Folder != "Junk" || !a.Filed || a.Destination != toQueue || a.State != queue.Waiting || a.Fence != 1 || a.Attempts != 0 {
		t.Errorf("transfer %+v", a)
	}
	settled(t, q, 0, queue.Settlement{Transfer: list[0], Fate: queue.Carried}, queue.Settlement{Transfer: list[1], Fate: queue.Refused})
	if n := q.Refs(t, m.Blob); n != 0 {
		t.Errorf("content has %d references after the last transfer, want 0", n)
	}
	events, err := q.Events(t.Context(), "tx-m")
	if err != nil || len(events) != 2 || events[0].What != "carried" || events[1].What != "refused" || events[1].Recipient != "bob@a.example" {
		t.Errorf("events %+v, %v", events, err)
	}
}

// What is claimed is claimed once, until its time is over.
func queueClaims(t *testing.T, q QueueRows) {
	queued(t, q, "m", toQueue, "a@a.example", "b@a.example", "c@a.example")
	queued(t, q, "n", "mx:b.example", "d@b.example")
	first := claim(t, q, 2, time.Hour)
	rest := claim(t, q, 10, -time.Second) // a claim that is over at once
	if got := recipients(first); !slices.Equal(got, []string{"a@a.example", "b@a.example"}) {
		t.Errorf("first claim %v", got)
	}
	if got := recipients(rest); !slices.Equal(got, []string{"c@a.example"}) {
		t.Errorf("second claim %v", got)
	}
	again := claim(t, q, 10, time.Hour)
	list, err := q.Find(t.Context(), queue.Query{Limit: 10})
	var claimed []string
	for _, found := range list {
		if found.Claimed {
			claimed = append(claimed, string(found.Recipient))
		}
	}
	if err != nil || !again[0].Claimed || !slices.Equal(claimed, []string{"a@a.example", "b@a.example", "c@a.example"}) {
		t.Errorf("claimed are %v, %v", claimed, err)
	}
	if got := recipients(again); !slices.Equal(got, []string{"c@a.example"}) || again[0].Fence != 2 {
		t.Errorf("after its time %v", got)
	}
	if err := q.Reclaim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, q, 10, time.Hour); len(got) != 3 {
		t.Errorf("after a restart %v", recipients(got))
	}
}

// Who lost a claim settles nothing, and tells nobody anything.
func queueFences(t *testing.T, q QueueRows) {
	queued(t, q, "m", toQueue, "a@a.example")
	old := claim(t, q, 1, -time.Second)[0]
	young := claim(t, q, 1, time.Hour)[0]
	notice := &queue.Message{ID: "notice", Tx: "tx-m", Blob: "b", Size: 1, Created: queueTime, Expires: queueTime}
	settled(t, q, 1, queue.Settlement{Transfer: old, Fate: queue.Refused, Notice: &queue.Transfer{Message: notice, Recipient: "s@here.example", Destination: queue.Local}})
	settled(t, q, 1, queue.Settlement{Transfer: old, Fate: queue.Deferred})
	if err := q.CommitLocal(t.Context(), old, &intake.Commit{}, nil); !errors.Is(err, queue.ErrLost) {
		t.Errorf("local: got %v", err)
	}
	if n := q.Refs(t, "b"); n != 0 {
		t.Errorf("the notice was queued")
	}
	settled(t, q, 0, queue.Settlement{Transfer: young, Fate: queue.Carried})
	settled(t, q, 1, queue.Settlement{Transfer: young, Fate: queue.Carried})
}

// A settlement that was done, though nobody said so, is tried again, when what it put
// back is claimed anew: nobody is told twice, whether the notice waits or was sent.
func queueSettleAgain(t *testing.T, q QueueRows) {
	queued(t, q, "m", toQueue, "a@a.example", "b@a.example", "c@a.example")
	list := claim(t, q, 3, time.Hour)
	notice := func(id string) *queue.Transfer {
		m := &queue.Message{ID: id, Tx: "tx-m", Blob: "b", Size: 1, Created: queueTime, Expires: queueTime}
		return &queue.Transfer{Message: m, Recipient: "s@here.example", Destination: queue.Local}
	}
	settlements := []queue.Settlement{
		{Transfer: list[0], Fate: queue.Refused, Notice: notice("failed")},
		{Transfer: list[1], Fate: queue.Deferred, Delayed: true, Notice: notice("delayed")},
		{Transfer: list[2], Fate: queue.Deferred},
	}
	settled(t, q, 0, settlements...)
	renew := func() {
		t.Helper()
		young := claim(t, q, 10, time.Hour)
		if len(young) != 2 {
			t.Fatalf("claimed %v", recipients(young))
		}
		settlements[1].Transfer, settlements[2].Transfer = young[0], young[1]
	}
	renew()
	settled(t, q, 1, settlements...)
	told, err := q.Claim(t.Context(), queue.Local, 10, time.Hour)
	if err != nil || len(told) != 2 {
		t.Fatalf("notices: %d, %v", len(told), err)
	}
	settled(t, q, 0, queue.Settlement{Transfer: told[0], Fate: queue.Carried}, queue.Settlement{Transfer: told[1], Fate: queue.Carried})
	renew()
	settled(t, q, 1, settlements...)
	if told, err := q.Claim(t.Context(), queue.Local, 10, time.Hour); err != nil || len(told) != 0 {
		t.Errorf("notices that were sent: %d again, %v", len(told), err)
	}
}

func queueSettle(t *testing.T, q QueueRows) {
	queued(t, q, "m", toQueue, "a@a.example", "b@a.example")
	list := claim(t, q, 2, time.Hour)
	said := queue.Reply{Host: "mx [192.0.2.1]:25", Code: 450, Enhanced: "4.7.1", Text: "later", Command: "RCPT"}
	notice := &queue.Message{ID: "notice", Tx: "tx-m", Blob: "b", Size: 1, Created: queueTime, Expires: queueTime}
	settled(t, q, 0,
		queue.Settlement{
			Transfer: list[0], Fate: queue.Deferred, Reply: said, Delayed: true,
			Notice: &queue.Transfer{Message: notice, Recipient: "s@here.example", Destination: queue.Local},
		},
		queue.Settlement{Transfer: list[1], Fate: queue.Deferred, Untried: true})
	again := claim(t, q, 10, time.Hour)
	if len(again) != 2 {
		t.Fatalf("claimed %v", recipients(again))
	}
	for _, a := range again {
		tried := a.Recipient == "a@a.example"
		if tried != (a.Attempts == 1) || tried != a.Delayed || tried != (a.Last == said) {
			t.Errorf("%s: %+v", a.Recipient, a)
		}
	}
	settled(t, q, 0, queue.Settlement{Transfer: again[0], Fate: queue.Deferred, Retry: time.Hour})
	if got := claim(t, q, 10, time.Hour); len(got) != 0 {
		t.Errorf("claimed before it is due: %v", recipients(got))
	}
	if got, err := q.Claim(t.Context(), queue.Local, 10, time.Hour); err != nil || len(got) != 1 || got[0].Message.ID != "notice" {
		t.Errorf("the notice: %v, %v", got, err)
	}
}

func queueActs(t *testing.T, q QueueRows) {
	queued(t, q, "m", toQueue, "a@a.example", "b@a.example", "c@a.example")
	change := func(query queue.Query, act queue.Act, want int) {
		t.Helper()
		if n, err := q.Change(t.Context(), query, act); err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", act, n, err, want)
		}
	}
	change(queue.Query{Recipient: "A@a.example"}, queue.Hold, 1)
	change(queue.Query{Recipient: "a@a.example"}, queue.Hold, 0)
	onWire := claim(t, q, 1, time.Hour)
	if got := recipients(onWire); !slices.Equal(got, []string{"b@a.example"}) {
		t.Fatalf("claimed %v", got)
	}
	change(queue.Query{Recipient: "b@a.example"}, queue.Delete, 0)
	change(queue.Query{Recipient: "b@a.example"}, queue.Retry, 0)
	change(queue.Query{Recipient: "b@a.example"}, queue.Hold, 1)
	settled(t, q, 0, queue.Settlement{Transfer: onWire[0], Fate: queue.Deferred})
	if got := recipients(claim(t, q, 10, -time.Second)); !slices.Equal(got, []string{"c@a.example"}) {
		t.Errorf("claimed %v", got)
	}
	change(queue.Query{State: queue.Held}, queue.Release, 2)
	change(queue.Query{Message: "tx-m"}, queue.Delete, 3)
	if n := q.Refs(t, "blob-m"); n != 0 {
		t.Errorf("content has %d references, want 0", n)
	}
	events, err := q.Events(t.Context(), "tx-m")
	if err != nil || len(events) != 8 {
		t.Errorf("%d events, %v; want 8: 2 hold, 1 deferred, 2 release, 3 delete", len(events), err)
	}
}

// What its sender has wait (RFC 4865) nobody hurries, and it can be taken back until it is let go.
func queueWaits(t *testing.T, q QueueRows) {
	put := func(id string, release time.Time, rcpts ...mail.Path) {
		t.Helper()
		m := &queue.Message{ID: id, Tx: "tx-" + id, Sender: "s@here.example", Blob: "blob-" + id, Size: 10, Created: queueTime, Expires: queueTime}
		m.Params.Release = release
		var list []*queue.Transfer
		for _, r := range rcpts {
			list = append(list, &queue.Transfer{Message: m, Recipient: r, Destination: toQueue})
		}
		if err := q.Put(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	put("later", later, "a@a.example", "b@a.example")
	change := func(query queue.Query, act queue.Act, want int) {
		t.Helper()
		if n, err := q.Change(t.Context(), query, act); err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", act, n, err, want)
		}
	}
	oldest := func(want time.Duration) {
		t.Helper()
		if sum, err := q.Totals(t.Context()); err != nil || sum.Oldest < want || sum.Oldest > want+time.Minute {
			t.Errorf("the oldest waits for %v, %v; want %v", sum.Oldest, err, want)
		}
	}
	oldest(0)
	put("past", time.Now().Add(-time.Hour), "c@a.example")
	oldest(time.Hour)
	change(queue.Query{Message: "tx-later"}, queue.Retry, 0)
	change(queue.Query{Recipient: "a@a.example"}, queue.Hold, 1)
	change(queue.Query{Recipient: "a@a.example"}, queue.Release, 1)
	change(queue.Query{Message: "tx-past"}, queue.Recall, 0)
	if got := recipients(claim(t, q, 10, time.Hour)); !slices.Equal(got, []string{"c@a.example"}) {
		t.Errorf("claimed %v", got)
	}
	found, err := q.Find(t.Context(), queue.Query{Message: "tx-later", Limit: 10})
	if err != nil || len(found) != 2 || !found[0].Message.Params.Release.Equal(later) || !found[0].Due.Equal(later) || !found[1].Due.Equal(later) {
		t.Errorf("found %+v, %v", found, err)
	}
	change(queue.Query{Message: "tx-later"}, queue.Recall, 2)
	if n := q.Refs(t, "blob-later"); n != 0 {
		t.Errorf("content has %d references, want 0", n)
	}
}

// What a clock that was ahead has put off too far is due at once; what its sender has wait is not, nor what
// is claimed.
func queueNearer(t *testing.T, q QueueRows) {
	queued(t, q, "m", toQueue, "far@a.example", "near@a.example", "claimed@a.example")
	wait := queued(t, q, "n", "mx:b.example", "x@b.example")
	wait.ID, wait.Params.Release = "o", time.Now().Add(2000*time.Hour)
	if err := q.Put(t.Context(), []*queue.Transfer{{Message: wait, Recipient: "sender-waits@a.example", Destination: toQueue}}); err != nil {
		t.Fatal(err)
	}
	list := claim(t, q, 10, 1000*time.Hour)
	if len(list) != 3 {
		t.Fatalf("claimed %v", recipients(list))
	}
	for i, retry := range []time.Duration{1000 * time.Hour, time.Hour} {
		if _, err := q.Settle(t.Context(), []queue.Settlement{{Transfer: list[i], Fate: queue.Deferred, Retry: retry}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{2, 0} {
		if n, err := q.Nearer(t.Context(), 8*time.Hour); err != nil || n != want {
			t.Errorf("nearer: %d, %v; want %d", n, err, want)
		}
	}
	if got := recipients(claim(t, q, 10, time.Hour)); !slices.Equal(got, []string{"far@a.example"}) {
		t.Errorf("due now: %v", got)
	}
}

func queueDestinations(t *testing.T, q QueueRows) {
	queued(t, q, "m", toQueue, "a@a.example")
	queued(t, q, "n", "mx:b.example", "b@b.example", "c@b.example")
	queued(t, q, "o", "mx:c.example", "d@c.example")
	if n, err := q.Change(t.Context(), queue.Query{Domain: "c.example"}, queue.Hold); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	settled(t, q, 0, queue.Settlement{Transfer: claim(t, q, 1, time.Minute)[0], Fate: queue.Deferred, Retry: time.Hour})
	list, err := q.Destinations(t.Context())
	if err != nil || len(list) != 2 || list[0].Destination != toQueue || list[1].Destination != "mx:b.example" {
		t.Fatalf("got %+v, %v", list, err)
	}
	if d := list[0].Due; d < 50*time.Minute || d > time.Hour {
		t.Errorf("due in %v, want in an hour", d)
	}
	if d := list[1].Due; d > 0 {
		t.Errorf("due in %v, want now", d)
	}
	sum, err := q.Totals(t.Context())
	if err != nil || sum.Waiting != 3 || sum.Held != 1 || sum.Failing != 1 || sum.Oldest == 0 {
		t.Errorf("totals %+v, %v", sum, err)
	}
}

func queueFind(t *testing.T, q QueueRows) {
	queued(t, q, "m", toQueue, "a@a.example", "b@a.example")
	queued(t, q, "n", "mx:b.example", "a@b.example")
	settled(t, q, 0, queue.Settlement{Transfer: claim(t, q, 1, time.Minute)[0], Fate: queue.Deferred, Retry: time.Hour})
	for name, c := range map[string]struct {
		q    queue.Query
		want []string
	}{
		"all":         {queue.Query{}, []string{"a@a.example", "b@a.example", "a@b.example"}},
		"message":     {queue.Query{Message: "n"}, []string{"a@b.example"}},
		"transaction": {queue.Query{Message: "tx-n"}, []string{"a@b.example"}},
		"sender":      {queue.Query{Sender: "SENDER@here.example", Domain: "b.example"}, []string{"a@b.example"}},
		"other":       {queue.Query{Sender: "x@here.example"}, nil},
		"destination": {queue.Query{Destination: toQueue, Recipient: "B@a.example"}, []string{"b@a.example"}},
		"failing":     {queue.Query{Failing: true}, []string{"a@a.example"}},
		"before":      {queue.Query{Before: queueTime}, nil},
		"later":       {queue.Query{Before: queueTime.Add(time.Second), Limit: 2}, []string{"a@a.example", "b@a.example"}},
	} {
		got, err := q.Find(t.Context(), c.q)
		if err != nil || !slices.Equal(recipients(got), c.want) {
			t.Errorf("%s: got %v, %v; want %v", name, recipients(got), err, c.want)
		}
	}
	signed := &queue.Message{ID: "s", Sender: "prvs=1234ABCDEF=A_b@here.example", Blob: "blob-s", Created: queueTime, Expires: queueTime}
	if err := q.Put(t.Context(), []*queue.Transfer{{Message: signed, Recipient: "s@b.example", Destination: "mx:b.example"}}); err != nil {
		t.Fatal(err)
	}
	for sender, want := range map[mail.Path]int{"a_B@here.example": 1, signed.Sender: 1, "aab@here.example": 0, "b@here.example": 0} {
		if got, err := q.Find(t.Context(), queue.Query{Sender: sender}); err != nil || len(got) != want {
			t.Errorf("sent by %s: %d, %v; want %d", sender, len(got), err, want)
		}
	}
	all, err := q.Find(t.Context(), queue.Query{Limit: 1})
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if next, err := q.Find(t.Context(), queue.Query{After: all[0].ID, Limit: 1}); err != nil || recipients(next)[0] != "b@a.example" || next[0].ID <= all[0].ID {
		t.Errorf("next page %v, %v", recipients(next), err)
	}
}

// Many who claim and settle at once: each transfer is had by one of them.
func queueTogether(t *testing.T, q QueueRows) {
	const messages, each, workers = 20, 10, 8
	for i := range messages {
		var rcpts []mail.Path
		for j := range each {
			rcpts = append(rcpts, mail.Path(fmt.Sprintf("u%d-%d@a.example", i, j)))
		}
		queued(t, q, fmt.Sprintf("m%02d", i), toQueue, rcpts...)
	}
	var mu sync.Mutex
	seen := map[int64]int{}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				list, err := q.Claim(t.Context(), toQueue, 7, time.Hour)
				if err != nil {
					t.Error(err)
					return
				}
				if len(list) == 0 {
					return
				}
				var done []queue.Settlement
				mu.Lock()
				for _, tr := range list {
					seen[tr.ID]++
					done = append(done, queue.Settlement{Transfer: tr, Fate: queue.Carried})
				}
				mu.Unlock()
				if lost, err := q.Settle(t.Context(), done); err != nil || lost > 0 {
					t.Errorf("lost %d, %v", lost, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if len(seen) != messages*each {
		t.Errorf("%d transfers were had, want %d", len(seen), messages*each)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("transfer %d was had %d times", id, n)
		}
	}
	for i := range messages {
		if n := q.Refs(t, fmt.Sprintf("blob-m%02d", i)); n != 0 {
			t.Errorf("message %d: content has %d references", i, n)
		}
	}
}

// A local transfer goes down its mailboxes step by step.
func queueLocal(t *testing.T, q QueueRows) {
	queued(t, q, "m", queue.Local, "all@here.example")
	list, err := q.Claim(t.Context(), queue.Local, 1, -time.Second)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	list[0].Params.Notify = mail.NotifyNever
	if err := q.CommitLocal(t.Context(), list[0], &intake.Commit{}, []int64{5}); err != nil {
		t.Fatal(err)
	}
	again, err := q.Claim(t.Context(), queue.Local, 1, time.Hour)
	if err != nil || len(again) != 1 || !slices.Equal(again[0].Boxes, []int64{5}) || again[0].Params.Notify != mail.NotifyNever {
		t.Fatalf("left %v, %v", again, err)
	}
	if err := q.CommitLocal(t.Context(), again[0], &intake.Commit{}, nil); err != nil {
		t.Fatal(err)
	}
	if n := q.Refs(t, "blob-m"); n != 0 {
		t.Errorf("content has %d references, want 0", n)
	}
}
