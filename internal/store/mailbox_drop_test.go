package store

import (
	"fmt"
	"testing"
	"time"

	"gatepost/mailbox"
	"gatepost/quarantine"
)

// The end of a large box must not hold up everybody's mail: its cost grows with its
// messages, not with their square.
func TestDropLargeBox(t *testing.T) {
	for tries := 1; ; tries++ { // others are at work beside
		few, many := dropBoxes(t, openTest(t), 500)
		if many < time.Second || many < 60*few {
			return
		}
		if tries == 5 {
			t.Fatalf("16 times as many messages: %v instead of %v", many, few)
		}
	}
}

func TestDropBox(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) { dropBoxes(t, checked(t, db), 20) })
}

// dropBoxes fills and drops a box of n messages and one of 16 times as many.
func dropBoxes(t *testing.T, db *DB, n int) (few, many time.Duration) {
	took := map[int64]time.Duration{}
	for box, n := range map[int64]int{1: n, 2: 16 * n} {
		err := db.Update(t.Context(), func(tx *Tx) error {
			for i := range n {
				d := mailbox.Delivery{Box: box, Blob: fmt.Sprintf("b%d-%d", box, i/2), Size: 10, Time: noon}
				if err := putDelivery(tx, &d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		folder, err := db.Mailboxes().Folder(t.Context(), box, mailbox.Inbox)
		if err == nil {
			err = db.Mailboxes().KeepPages(t.Context(), folder.ID, []mailbox.Page{{Block: 1, Kind: 1, Messages: mailbox.PageUIDs, Data: []byte("x")}})
		}
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := db.Mailboxes().DropBox(t.Context(), box, noon); err != nil {
			t.Fatal(err)
		}
		took[box] = time.Since(began)
	}
	for query, what := range map[string]string{`SELECT COUNT(*) FROM blob WHERE refs <> 0`: "contents that are still referred to", `SELECT COUNT(*) FROM mailbox_page`: "pages"} {
		var left int
		err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(query, nil, &left) })
		if err != nil || left != 0 {
			t.Errorf("%d %s, %v", left, what, err)
		}
	}
	return took[1], took[2]
}

// A drop that was interrupted has not been for nothing, is known to the check, and is
// ended by the sweep, which touches no box that has a mailbox.
func TestInterruptedDrop(t *testing.T) { onBoth(t, testInterruptedDrop) }

func testInterruptedDrop(t *testing.T, db *DB) {
	const holds, messages = 2*dropHolds + 1, chunk + 1
	knownBoxes(t, db, 1)
	err := db.Update(t.Context(), func(tx *Tx) error {
		for i := range messages {
			for box := range int64(2) {
				d := mailbox.Delivery{Box: box + 1, Blob: fmt.Sprintf("b%d", i%3), Size: 10, Time: noon}
				if err := putDelivery(tx, &d); err != nil {
					return err
				}
			}
		}
		for i := range holds {
			h := &quarantine.Held{ID: fmt.Sprintf("h%d", i), Box: 2, Blob: "b0", Size: 10, Time: noon}
			if err := putHeld(tx, h); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	left := func(table string) (n int) {
		t.Helper()
		if err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM `+table, nil, &n) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 2 {
		if err := db.Update(t.Context(), func(tx *Tx) error { _, err := dropHeld(tx, 2, noon); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if n := left("held WHERE state = 'held'"); n != holds-2*dropHolds {
		t.Errorf("%d are held after two commits", n)
	}
	folder := int64(0)
	err = db.Update(t.Context(), func(tx *Tx) error {
		if err := tx.Row(`SELECT id FROM mailbox_folder WHERE box = 2 AND messages > 0`, nil, &folder); err != nil {
			return err
		}
		_, err := dropMessages(tx, 2, folder)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	if err := db.Check(t.Context(), func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("mailbox 2 has %d messages of %d octets, and no address", messages-chunk, 10*(messages-chunk)); len(told) != 1 || told[0] != want {
		t.Errorf("check: got %q, want %q", told, want)
	}
	if err := db.Mailboxes().SweepBoxes(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if n := left("held WHERE state = 'held'"); n != 0 {
		t.Errorf("%d are held", n)
	}
	if b, m, e := left("mailbox_box"), left("mailbox_message"), left("mailbox_email"); b != 1 || m != messages || e != messages {
		t.Errorf("left: %d boxes, %d messages, %d emails", b, m, e)
	}
	checked(t, db)
}

// What comes into a box while it is dropped is taken off its domain's sum with it.
func TestDropCountsTheLast(t *testing.T) { onBoth(t, testDropCountsTheLast) }

func testDropCountsTheLast(t *testing.T, db *DB) {
	checked(t, db)
	inDomain(t, db, 1)
	put(t, db, 1, "")
	if err := db.Update(t.Context(), func(tx *Tx) error { return dropRows(tx, 1) }); err != nil {
		t.Fatal(err)
	}
	if u, err := db.Mailboxes().DomainUsage(t.Context(), 900); err != nil || u.Messages != 0 || u.Bytes != 0 {
		t.Errorf("the domain still counts %+v, %v", u, err)
	}
}
