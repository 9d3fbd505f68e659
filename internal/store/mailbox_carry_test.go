package store

import (
	"fmt"
	"testing"
	"time"

	"gatepost/mailbox"
)

// Who moves another's mail into his own box takes it from nobody for good: it is kept there as
// what he expunged would be.
func TestCarriedAwayIsKept(t *testing.T) { onBoth(t, testCarriedAwayIsKept) }

func testCarriedAwayIsKept(t *testing.T, db *DB) {
	checked(t, db)
	inDomain(t, db, 2)
	m, ctx := db.Mailboxes(), t.Context()
	put(t, db, 1, "")
	put(t, db, 1, "")
	put(t, db, 2, "")
	from, err := m.Folder(ctx, 1, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	to, err := m.Folder(ctx, 2, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	one := mailbox.UIDSet{{First: 1, Last: 1}}
	if _, err := m.Copy(ctx, from.ID, one, from.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Carry(ctx, mailbox.Carriage{From: from.ID, Set: mailbox.UIDSet{{First: 1, Last: 2}}, To: to.ID, Move: true}); err != nil {
		t.Fatal(err)
	}
	if a, b := inFolder(t, db, 1, "INBOX"), inFolder(t, db, 2, "INBOX"); a != 1 || b != 3 {
		t.Errorf("%d stay, %d are there", a, b)
	}
	kept, err := m.Kept(ctx, 1, mailbox.KeptQuery{})
	if err != nil || len(kept) != 1 || kept[0].EmailID != 2 || kept[0].Folder != "INBOX" { // the other has a copy
		t.Errorf("kept: %+v, %v", kept, err)
	}
	done, err := m.Recover(ctx, 1, []int64{2}, "Recovered")
	if err != nil || done.Messages != 1 {
		t.Errorf("recovered: %+v, %v", done, err)
	}
	list, err := m.Messages(ctx, from.ID, mailbox.UIDSet{{First: 4, Last: 4}}, mailbox.Row)
	if err != nil || len(list) != 1 || list[0].Saved.IsZero() {
		t.Errorf("when it came back (RFC 8514 §3) is not noted: %+v, %v", list, err)
	}
}

// The texts of mail that is kept no more go with it.
func TestPurgedMailHasNoTexts(t *testing.T) { onBoth(t, testPurgedMailHasNoTexts) }

func testPurgedMailHasNoTexts(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 1)
	m, ctx := db.Mailboxes(), t.Context()
	put(t, db, 1, "")
	b, err := m.TextBatch(ctx, 1, 10)
	if err == nil {
		err = m.PutSignatures(ctx, b, []mailbox.Signature{make(mailbox.Signature, 64)})
	}
	f, err2 := m.Folder(ctx, 1, "INBOX")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	if err := m.expunge(ctx, f.ID, everyUID, false); err != nil {
		t.Fatal(err)
	}
	if err := m.PurgeDeleted(ctx, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := db.View(ctx, func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM mailbox_search_loose`, nil, &left) }); err != nil || left != 0 {
		t.Errorf("%d signatures of mail that is gone, %v", left, err)
	}
}

// The check finds rows that belong to nothing, and domains that count nothing.
func TestCheckFindsStrays(t *testing.T) { onBoth(t, testCheckFindsStrays) }

func testCheckFindsStrays(t *testing.T, db *DB) {
	inDomain(t, db, 1)
	put(t, db, 1, "")
	for text, want := range map[string]string{
		`DELETE FROM mailbox_usage`: `domain 900 counts 0/0, its mailboxes have 1/10 (messages/octets)`,
		`INSERT INTO mailbox_message (folder, uid, modseq, flags, keywords, internal_date, size, email) VALUES (99, 1, 1, 0, '', 0, 1, 1)`: `message 1 is in folder 99, which is missing`,
		`INSERT INTO mailbox_expunged (folder, modseq, uid) VALUES (99, 1, 1)`:                                                             `expunge of 1 is logged of folder 99, which is missing`,
		`INSERT INTO mailbox_grant (box, folder, who, rights) VALUES (1, 99, 'anyone', 1)`:                                                 `anyone has rights in folder 99, which is missing`,
	} {
		undone := fmt.Errorf("undone")
		var told []string
		err := db.Update(t.Context(), func(tx *Tx) error {
			if _, err := tx.Exec(text); err != nil {
				return err
			}
			for _, r := range rules {
				err := tx.each(r.query, func(a, b, c string) { told = append(told, fmt.Sprintf(r.what, a, b, c)) })
				if err != nil {
					return err
				}
			}
			return undone
		})
		if len(told) != 1 || told[0] != want {
			t.Errorf("%s: got %q, %v", text, told, err)
		}
	}
}

// A kept row whose e-mail has copies again, or is gone, does not stop the purge of all others.
func TestPurgePassesDamage(t *testing.T) { onBoth(t, testPurgePassesDamage) }

func testPurgePassesDamage(t *testing.T, db *DB) {
	knownBoxes(t, db, 1)
	m, ctx := db.Mailboxes(), t.Context()
	for range 3 {
		put(t, db, 1, "")
	}
	f, err := m.Folder(ctx, 1, "INBOX")
	if err == nil {
		err = m.expunge(ctx, f.ID, everyUID, false)
	}
	if err == nil {
		err = db.Update(ctx, func(tx *Tx) error {
			if _, err := tx.Exec(`UPDATE mailbox_email SET refs = 1 WHERE box = 1 AND id = 1`); err != nil {
				return err
			}
			_, err := tx.Exec(`DELETE FROM mailbox_email WHERE box = 1 AND id = 2`)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := m.PurgeDeleted(ctx, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var kept, emails int
	err = db.View(ctx, func(tx *Tx) error {
		if err := tx.Row(`SELECT COUNT(*) FROM mailbox_deleted`, nil, &kept); err != nil {
			return err
		}
		return tx.Row(`SELECT COUNT(*) FROM mailbox_email`, nil, &emails)
	})
	if err != nil || kept != 0 || emails != 1 {
		t.Errorf("%d kept, %d e-mails, %v; want 0, and the one that has copies", kept, emails, err)
	}
}

// Copies of one email that lie apart in a folder are copies of one email in another's box, too
// (RFC 8474 §4), and its content is referred to once for it.
func TestCarriedCopiesKeepOneEmailID(t *testing.T) { onBoth(t, testCarriedCopies) }

func testCarriedCopies(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 2)
	m, ctx := db.Mailboxes(), t.Context()
	put(t, db, 1, "")
	put(t, db, 1, "")
	put(t, db, 2, "")
	inbox := func(box int64) int64 {
		f, err := m.Folder(ctx, box, mailbox.Inbox)
		if err != nil {
			t.Fatal(err)
		}
		return f.ID
	}
	from, to := inbox(1), inbox(2)
	for range 2 { // 1, 2, and their copies as 3:4, 5:6 is 3:4's
		if _, err := m.Copy(ctx, from, mailbox.UIDSet{{First: 1, Last: 2}}, from); err != nil {
			t.Fatal(err)
		}
	}
	set := mailbox.UIDSet{{First: 1, Last: 1}, {First: 3, Last: 4}, {First: 6, Last: 6}}
	if _, err := m.Carry(ctx, mailbox.Carriage{From: from, Set: set, To: to}); err != nil {
		t.Fatal(err)
	}
	list, err := m.Messages(ctx, to, mailbox.UIDSet{{First: 2, Last: 5}}, mailbox.Row)
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	if list[0].EmailID != list[1].EmailID || list[2].EmailID != list[3].EmailID || list[0].EmailID == list[2].EmailID {
		t.Errorf("emails %d, %d, %d, %d", list[0].EmailID, list[1].EmailID, list[2].EmailID, list[3].EmailID)
	}
}
