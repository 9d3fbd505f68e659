package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/quarantine"
)

func TestAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
		for i, n := range []directory.Note{
			{Who: "root", What: directory.NoteLocked, Whom: "ann@example.org", About: "one"},
			{Who: "ann@example.org", What: directory.NoteUnlocked, Whom: "ann@example.org", About: "two"},
			{Who: "root", What: directory.NoteLocked, Whom: "bob@example.org", About: "three"},
		} {
			n.Time = at.Add(time.Duration(i) * time.Hour)
			if err := db.Directory().Apply(t.Context(), int64(i), []directory.Change{{Note: &n}}); err != nil {
				t.Fatal(err)
			}
		}
		look := func(what string, q NoteQuery, want ...string) []directory.Note {
			t.Helper()
			notes, err := db.Audit().Notes(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range notes {
				got = append(got, n.About)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", what, got, want)
			}
			return notes
		}
		all := look("all", NoteQuery{}, "three", "two", "one")
		if n := all[0]; n.ID == "" || !n.Time.Equal(at.Add(2*time.Hour)) || n.Who != "root" || n.What != directory.NoteLocked || n.Whom != "bob@example.org" {
			t.Errorf("got %+v", n)
		}
		look("by who", NoteQuery{Who: "root"}, "three", "one")
		look("to whom", NoteQuery{Whom: "ann@example.org"}, "two", "one")
		look("what", NoteQuery{What: directory.NoteUnlocked}, "two")
		look("a page", NoteQuery{Limit: 1}, "three")
		look("the next", NoteQuery{Before: all[0].ID}, "two", "one")
		if err := db.Audit().Thin(t.Context(), at.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		look("later", NoteQuery{}, "three", "two")
		if err := db.Directory().Apply(t.Context(), 0, []directory.Change{{Note: &all[0]}}); err == nil {
			t.Error("a note is written of what is not done")
		}
	})
}

// What is held for locked mailboxes is not found by who may not see it, in whatever way the search is answered.
func TestHeldUnlocked(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		rows := quarantineRows(db)
		knownBoxes(t, db, 3)
		for i := range 9 {
			at := time.Date(2026, 11, 20, 10, i, 0, 0, time.UTC)
			rows.Hold(t, &quarantine.Held{
				ID: fmt.Sprint("h", i), Box: int64(i%3 + 1), Domain: fmt.Sprintf("d%d.example", i%2), Sender: "x@far.example", Subject: "the offer", Filter: "spf",
				Blob: "b", Size: 1, Time: at, Expires: at.Add(time.Hour), State: quarantine.StateHeld,
			})
		}
		if err := db.Update(t.Context(), func(tx *Tx) error {
			_, err := tx.Exec(`UPDATE mailbox SET locked = 1 WHERE id = 2`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		both := []string{"d0.example", "d1.example"}
		for name, q := range map[string]quarantine.Query{
			"by index":          {Domain: "d0.example"},
			"two indexes":       {Domains: both},
			"in all states":     {Domains: both, State: quarantine.StateHeld},
			"a text":            {Domains: both, Text: "offer"},
			"sender and domain": {Domain: "d0.example", Sender: "x@far.example"},
			"all":               {},
			"the box itself":    {Box: 2},
		} {
			open, err := rows.Find(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			q.Unlocked = true
			page, err := rows.Find(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.DeleteFunc(open.Rows, func(h quarantine.Held) bool { return h.Box == 2 })
			if len(page.Rows) != len(want) || slices.ContainsFunc(page.Rows, func(h quarantine.Held) bool { return h.Box == 2 }) {
				t.Errorf("%s: got %d rows, want %d without those of box 2", name, len(page.Rows), len(want))
			}
		}
	})
}
