package store

import (
	"testing"
	"time"

	"gatepost/internal/store/storetest"
)

func TestScripts(t *testing.T) { onEngines(t, testScripts) }

func testScripts(t *testing.T, open func(*testing.T) *DB) {
	storetest.Scripts(t, func(t *testing.T) storetest.ScriptStore {
		db := checked(t, open(t))
		knownBoxes(t, db, 70)
		drop := func(t *testing.T, box int64) {
			if err := db.Mailboxes().DropBox(t.Context(), box, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		remove := func(t *testing.T, box int64) {
			err := db.Update(t.Context(), func(tx *Tx) error {
				_, err := tx.Exec(`DELETE FROM mailbox WHERE id = ?`, box)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			drop(t, box)
		}
		return storetest.ScriptStore{ScriptChanges: db.Scripts(), ScriptNews: db.Scripts(), ScriptMemory: db.Scripts(), Folders: db.Mailboxes(), Reader: db.Mailboxes(), Queue: queueRows(db), Commit: db.Commit, Drop: drop, Remove: remove}
	})
}
