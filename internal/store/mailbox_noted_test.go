package store

import (
	"path/filepath"
	"sync"
	"testing"

	"gatepost/mailbox"
)

// manyIn puts n messages into the inbox of box 7.
func manyIn(t *testing.T, db *DB, n int) (folder int64) {
	t.Helper()
	var list []*mailbox.Delivery
	for range n {
		list = append(list, &mailbox.Delivery{Box: 7, Folder: mailbox.Inbox, Blob: "x", Size: 1, Time: noon})
	}
	if err := db.Mailboxes().DeliverAll(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return list[0].FolderID
}

// planAll is a plan by which the flags of all messages of a folder turn over.
func planAll(t *testing.T, db *DB, folder int64, n int) (p mailbox.FlagPlan) {
	t.Helper()
	f, err := db.Mailboxes().Index(t.Context(), folder, func(e mailbox.Entry) {
		to := e.Flags
		to.System ^= mailbox.Seen
		p.Put(e.UID, e.Flags, to, true)
	})
	if err != nil || p.Messages != int64(n) {
		t.Fatal(p.Messages, err)
	}
	p.At = f.HighestModSeq
	return p
}

// noteAll notes a plan, and leaves it to others to write it.
func noteAll(t *testing.T, db *DB, folder int64, p mailbox.FlagPlan) (after mailbox.ModSeq) {
	t.Helper()
	err := db.lagging(t.Context(), func(tx *Tx) (err error) {
		after, _, err = setPlanned(tx, folder, p, true)
		return err
	})
	if err != nil || after == 0 {
		t.Fatal(after, err)
	}
	return after
}

// notes counts what is noted.
func notes(t *testing.T, db *DB) (n int) {
	t.Helper()
	err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM mailbox_noted`, nil, &n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What a kill, or a fall of the host, leaves noted is written by the start after it.
func TestNotedFlagsAreWrittenByAStart(t *testing.T) {
	const n = settleTurn + 100
	path := filepath.Join(t.TempDir(), "gatepost.db")
	db := openAt(t, path, "one")
	defer db.Close()
	folder := manyIn(t, db, n)
	after := noteAll(t, db, folder, planAll(t, db, folder, n))
	if got := notes(t, db); got != 1 {
		t.Fatalf("%d notes, want 1", got)
	}
	for boot, same := range map[string]bool{"one": true, "two": false} {
		again := openAt(t, fallen(t, path), boot)
		defer again.Close()
		seen := 0
		_, err := again.Mailboxes().Index(t.Context(), folder, func(e mailbox.Entry) {
			if e.Flags.System == mailbox.Seen && e.ModSeq >= after && (e.ModSeq == after) == same {
				seen++
			}
		})
		if err != nil || seen != n || notes(t, again) != 0 {
			t.Errorf("boot %s: %d messages of %d have what was noted; %d notes; %v", boot, seen, n, notes(t, again), err)
		}
	}
}

// A folder has the notes of one change, only so many folders have some, and none are made of what somebody
// waits for.
func TestRoomForNotes(t *testing.T) {
	db := openAt(t, filepath.Join(t.TempDir(), "gatepost.db"), "one")
	defer db.Close()
	folder := manyIn(t, db, 1)
	room := func(folder int64) (ok bool) {
		t.Helper()
		err := db.View(t.Context(), func(tx *Tx) error {
			ok = roomIn(t, db, tx, folder)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	done := db.noted.await(folder)
	again := db.noted.await(folder)
	done()
	if room(folder) {
		t.Error("notes are made of what somebody waits for")
	}
	again()
	if !room(folder) {
		t.Error("none are made when nobody waits any more")
	}
	noteAll(t, db, folder, planAll(t, db, folder, 1))
	if room(folder) {
		t.Error("notes are made of what has some")
	}
	err := db.Update(t.Context(), func(tx *Tx) error {
		for i := range int64(noteRoom - 1) {
			if !roomIn(t, db, tx, folder+1+i) {
				t.Errorf("no room for folder %d", i)
			}
			if err := note(tx, folder+1+i, 1, mailbox.FlagPlan{Runs: []mailbox.FlagRun{{Range: mailbox.Range{First: 1, Last: 1}}}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || room(folder+noteRoom) {
		t.Errorf("one folder more is noted, %v", err)
	}
	if err := db.writeNoted(t.Context()); err != nil || notes(t, db) != 0 {
		t.Errorf("%d notes are left, %v", notes(t, db), err)
	}
}

func roomIn(t *testing.T, db *DB, tx *Tx, folder int64) bool {
	t.Helper()
	ok, err := db.noted.room(tx, folder)
	if err != nil {
		t.Error(err)
	}
	return ok
}

// Of several who read flags that were turned over and are not written yet, each sees all of them turned over.
func TestNotedFlagsAreSeenAtOnce(t *testing.T) {
	const n, turns = settleTurn + 100, 4
	db := openAt(t, filepath.Join(t.TempDir(), "gatepost.db"), "one")
	defer db.Close()
	folder := manyIn(t, db, n)
	for range turns {
		after := noteAll(t, db, folder, planAll(t, db, folder, n))
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				unseen, at := int64(0), 0
				f, err := db.Mailboxes().Index(t.Context(), folder, func(e mailbox.Entry) {
					if e.ModSeq == after {
						at++
					}
					if e.Flags.System&mailbox.Seen == 0 {
						unseen++
					}
				})
				if err != nil || at != n || unseen != f.Unseen {
					t.Errorf("%d of %d have MODSEQ %d, %d are unseen, not %d, %v", at, n, after, unseen, f.Unseen, err)
				}
			})
		}
		readers.Wait()
	}
}
