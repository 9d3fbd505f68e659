package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/store/storetest"
	"gatepost/quarantine"
	"gatepost/quarantine/digest"
)

func TestDigestContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Digest(t, func(t *testing.T) storetest.DigestRows {
			db := checked(t, open(t))
			return storetest.DigestRows{
				Rows: db.Digests(), Hold: quarantineRows(db).Hold, Tell: db.Digests().Tell, SetOff: db.Digests().SetOff,
				End: func(t *testing.T, id string) {
					t.Helper()
					act := quarantine.Act{Who: "admin", What: quarantine.StateDeleted, When: time.Unix(1, 0)}
					if _, err := db.Quarantine().Settle(t.Context(), id, act, nil); err != nil {
						t.Fatal(err)
					}
				},
				Queued: func(t *testing.T) (to []mail.Path) {
					t.Helper()
					list, err := db.Queue().Find(t.Context(), queue.Query{Limit: 100})
					if err != nil {
						t.Fatal(err)
					}
					for _, tr := range list {
						to = append(to, tr.Recipient)
					}
					return to
				},
			}
		})
	})
}

// What it costs to find out whom to tell is in how many there are to tell: each statement
// goes through an index, none through all rows or all readers.
func TestDigestPlans(t *testing.T) {
	db := openTest(t)
	box, boxArgs := digestHeld(digest.Key{Box: 1}, false)
	address, addressArgs := digestHeld(digest.Key{Recipient: "u@example.net"}, false)
	newBox, newBoxArgs := digestSpan{digest.Key{Box: 1}, true, 3, 4}.where()
	newAddress, newAddressArgs := digestSpan{digest.Key{Recipient: "u@example.net"}, true, 3, 4}.where()
	for name, tt := range map[string]struct {
		text string
		args []any
		want string
	}{
		"new, boxes":         {digestFreshBoxes, []any{1, 3}, "held USING COVERING INDEX held_untold_box (box>?)"},
		"new, addresses":     {digestFreshAddresses, []any{"u", 3}, "held USING COVERING INDEX held_untold_address (recipient_fold>?)"},
		"ending":             {digestEnding, []any{"example.net", 1, 0, "", 3}, "digest_told USING "},
		"a box":              {`SELECT id` + box, boxArgs, "held USING COVERING INDEX held_box (box=? AND state=?"},
		"an address":         {`SELECT id` + address, addressArgs, "held USING INDEX held_recipient (recipient_fold=? AND state=?"},
		"what is new of one": {`SELECT id` + newBox, newBoxArgs, "held USING INDEX held_untold_box (box=? AND state=?"},
		"and of the other":   {`SELECT id` + newAddress, newAddressArgs, "held USING INDEX held_untold_address (recipient_fold=? AND state=?"},
	} {
		plan := ""
		err := db.View(t.Context(), func(tx *Tx) error {
			rows, err := tx.Query(`EXPLAIN QUERY PLAN `+tt.text, tt.args...)
			return each(rows, err, func(rows *sql.Rows) error {
				var id, parent, unused int
				var detail string
				err := rows.Scan(&id, &parent, &unused, &detail)
				plan += detail + "; "
				return err
			})
		})
		if err != nil || !strings.HasPrefix(plan, "SEARCH "+tt.want) {
			t.Errorf("%s: got %q, %v; want SEARCH %s", name, plan, err, tt.want)
		}
	}
}

// BenchmarkDigests is what it takes to find 1,000 readers with something new among many,
// and what there is to tell them.
func BenchmarkDigests(b *testing.B) {
	for _, boxes := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(boxes), func(b *testing.B) {
			db, err := Open(b.Context(), filepath.Join(b.TempDir(), "db"))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			end := heldForBoxes(b, db, boxes)
			for b.Loop() {
				holders, err := db.Digests().Fresh(b.Context(), digest.Key{Box: int64(boxes - 1000)}, 1000)
				if err != nil || len(holders) != 1000 {
					b.Fatal(len(holders), err)
				}
				for _, h := range holders {
					if _, err := db.Digests().Look(b.Context(), h, digest.Range{Now: end, Horizon: end, Limit: 50}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// heldForBoxes puts a held message for each of many boxes of example.net into a store, one
// a second, and returns when the last was.
func heldForBoxes(b *testing.B, db *DB, boxes int) time.Time {
	b.Helper()
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for first := 0; first < boxes; first += 5000 {
		err := db.Update(b.Context(), func(tx *Tx) error {
			for n := first; n < min(first+5000, boxes); n++ {
				h := &quarantine.Held{
					ID: fmt.Sprintf("held%08d", n), Tx: "tx", Recipient: "u@example.net", Box: int64(n + 1), Domain: "example.net", Sender: "s@x.example",
					Blob: "blob", Size: 100, Time: begin.Add(time.Duration(n) * time.Second), Expires: begin.Add(60 * 24 * time.Hour), State: quarantine.StateHeld,
				}
				if err := putHeld(tx, h); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return begin.Add(time.Duration(boxes) * time.Second)
}

// Who was told of a message is told anew when it is held again.
func TestDigestTellsOfWhatIsHeldAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		h := &quarantine.Held{
			ID: "back", Tx: "tx", Recipient: "u@example.net", Box: quarantine.Anywhere, Domain: "example.net", Sender: "s@x.example",
			Blob: "blob", Size: 100, Time: noon, Expires: noon.Add(time.Hour), State: quarantine.StateHeld,
		}
		quarantineRows(db).Hold(t, h)
		k := digest.Key{Recipient: "u@example.net"}
		seen := func() digest.Seen {
			t.Helper()
			l, err := db.Digests().Look(t.Context(), k, digest.Range{Now: noon, Horizon: noon, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return l.Seen
		}
		if err := db.Digests().Note(t.Context(), digest.Mark{Key: k, Seen: seen(), Now: digest.Told{Sent: noon}}); err != nil || seen().Count != 0 {
			t.Fatal(err, seen())
		}
		endHold(t, db, "back", quarantine.StateReleased)
		err := db.Update(t.Context(), func(tx *Tx) error {
			_, err := putBack(tx, "back", noon.Add(time.Hour), "no")
			return err
		})
		if err != nil || seen().Count != 1 {
			t.Errorf("got %+v, %v; want it to be told", seen(), err)
		}
	})
}
