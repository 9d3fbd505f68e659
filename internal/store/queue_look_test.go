package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// One look goes through so much and no more, and says where to go on: what is found in the end
// is all there is.
func TestLookIsBounded(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	q := db.Queue()
	const before = lookAt + lookAt/2
	var list []*queue.Transfer
	m := &queue.Message{ID: "m", Tx: "m", Sender: "s@here.example", Blob: "b"}
	for i := range before {
		list = append(list, &queue.Transfer{Message: m, Recipient: mail.Path(fmt.Sprint(i, "@a.example")), Destination: "mx:a.example"})
	}
	last := &queue.Message{ID: "last", Tx: "last", Sender: "s@here.example", Blob: "b"}
	list = append(list, &queue.Transfer{Message: last, Recipient: "last@b.example", Destination: "mx:b.example"})
	if err := q.Put(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	many := queue.Query{Sender: "s@here.example", Before: last.Created.AddDate(-1, 0, 0)} // nothing, of a sender with much
	found, next, err := q.Look(t.Context(), many)
	if err != nil || len(found) != 0 || next != lookAt {
		t.Errorf("got %d, and goes on behind %d, %v; want none, behind %d", len(found), next, err, lookAt)
	}
	many.After = next
	if found, next, err = q.Look(t.Context(), many); err != nil || len(found) != 0 || next != 0 {
		t.Errorf("the rest: got %d, and goes on behind %d, %v", len(found), next, err)
	}
	for name, rare := range map[string]queue.Query{
		"destination": {Destination: "mx:b.example"}, "message": {Message: "last"}, "id": {ID: before + 1}, "recipient": {Recipient: "last@b.example"}, "domain": {Domain: "b.example"},
	} {
		found, next, err := q.Look(t.Context(), rare)
		if err != nil || len(found) != 1 || found[0].Recipient != "last@b.example" || next != 0 {
			t.Errorf("%s: got %d, %d is next, %v", name, len(found), next, err)
		}
	}
	page, next, err := q.Look(t.Context(), queue.Query{After: before, Limit: 1})
	if err != nil || len(page) != 1 || next != 0 {
		t.Errorf("the last page has %d, %d is next, %v", len(page), next, err)
	}
	n, next, err := q.ChangeSome(t.Context(), queue.Query{Domain: "a.example"}, queue.Hold)
	if err != nil || n != changeChunk || next != changeChunk {
		t.Errorf("held %d, goes on behind %d, %v", n, next, err)
	}
}

// Transfers that are named are read by their numbers, whatever else is asked of them: a million may wait, be for one
// destination, or be of one domain.
func TestNamedAreReadByNumber(t *testing.T) {
	db := openTest(t)
	for name, q := range map[string]queue.Query{
		"all": {}, "state": {State: queue.Waiting}, "tried": {State: queue.Waiting, Failing: true}, "destination": {Destination: "mx:a.example"},
		"both": {State: queue.Held, Destination: "mx:a.example"}, "domain": {Domain: "a.example"}, "home": {Homes: []string{"here.example"}}, "sender": {Sender: "s@here.example"},
	} {
		among := findAmong(q, make([]int64, lookChunk), 51)
		var plan []string
		err := db.View(t.Context(), func(tx *Tx) error {
			rows, err := tx.Query(`EXPLAIN QUERY PLAN `+among.text, among.args...)
			return each(rows, err, func(rows *sql.Rows) error {
				var id, parent, unused int
				var detail string
				err := rows.Scan(&id, &parent, &unused, &detail)
				plan = append(plan, detail)
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "\n"); !strings.Contains(text, "SEARCH queue_transfer USING INTEGER PRIMARY KEY (rowid=?)") || strings.Contains(text, "USING INDEX queue_transfer") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
