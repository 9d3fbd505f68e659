package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// holding is the commit of a message that is held for someone without a mailbox.
func holding(id, same string) *intake.Commit {
	return &intake.Commit{
		Origin: "origin",
		Row:    &journal.Row{ID: id, Time: noon, Lines: []journal.Line{{Recipient: "a@example.net", State: "held"}}},
		Held: []*quarantine.Held{{
			ID: "held-" + id, Tx: id, Recipient: "a@example.net", Domain: "example.net", Sender: "s@example.org", Blob: "blob", Size: 10,
			Time: noon, Expires: noon.Add(720 * time.Hour), State: quarantine.StateHeld, Same: same, Told: quarantine.ToldByReply,
		}},
	}
}

func known(t *testing.T, db *DB, key string) intake.Known {
	t.Helper()
	m, err := db.Sames().Same(t.Context(), []string{key, "unheard of"})
	if err != nil || len(m) > 1 {
		t.Fatal(m, err)
	}
	return m[key]
}

func heldCount(t *testing.T, db *DB) int {
	t.Helper()
	page, err := db.Quarantine().Find(t.Context(), quarantine.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Rows)
}

func endHold(t *testing.T, db *DB, id string, what quarantine.State) {
	t.Helper()
	if _, err := db.Quarantine().Settle(t.Context(), id, quarantine.Act{Who: "admin", What: what, When: noon}, nil); err != nil {
		t.Fatal(err)
	}
}

// The first that holds a message is remembered; who has not seen it can't hold it again.
func TestSame(t *testing.T) { onBoth(t, testSame) }

func testSame(t *testing.T, db *DB) {
	checked(t, db)
	if err := db.Commit(t.Context(), holding("1", "key")); err != nil {
		t.Fatal(err)
	}
	if heard, err := db.Sames().Heard(t.Context(), "origin"); err != nil || !heard {
		t.Errorf("heard: %v, %v", heard, err)
	}
	if heard, err := db.Sames().Heard(t.Context(), ""); err != nil || heard {
		t.Errorf("nothing was heard: %v, %v", heard, err)
	}
	want := intake.Known{ID: "held-1", Tx: "1", Origin: "origin", Time: noon, Expires: noon.Add(720 * time.Hour), State: quarantine.StateHeld}
	if got := known(t, db, "key"); got != want {
		t.Errorf("known: got %+v, want %+v", got, want)
	}
	if err := db.Commit(t.Context(), holding("2", "key")); !errors.Is(err, intake.ErrSame) {
		t.Errorf("held twice: %v", err)
	}
	if err := db.Commit(t.Context(), holding("3", "")); err != nil {
		t.Errorf("what is taken for no other: %v", err)
	}
	if n := heldCount(t, db); n != 2 {
		t.Errorf("%d held, want 2", n)
	}
	again := &intake.Commit{Row: holding("4", "").Row, Again: []intake.Again{{ID: "held-1", Told: quarantine.ToldByNotice}}}
	if err := db.Commit(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if h, err := db.Quarantine().Show(t.Context(), "held-1"); err != nil || h.Told != quarantine.ToldByNotice {
		t.Errorf("told: %q, %v", h.Told, err)
	}
	endHold(t, db, "held-1", quarantine.StateDeleted)
	again.Row = holding("5", "").Row
	if err := db.Commit(t.Context(), again); !errors.Is(err, intake.ErrSame) {
		t.Errorf("what is not held any more comes again: %v", err)
	}
	anew := holding("6", "key")
	anew.Saw = map[string]string{"key": "held-1"}
	if err := db.Commit(t.Context(), anew); err != nil {
		t.Errorf("in the place of one that ended: %v", err)
	}
	if got := known(t, db, "key"); got.ID != "held-6" || got.State != quarantine.StateHeld {
		t.Errorf("known: %+v", got)
	}
	if err := db.Sames().Forget(t.Context(), noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := known(t, db, "key"); got.ID != "" {
		t.Errorf("remembered: %+v", got)
	}
}

// A delivery ends the hold of the same message, once, and with it in one commit.
func TestSameEnds(t *testing.T) { onBoth(t, testSameEnds) }

func testSameEnds(t *testing.T, db *DB) {
	checked(t, db)
	if err := db.Commit(t.Context(), holding("1", "key")); err != nil {
		t.Fatal(err)
	}
	end := func(id string) *intake.Commit {
		act := quarantine.Act{Who: "the same message", What: quarantine.StateReleased, When: noon}
		return &intake.Commit{Row: holding(id, "").Row, Ends: []intake.End{{ID: "held-1", Act: act}}}
	}
	if err := db.Commit(t.Context(), end("2")); err != nil {
		t.Fatal(err)
	}
	if got := known(t, db, "key"); got.State != quarantine.StateReleased {
		t.Errorf("known: %+v", got)
	}
	if err := db.Commit(t.Context(), end("3")); !errors.Is(err, intake.ErrSame) {
		t.Errorf("ended twice: %v", err)
	}
	if hits, err := db.Journal().Search(t.Context(), journal.Query{ID: "3", Limit: 10}); err != nil || len(hits) != 0 {
		t.Errorf("the refused commit left %v, %v", hits, err)
	}
}

// Two MXs bring one message at the same moment, and others in another order: one of each
// is held, and nobody waits for ever.
func TestSameRace(t *testing.T) { onBoth(t, testSameRace) }

func testSameRace(t *testing.T, db *DB) {
	const many = 8
	errs := make([]error, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			c := holding(fmt.Sprint(i), "a")
			for _, key := range []string{"b", "c"} {
				h := *c.Held[0]
				h.ID, h.Same, h.Recipient = h.ID+key, key, mail.Path(key+"@example.net")
				c.Held = append(c.Held, &h)
			}
			if i%2 == 1 {
				slices.Reverse(c.Held)
			}
			errs[i] = db.Commit(t.Context(), c)
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, intake.ErrSame):
			t.Error(err)
		}
	}
	if won != 1 || heldCount(t, db) != 3 {
		t.Errorf("%d were first, %d are held; want 1 and 3", won, heldCount(t, db))
	}
}

// What is delivered and may come again is remembered in the place of a held message; two
// that bring it at once are told apart by the commit.
func TestSameGiven(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		given := func(id, saw string) error {
			return db.Commit(t.Context(), &intake.Commit{
				Given: []string{"key"}, Origin: "origin", Saw: map[string]string{"key": saw},
				Row: &journal.Row{ID: id, Time: noon, Lines: []journal.Line{{Recipient: "a@example.net", State: "delivered"}}},
			})
		}
		if err := given("1", ""); err != nil {
			t.Fatal(err)
		}
		want := intake.Known{ID: intake.SameGiven + "1", Tx: "1", Origin: "origin", Time: noon, State: intake.SameGiven}
		if got := known(t, db, "key"); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if err := given("2", ""); !errors.Is(err, intake.ErrSame) {
			t.Errorf("a second one at once: %v", err)
		}
		if err := given("3", want.ID); err != nil || known(t, db, "key").Tx != "3" {
			t.Errorf("one that knows of it: %v, %+v", err, known(t, db, "key"))
		}
	})
}
