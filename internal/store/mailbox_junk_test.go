package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/mailbox"
)

// put delivers a message to a folder of a box; "" is the inbox.
func put(t *testing.T, db *DB, box int64, folder string) mailbox.UID {
	t.Helper()
	d := &mailbox.Delivery{Box: box, Folder: folder, Blob: "blob", Size: 10, Time: noon}
	if err := db.Mailboxes().Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d.UID
}

// untilThen has all mail before a time swept.
func untilThen(t time.Time) func(int64, mailbox.Use) time.Time {
	return func(int64, mailbox.Use) time.Time { return t }
}

func inFolder(t *testing.T, db *DB, box int64, folder string) int64 {
	t.Helper()
	f, err := db.Mailboxes().Folder(t.Context(), box, folder)
	if err != nil {
		t.Fatal(err)
	}
	return f.Messages
}

// Junk goes when it was in its folder long enough, whatever its date; all else stays.
func TestSweepJunk(t *testing.T) { onBoth(t, testSweepJunk) }

func testSweepJunk(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 2)
	m, ctx, day := db.Mailboxes(), t.Context(), 24*time.Hour
	start := noon.Add(1000 * day) // all mail bears a much older date
	var cleaned []int64
	at := func(n int) {
		t.Helper()
		now := start.Add(time.Duration(n) * day)
		if err := m.MarkJunk(ctx, now); err != nil {
			t.Fatal(err)
		}
		if err := m.SweepJunk(ctx, now.Add(-30*day), untilThen(now.Add(-30*day)), func(box int64) { cleaned = append(cleaned, box) }); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, junk1, junk2 int64) {
		t.Helper()
		if a, b := inFolder(t, db, 1, "Junk"), inFolder(t, db, 2, "Junk"); a != junk1 || b != junk2 || inFolder(t, db, 1, "INBOX") != 1 {
			t.Errorf("%s: %d and %d in Junk, %d in the inbox; want %d, %d and 1", when, a, b, inFolder(t, db, 1, "INBOX"), junk1, junk2)
		}
	}
	put(t, db, 1, "")
	for range chunk + 3 {
		put(t, db, 1, `\Junk`)
	}
	at(0)
	put(t, db, 1, `\Junk`)
	put(t, db, 2, `\Junk`)
	at(1)
	at(30)
	want("in time", chunk+4, 1)
	if cleaned != nil {
		t.Errorf("cleaned %v", cleaned)
	}
	before, err := m.Folder(ctx, 1, "Junk")
	if err != nil {
		t.Fatal(err)
	}
	at(31)
	want("the first are old", 1, 1)
	after, err := m.Folder(ctx, 1, "Junk")
	if err != nil || after.HighestModSeq <= before.HighestModSeq {
		t.Errorf("MODSEQ %d, before %d, %v: a client would not ask", after.HighestModSeq, before.HighestModSeq, err)
	}
	var logged int
	if err := db.View(ctx, func(tx *Tx) error {
		return tx.Row(`SELECT COUNT(*) FROM mailbox_expunged WHERE folder = ? AND modseq > ?`, []any{after.ID, before.HighestModSeq}, &logged)
	}); err != nil || logged != chunk+3 {
		t.Errorf("%d expunges are logged, %v", logged, err)
	}
	at(32)
	want("all are old", 0, 0)
	if slices.Sort(cleaned); !slices.Equal(cleaned, []int64{1, 1, 2}) {
		t.Errorf("cleaned %v", cleaned)
	}
	put(t, db, 2, `\Junk`)
	at(60)
	at(89)
	want("what came after that", 0, 1)
	at(91)
	want("old, too", 0, 0)
}

// A folder that is none for junk any more, or gone, is left alone and forgotten.
func TestSweepJunkFolders(t *testing.T) { onBoth(t, testSweepJunkFolders) }

func testSweepJunkFolders(t *testing.T, db *DB) {
	knownBoxes(t, db, 3)
	m, ctx := db.Mailboxes(), t.Context()
	for box := range int64(3) {
		put(t, db, box+1, `\Junk`)
	}
	if err := m.MarkJunk(ctx, noon); err != nil {
		t.Fatal(err)
	}
	err := db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE mailbox_folder SET special_use = '' WHERE box = 1 AND name = 'Junk'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.DropBox(ctx, 2, noon); err != nil {
		t.Fatal(err)
	}
	if err := m.SweepJunk(ctx, noon.Add(time.Hour), untilThen(noon.Add(time.Hour)), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	var marks int
	if err := db.View(ctx, func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM mailbox_junk`, nil, &marks) }); err != nil || marks != 0 {
		t.Errorf("%d marks, %v", marks, err)
	}
	if got := fmt.Sprint(inFolder(t, db, 1, "Junk"), inFolder(t, db, 3, "Junk")); got != "1 0" {
		t.Errorf("messages: %s", got)
	}
}

// Each box has its own time for junk and for trash, or none; what goes can be brought back.
func TestSweepByBoxAndUse(t *testing.T) { onBoth(t, testSweepByBoxAndUse) }

func testSweepByBoxAndUse(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 3)
	m, ctx := db.Mailboxes(), t.Context()
	for box := range int64(3) {
		put(t, db, box+1, `\Junk`)
		put(t, db, box+1, `\Trash`)
	}
	if err := m.MarkJunk(ctx, noon); err != nil {
		t.Fatal(err)
	}
	later := noon.Add(time.Hour)
	before := func(box int64, use mailbox.Use) time.Time {
		switch {
		case box == 1 && use == mailbox.Trash, box == 2 && use == mailbox.Junk:
			return later
		case box == 3:
			return noon
		}
		return time.Time{}
	}
	for range 2 {
		if err := m.SweepJunk(ctx, later, before, func(int64) {}); err != nil {
			t.Fatal(err)
		}
	}
	var got []int64
	for box := range int64(3) {
		got = append(got, inFolder(t, db, box+1, "Junk"), inFolder(t, db, box+1, "Trash"))
	}
	if want := []int64{1, 0, 0, 1, 1, 1}; !slices.Equal(got, want) {
		t.Errorf("in Junk and Trash of three boxes: got %v, want %v", got, want)
	}
	if kept, err := m.Kept(ctx, 1, mailbox.KeptQuery{}); err != nil || len(kept) != 1 || kept[0].Folder != "Trash" {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}

// A folder that its owner deletes while it is swept keeps nobody else's junk.
func TestSweepOfDeletedFolder(t *testing.T) { onBoth(t, testSweepOfDeletedFolder) }

func testSweepOfDeletedFolder(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 2)
	m, ctx := db.Mailboxes(), t.Context()
	for box := range int64(2) {
		put(t, db, box+1, `\Junk`)
	}
	if err := m.MarkJunk(ctx, noon); err != nil {
		t.Fatal(err)
	}
	later := noon.Add(time.Hour)
	before := func(box int64, _ mailbox.Use) time.Time {
		if box == 1 {
			if err := m.DeleteFolder(ctx, 1, "Junk"); err != nil {
				t.Error(err)
			}
		}
		return later
	}
	if err := m.SweepJunk(ctx, later, before, func(int64) {}); err != nil {
		t.Error(err)
	}
	if n := inFolder(t, db, 2, "Junk"); n != 0 {
		t.Errorf("%d stay in the other's", n)
	}
}
