package store

import (
	"context"
	"fmt"
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

// heldFor puts many held messages of example.net into a store, one for each of as
// many boxes, all before the time, and returns that time.
func heldFor(t testing.TB, db *DB, boxes int) time.Time {
	t.Helper()
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for first := 0; first < boxes; first += 5000 {
		err := db.Update(context.Background(), func(tx *Tx) error {
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
			t.Fatal(err)
		}
	}
	return begin.Add(time.Duration(boxes) * time.Second)
}

// Of many readers only those with something new are looked at: the run over 20,000
// mailboxes, of which 200 have something new, takes as long as one over 400 with as
// many.
func TestDigestRunIsCheap(t *testing.T) {
	took := func(boxes int) time.Duration {
		db := openTest(t)
		end := heldFor(t, db, boxes)
		since := end.Add(-200*time.Second - time.Microsecond)
		begin := time.Now()
		holders, err := db.Digests().Fresh(t.Context(), "example.net", digest.Cursor{Time: since}, end, 1000)
		if err != nil || len(holders) != 200 {
			t.Fatalf("%d holders, %v", len(holders), err)
		}
		for _, h := range holders {
			if _, err := db.Digests().Look(t.Context(), h.Key, digest.Range{Now: end, Until: end, Horizon: end, Limit: 50}); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(begin)
	}
	few := took(400)
	if many := took(20_000); many > 3*few+100*time.Millisecond {
		t.Errorf("among 20,000: %s; among 400: %s", many, few)
	}
}
