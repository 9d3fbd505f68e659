package store

import (
	"testing"
	"time"

	"gatepost/mailbox"
)

// What a purge found old, and is recovered and expunged anew before the purge has its box's lock, is
// kept for its whole time.
func TestPurgeMissesWhatWasExpungedAnew(t *testing.T) { onBoth(t, testPurgeMisses) }

func testPurgeMisses(t *testing.T, db *DB) {
	s, ctx := db.Mailboxes(), t.Context()
	d := mailbox.Delivery{Box: 7, Blob: "b", Size: 10, Time: noon, Flags: []string{`\Deleted`}}
	if err := s.Deliver(ctx, &d); err != nil {
		t.Fatal(err)
	}
	all := mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}
	if err := s.Expunge(ctx, d.FolderID, all); err != nil {
		t.Fatal(err)
	}
	old := kept{box: 7, email: d.EmailID, size: 10, time: toMicros(time.Now().Add(-time.Hour))}
	for _, found := range []struct {
		row  kept
		left int
	}{{old, 1}, {kept{box: 7, email: d.EmailID, size: 10, time: toMicros(time.Now().Add(time.Hour))}, 0}} {
		if err := db.Update(ctx, func(tx *Tx) error { return forgetOf(tx, []kept{found.row}) }); err != nil {
			t.Fatal(err)
		}
		list, err := s.Kept(ctx, 7, mailbox.KeptQuery{})
		if err != nil || len(list) != found.left {
			t.Errorf("got %+v, %v, want %d kept", list, err, found.left)
		}
	}
}
