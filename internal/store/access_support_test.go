package store

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
)

// What becomes of support access is noted in the commit of it; and to a release that knows nothing of it each such session is one
// that waits for a second factor, which lets nobody in.
func TestSupportNoted(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		knownBoxes(t, db, 1)
		at := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
		ann, rows := access.ID{Kind: access.KindMailbox, Number: 1}, db.Access()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		offer := func(id string) access.Session {
			return access.Session{ID: id, Who: ann, Waiting: true, Support: true, Created: at, Seen: at, Expires: at.Add(time.Hour)}
		}
		used := offer("used")
		used.Waiting, used.Client = false, netip.MustParseAddr("192.0.2.1")
		must(rows.PutSession(t.Context(), access.Session{ID: "own", Who: ann, Created: at, Seen: at, Expires: at.Add(48 * time.Hour)}, 50))
		must(rows.OfferSupport(t.Context(), offer("o1"), 9))
		must(rows.TakeSupport(t.Context(), "o1", used))
		if err := rows.TakeSupport(t.Context(), "o1", used); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("twice: got %v", err)
		}
		must(rows.OfferSupport(t.Context(), offer("o2"), 9))
		if err := rows.OfferSupport(t.Context(), offer("o3"), 2); !errors.Is(err, access.ErrManySupport) {
			t.Errorf("a third: got %v", err)
		}
		var waiting int
		must(db.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM web_session WHERE waiting = 1`, nil, &waiting) }))
		if waiting != 2 {
			t.Errorf("to an older release %d sessions wait, want 2", waiting)
		}
		must(rows.DropSession(t.Context(), ann, "o2", access.End{By: "root", At: at}))
		must(rows.DropSession(t.Context(), ann, "own", access.End{By: "root", At: at})) // which is not noted
		must(rows.ExpireSessions(t.Context(), at.Add(time.Hour), at.Add(-time.Hour), at))
		notes, err := db.Audit().Notes(t.Context(), NoteQuery{Whom: "0@example.net"})
		must(err)
		var got []string
		for _, n := range slices.Backward(notes) {
			got = append(got, n.Who+" "+n.What+" "+n.About)
		}
		want := []string{
			"0@example.net support-given until 2026-11-28 11:00 UTC", "support of 0@example.net support-used from 192.0.2.1, until 2026-11-28 11:00 UTC",
			"0@example.net support-given until 2026-11-28 11:00 UTC", "root support-ended not used", "gatepost support-ended in use",
		}
		slices.Sort(got) // notes of one time are in no order
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("noted:\n%q\nwant\n%q", got, want)
		}
	})
}

// So many acts of one person are noted within a while, and then no more.
func TestNotesAtMost(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		at := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
		add := func(who, whom string, minute int) error {
			when := at.Add(time.Duration(minute) * time.Minute)
			return db.Audit().Add(t.Context(), directory.Note{Time: when, Who: who, What: directory.NoteSupportActs, Whom: whom}, 2, when.Add(-10*time.Minute))
		}
		for i, one := range []struct {
			who, whom string
			minute    int
			want      error
		}{
			{"s", "ann", 0, nil}, {"s", "ann", 1, nil}, {"s", "ann", 2, ErrManyNotes}, {"s", "bob", 2, nil}, {"t", "ann", 2, nil}, {"s", "ann", 12, nil}, {"s", "ann", 12, nil}, {"s", "ann", 12, ErrManyNotes},
		} {
			if err := add(one.who, one.whom, one.minute); !errors.Is(err, one.want) || one.want == nil && err != nil {
				t.Errorf("%d: got %v, want %v", i, err, one.want)
			}
		}
	})
}
