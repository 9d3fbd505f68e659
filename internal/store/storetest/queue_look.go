package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// Whose mail it is narrows every search, and what is done by it; several domains are merged in
// the order of the queue.
func queueHomes(t *testing.T, q QueueRows) {
	put := func(id, home string, rcpts ...mail.Path) {
		t.Helper()
		m := &queue.Message{ID: id, Tx: "tx-" + id, Sender: "s@here.example", Blob: "blob-" + id, Size: 10, Created: queueTime, Expires: queueTime}
		var list []*queue.Transfer
		for _, r := range rcpts {
			list = append(list, &queue.Transfer{Message: m, Recipient: r, Destination: toQueue, Home: home})
		}
		if err := q.Put(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for i := range 45 { // more than are read of a domain at once
		r := mail.Path(fmt.Sprintf("r%d@a.example", i))
		put(fmt.Sprint("one", i), "one.example", r)
		want = append(want, string(r))
		if i%20 == 0 {
			put(fmt.Sprint("two", i), "two.example", "2"+r)
			want = append(want, "2"+string(r))
		}
		put(fmt.Sprint("three", i), "three.example", "3"+r)
	}
	homes := []string{"two.example", "one.example"}
	for len(homes) < queue.MaxHomes {
		homes = append(homes, fmt.Sprintf("empty%d.example", len(homes)))
	}
	var got []string
	for after, rounds := int64(0), 0; rounds < 100; rounds++ {
		list, next, err := q.Look(t.Context(), queue.Query{Homes: homes, After: after, Limit: 7})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, recipients(list)...)
		if after = next; next == 0 {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("in pages of 7 got %v, want %v", got, want)
	}
	for name, c := range map[string]struct {
		q    queue.Query
		want int
	}{
		"recipient":           {queue.Query{Recipient: "3r1@a.example"}, 0},
		"own recipient":       {queue.Query{Recipient: "r1@a.example"}, 1},
		"transaction":         {queue.Query{Message: "tx-three1"}, 0},
		"another's id":        {queue.Query{ID: 3}, 0},
		"sender":              {queue.Query{Sender: "s@here.example"}, len(want)},
		"destination":         {queue.Query{Destination: toQueue}, len(want)},
		"recipients' domain":  {queue.Query{Domain: "a.example"}, len(want)},
		"held, and none such": {queue.Query{State: queue.Held}, 0},
	} {
		c.q.Homes = homes
		if got, err := q.Find(t.Context(), c.q); err != nil || len(got) != c.want {
			t.Errorf("%s: %d, %v; want %d", name, len(got), err, c.want)
		}
	}
	n, next, err := q.ChangeSome(t.Context(), queue.Query{Homes: homes}, queue.Hold)
	if n != len(want) || next != 0 || err != nil {
		t.Errorf("held %d of %d, %d is next, %v", n, len(want), next, err)
	}
	if list, err := q.Find(t.Context(), queue.Query{State: queue.Waiting}); err != nil || len(list) != 45 || list[0].Home != "three.example" {
		t.Errorf("%d of others wait, %v; want 45", len(list), err)
	}
}

func queueBacklogs(t *testing.T, q QueueRows) {
	queued(t, q, "m", toQueue, "a@a.example")
	queued(t, q, "n", "mx:b.example", "b@b.example", "c@b.example", "d@b.example")
	queued(t, q, "o", "mx:c.example", "d@c.example")
	if _, err := q.Change(t.Context(), queue.Query{Recipient: "d@b.example"}, queue.Hold); err != nil {
		t.Fatal(err)
	}
	said := queue.Reply{Host: "mx", Code: 450, Enhanced: "4.2.0", Text: "later", Command: "RCPT"}
	first := claim(t, q, 1, time.Minute)[0]
	settled(t, q, 0, queue.Settlement{Transfer: first, Fate: queue.Deferred, Reply: said, Retry: time.Hour})
	list, err := q.Backlogs(t.Context(), 2)
	if err != nil || len(list) != 2 || list[0].Destination != "mx:b.example" || list[0].Waiting != 2 || list[1].Destination != toQueue || list[1].Waiting != 1 {
		t.Fatalf("got %+v, %v", list, err)
	}
	if o := list[1].Oldest; o == nil || o.Last != said || !o.Message.Created.Equal(queueTime) || time.Until(list[1].Due) < 50*time.Minute {
		t.Errorf("the oldest is %+v, due %v", o, list[1].Due)
	}
}
