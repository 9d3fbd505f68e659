package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/sent"
)

// SentRows is a store of what was sent, and the queue that fills it.
type SentRows struct {
	sent.Rows
	Queue QueueRows
	// Fails puts transfers in a commit that comes to nothing at its end, with that error.
	Fails func(t *testing.T, list []*queue.Transfer, err error) error
}

// Sent tests that what open returns keeps what was sent. Each call of open is a new, empty
// store.
func Sent(t *testing.T, open func(*testing.T) SentRows) {
	for name, test := range map[string]func(*testing.T, SentRows){
		"what is queued is known":      sentQueued,
		"with its commit, or not":      sentWithCommit,
		"with what settles a transfer": sentSettled,
		"days":                         sentDays,
		"purged":                       sentPurged,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func markOf(n byte) sent.Mark { return sent.Mark{n, 0, 255, 15: n} }

// marked is a message of a day's noon, with a mark.
func marked(id string, n byte, day sent.Day) *queue.Message {
	at := time.Unix(int64(day)*86400+43200, 0)
	mark := markOf(n)
	return &queue.Message{ID: id, Tx: id, Sender: "ann@here.example", Blob: "blob-" + id, Size: 10, Created: at, Expires: at.Add(time.Hour), Mark: mark[:]}
}

func toMarked(m *queue.Message, rcpts ...mail.Path) (list []*queue.Transfer) {
	for _, r := range rcpts {
		list = append(list, &queue.Transfer{Message: m, Recipient: r, Destination: toQueue})
	}
	return list
}

func wantKnown(t *testing.T, rows SentRows, first, last sent.Day, want ...byte) {
	t.Helper()
	var ask []sent.Mark
	for n := range byte(9) {
		ask = append(ask, markOf(n))
	}
	got, err := rows.Known(t.Context(), ask, first, last)
	if err != nil {
		t.Fatal(err)
	}
	var known []byte
	for _, m := range got {
		if m != markOf(m[0]) {
			t.Errorf("mark %x", m)
		}
		known = append(known, m[0])
	}
	slices.Sort(known)
	if known = slices.Compact(known); !slices.Equal(known, want) {
		t.Errorf("from day %d to %d: got %v, want %v", first, last, known, want)
	}
}

const aDay = sent.Day(20783)

func put(t *testing.T, rows SentRows, list ...*queue.Transfer) {
	t.Helper()
	if err := rows.Queue.Put(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func sentQueued(t *testing.T, rows SentRows) {
	wantKnown(t, rows, aDay-40, aDay)
	bare := marked("bare", 0, aDay)
	bare.Mark = nil
	put(t, rows, toMarked(bare, "a@a.example")...)
	put(t, rows, append(toMarked(marked("one", 1, aDay), "a@a.example", "b@a.example"), toMarked(marked("two", 2, aDay), "a@a.example")...)...)
	put(t, rows, append(toMarked(marked("same", 1, aDay), "a@a.example"), toMarked(marked("again", 1, aDay), "a@a.example")...)...)
	wantKnown(t, rows, aDay-40, aDay, 1, 2)
	one, err := rows.Known(t.Context(), []sent.Mark{markOf(2)}, aDay, aDay)
	if err != nil || !slices.Equal(one, []sent.Mark{markOf(2)}) {
		t.Errorf("one: got %x, %v", one, err)
	}
	for _, tr := range claim(t, rows.Queue, 100, time.Hour) { // it stays when they are gone
		settled(t, rows.Queue, 0, queue.Settlement{Transfer: tr, Fate: queue.Carried})
	}
	wantKnown(t, rows, aDay, aDay, 1, 2)
}

// The mark is there whenever the transfer is, and no earlier.
func sentWithCommit(t *testing.T, rows SentRows) {
	away := errors.New("the disk is away")
	if err := rows.Fails(t, toMarked(marked("lost", 3, aDay), "a@a.example"), away); !errors.Is(err, away) {
		t.Fatalf("got %v", err)
	}
	wantKnown(t, rows, aDay, aDay)
	if list := claim(t, rows.Queue, 10, time.Hour); len(list) != 0 {
		t.Errorf("%d transfers of a commit that failed", len(list))
	}
}

func sentSettled(t *testing.T, rows SentRows) {
	put(t, rows, toMarked(marked("one", 1, aDay), "a@a.example")...)
	list := claim(t, rows.Queue, 1, time.Hour)
	report := toMarked(marked("report", 4, aDay), "ann@here.example")[0]
	settled(t, rows.Queue, 0, queue.Settlement{Transfer: list[0], Fate: queue.Refused, Notice: report})
	wantKnown(t, rows, aDay, aDay, 1, 4)
}

func sentDays(t *testing.T, rows SentRows) {
	for n, day := range []sent.Day{aDay - 70, aDay - 40, aDay - 33, aDay - 1, aDay} {
		put(t, rows, toMarked(marked(string(rune('a'+n)), byte(n), day), "a@a.example")...)
	}
	wantKnown(t, rows, aDay-100, aDay+1, 0, 1, 2, 3, 4)
	wantKnown(t, rows, aDay-33, aDay-1, 2, 3)
	wantKnown(t, rows, aDay-32, aDay, 3, 4)
	wantKnown(t, rows, aDay, aDay-1)
}

func sentPurged(t *testing.T, rows SentRows) {
	for n := range byte(8) {
		put(t, rows, toMarked(marked(string(rune('a'+n)), n, aDay-sent.Day(n)), "a@a.example")...)
	}
	for _, want := range []int{2, 1, 0} {
		if n, err := rows.Purge(t.Context(), aDay-4, 2); err != nil || n != want {
			t.Errorf("purged %d, %v; want %d", n, err, want)
		}
	}
	wantKnown(t, rows, aDay-40, aDay, 0, 1, 2, 3, 4)
}
