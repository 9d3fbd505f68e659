package store

import (
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// What was held for a removed domain or mailbox ends; what is held for the next of that
// name stays.
func TestEndRemoved(t *testing.T) { onBoth(t, testEndRemoved) }

func testEndRemoved(t *testing.T, db *DB) {
	begin := time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
	rows, q := db.Directory(), quarantineRows(db)
	revision := int64(0)
	apply := func(c directory.Change) {
		t.Helper()
		if err := rows.Apply(t.Context(), revision, []directory.Change{c}); err != nil {
			t.Fatal(err)
		}
		revision++
	}
	number := func(query, name string) (id int64) {
		t.Helper()
		if err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(query, []any{name}, &id) }); err != nil {
			t.Fatal(err)
		}
		return id
	}
	hold := func(id, domain string, owner, box int64) {
		t.Helper()
		q.Hold(t, &quarantine.Held{
			ID: id, Tx: "tx" + id, Recipient: mail.Path("ann@" + domain), Domain: domain, DomainID: owner, Box: box,
			Blob: "content", Time: begin, Expires: begin.AddDate(0, 1, 0), State: quarantine.StateHeld,
		})
	}
	const domainID, boxID = `SELECT id FROM domain WHERE name = ?`, `SELECT id FROM mailbox WHERE address = ?`
	apply(directory.Change{Domain: &directory.Domain{Name: "a.example"}})
	apply(directory.Change{Domain: &directory.Domain{Name: "b.example"}})
	apply(directory.Change{Mailbox: &directory.Mailbox{Address: "ann@b.example"}})
	first, other, box := number(domainID, "a.example"), number(domainID, "b.example"), number(boxID, "ann@b.example")
	for _, id := range []string{"one", "two", "three"} {
		hold(id, "a.example", first, 0)
	}
	hold("old", "a.example", 0, 0)
	hold("boxed", "b.example", other, box)
	hold("other", "b.example", other, 0)
	apply(directory.Change{Domain: &directory.Domain{Name: "a.example"}, Gone: true})
	apply(directory.Change{Mailbox: &directory.Mailbox{Address: "ann@b.example"}, Gone: true})
	apply(directory.Change{Domain: &directory.Domain{Name: "a.example"}})
	second := number(domainID, "a.example")
	hold("next", "a.example", second, 0)
	for i := 0; ; i++ {
		n, err := q.EndRemoved(t.Context(), begin, 2)
		if err != nil || i > 10 || n > 2 {
			t.Fatalf("turn %d: %d, %v", i, n, err)
		}
		if n == 0 {
			break
		}
	}
	for id, want := range map[string]quarantine.State{
		"one": "deleted", "two": "deleted", "three": "deleted", "old": "deleted", "boxed": "deleted", "other": "held", "next": "held",
	} {
		h, err := q.Show(t.Context(), id)
		if err != nil || h.State != want {
			t.Errorf("%s: got %s, %v; want %s", id, h.State, err, want)
		}
		if want == "deleted" && len(h.Acts) != 1 {
			t.Errorf("%s: got acts %+v", id, h.Acts)
		}
	}
	if h, err := q.Show(t.Context(), "next"); err != nil || h.DomainID != second || second == first {
		t.Errorf("the next one: got domain %d, %v; want %d, not %d", h.DomainID, err, second, first)
	}
	if n := q.Refs(t, "content"); n != 2 {
		t.Errorf("content: got %d references, want 2", n)
	}
}
