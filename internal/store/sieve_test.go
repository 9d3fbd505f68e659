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
		return storetest.ScriptStore{Scripts: db.Scripts(), ScriptNews: db.Scripts(), ScriptMemory: db.Scripts(), Folders: db.Mailboxes(), Reader: db.Mailboxes(), Queue: storetest.QueueRows{Rows: db.Queue()}, Commit: db.Commit, Drop: func(t *testing.T, box int64) {
			if err := db.Mailboxes().DropBox(t.Context(), box, time.Now()); err != nil {
				t.Fatal(err)
			}
		}}
	})
}
