package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/store/storetest"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

func TestHeldFolder(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.HeldFolder(t, func(t *testing.T) storetest.HeldRows {
			db := checked(t, open(t))
			knownBoxes(t, db, 3)
			return storetest.HeldRows{
				Mailboxes: db.Mailboxes(), Quarantine: quarantineRows(db),
				Back: func(t *testing.T, id string) {
					t.Helper()
					err := db.Update(t.Context(), func(tx *Tx) error {
						done, err := putBack(tx, id, noon, "no")
						if err == nil && !done {
							err = fmt.Errorf("%s is not back", id)
						}
						return err
					})
					if err != nil {
						t.Fatal(err)
					}
				},
			}
		})
	})
}

// A box that is removed takes its folder along; what was held goes later, by itself.
func TestHeldFolderIsDropped(t *testing.T) { onBoth(t, testHeldFolderIsDropped) }

func testHeldFolderIsDropped(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 1)
	m, ctx := db.Mailboxes(), t.Context()
	folder := openHeldFolder(t, db, 1)
	quarantineRows(db).Hold(t, &quarantine.Held{ID: "one", Box: 1, Blob: "content", Size: 100, Time: noon, State: quarantine.StateHeld})
	if err := m.Gather(ctx, folder.ID); err != nil {
		t.Fatal(err)
	}
	if err := m.DropBox(ctx, 1, noon); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Folder(ctx, 1, folder.Name); err == nil {
		t.Error("the folder is there still")
	}
	if n, err := db.Quarantine().Purge(ctx, noon.Add(time.Hour), 10); n != 1 || err != nil {
		t.Errorf("%d rows removed, %v; want 1", n, err)
	}
}

// openHeldFolder makes a box with its folder of what is held.
func openHeldFolder(t testing.TB, db *DB, box int64) mailbox.Folder {
	t.Helper()
	m := db.Mailboxes()
	if err := m.OpenBox(t.Context(), box, "", noon); err != nil {
		t.Fatal(err)
	}
	if err := m.OpenHeld(t.Context(), box); err != nil {
		t.Fatal(err)
	}
	f, err := m.Folder(t.Context(), box, "Quarantine")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What a session asks each second does not grow with the folder: it finds what is new,
// and over, by indexes that have nothing else.
func TestHeldFolderPlans(t *testing.T) {
	db := openTest(t)
	for text, index := range map[string]string{
		selectUnshown: "held_unshown (box=? AND state=? AND guarded=? AND uid=?)",
		selectEnded:   "held_shown (box=? AND state=? AND uid>?)",
		`SELECT uid, modseq, 0, '' FROM held WHERE box = ? AND uid > 0 AND modseq > ? ORDER BY uid`:              "COVERING INDEX held_shown (box=?)",
		`SELECT uid FROM held WHERE box = ? AND state = 'held' AND uid BETWEEN ? AND ? AND uid > 0 ORDER BY uid`: "held_shown (box=? AND state=? AND uid>? AND uid<?)",
	} {
		plans := plansOf(t, db, text)
		if plan := strings.Join(plans, "; "); !strings.Contains(plan, index) {
			t.Errorf("%s\n%s", text, plan)
		}
	}
}
