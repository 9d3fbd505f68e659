package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gatepost/mailbox"
)

// Mail of box 7, and of box 8 that nobody changes.
func twoBoxes(t *testing.T, db *DB) (inbox, other mailbox.Folder) {
	t.Helper()
	boxes := db.Mailboxes()
	for _, d := range []mailbox.Delivery{{Box: 7}, {Box: 7}, {Box: 7, Folder: "Trash"}, {Box: 8}} {
		d.Blob, d.Size, d.Time = "x", 1, noon
		if err := boxes.Deliver(t.Context(), &d); err != nil {
			t.Fatal(err)
		}
	}
	inbox, err := boxes.Folder(t.Context(), 7, mailbox.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	if other, err = boxes.Folder(t.Context(), 8, mailbox.Inbox); err != nil {
		t.Fatal(err)
	}
	return inbox, other
}

// see changes the flags of a message and returns the MODSEQ that a client sees.
func see(t *testing.T, db *DB, folder int64, u mailbox.UID, how mailbox.How) mailbox.ModSeq {
	t.Helper()
	done, err := db.Mailboxes().SetFlags(t.Context(), folder, mailbox.UIDSet{{First: u, Last: u}}, mailbox.FlagChange{How: how, Flags: mailbox.Flags{System: mailbox.Seen}})
	if err != nil || done.After == done.Before {
		t.Fatalf("flags of %d: %+v, %v", u, done, err)
	}
	return done.After
}

// news are the messages that a client hears of who knows a folder up to a MODSEQ.
func news(t *testing.T, db *DB, folder int64, after mailbox.ModSeq) int {
	t.Helper()
	d, err := db.Mailboxes().Since(t.Context(), folder, after)
	if err != nil {
		t.Fatal(err)
	}
	return len(d.Changed)
}

func marked(t *testing.T, db *DB) (n int) {
	t.Helper()
	err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM mailbox_lag`, nil, &n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// After a fall that lost flags, no MODSEQ is given that somebody saw, and who saw them hears
// of all messages in the folder; nobody hears of what did not lag.
func fellFit(t *testing.T, db *DB, inbox, other mailbox.Folder, seen mailbox.ModSeq) {
	t.Helper()
	d := mailbox.Delivery{Box: 7, Folder: "Trash", Blob: "x", Size: 1, Time: noon}
	if err := db.Mailboxes().Deliver(t.Context(), &d); err != nil { // a server renews by the first update
		t.Fatal(err)
	}
	trash, err := db.Mailboxes().Folder(t.Context(), 7, "Trash")
	if err != nil || trash.HighestModSeq <= seen || trash.UIDNext != 3 {
		t.Errorf("mail after the fall: %+v, %v; a client saw MODSEQ %d", trash, err, seen)
	}
	if got := news(t, db, inbox.ID, seen); got != 2 {
		t.Errorf("who saw what was lost hears of %d messages, want 2", got)
	}
	if got := news(t, db, trash.ID, trash.HighestModSeq-1); got != 1 {
		t.Errorf("in the folder that did not lag %d messages are new, want 1", got)
	}
	if got := news(t, db, other.ID, other.HighestModSeq); got != 0 || marked(t, db) != 0 {
		t.Errorf("another's box: %d messages are new; %d marks", got, marked(t, db))
	}
}

// fallen copies a store's files as a fall of the host leaves them.
func fallen(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "gatepost.db")
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+end, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func openAt(t *testing.T, path, boot string) *DB {
	t.Helper()
	f, err := openFile(t.Context(), path, boot)
	if err != nil {
		t.Fatal(err)
	}
	return &DB{engine: f}
}

func TestFlagsLostByFallOfHost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatepost.db")
	db := openAt(t, path, "one")
	inbox, other := twoBoxes(t, db)
	see(t, db, inbox.ID, 1, mailbox.Add)
	if got := marked(t, db); got != 1 {
		t.Errorf("%d marks, want 1", got)
	}
	synced := fallen(t, path)
	for range 5 {
		see(t, db, inbox.ID, 2, mailbox.Add)
		see(t, db, inbox.ID, 2, mailbox.Remove)
	}
	seen := see(t, db, inbox.ID, 2, mailbox.Add)
	written := fallen(t, path)

	fell := openAt(t, synced, "two")
	defer fell.Close()
	fellFit(t, fell, inbox, other, seen)

	killed := openAt(t, written, "one") // the host did not fall
	defer killed.Close()
	if got := news(t, killed, inbox.ID, seen-1); got != 1 || news(t, killed, inbox.ID, seen) != 0 || marked(t, killed) != 0 {
		t.Errorf("after a kill %d messages are new, want 1; %d marks", got, marked(t, killed))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path, "three")
	defer again.Close()
	if got := news(t, again, inbox.ID, seen); got != 0 || marked(t, again) != 0 {
		t.Errorf("after an end in order %d messages are new; %d marks", got, marked(t, again))
	}
}

// lostByFallOfServer is TestFlagsLostByFallOfHost where a server falls under a node, which goes on.
func lostByFallOfServer(t *testing.T, db *DB, fall func()) {
	inbox, other := twoBoxes(t, db)
	see(t, db, inbox.ID, 1, mailbox.Add)
	seen := see(t, db, inbox.ID, 2, mailbox.Add)
	fall()
	if err := db.engine.update(t.Context(), func(tx *Tx) error { // had it lost all that it may
		_, err := tx.Exec(`UPDATE mailbox_box SET modseq = modseq - 1 WHERE box = 7 AND modseq = ?`, seen)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	fellFit(t, db, inbox, other, seen)
}

// A change of flags is not synced by its commit, all else is; a mark is made by one that is.
func TestFlagsLag(t *testing.T) {
	for name, c := range map[string]struct {
		open         func(*testing.T) *DB
		level        string
		soon, always string
	}{
		"sqlite":   {openTest, `PRAGMA synchronous`, "1", "2"},
		"postgres": {openPostgres, `SHOW synchronous_commit`, "off", "on"},
	} {
		t.Run(name, func(t *testing.T) {
			db := c.open(t)
			var got string
			level := func(tx *Tx) error { return tx.Row(c.level, nil, &got) }
			for range 2 {
				if err := db.engine.soon(t.Context(), level); err != nil || got != c.soon {
					t.Errorf("what may lag: %s, %v", got, err)
				}
				if err := db.Update(t.Context(), level); err != nil || got != c.always {
					t.Errorf("what may not: %s, %v", got, err)
				}
			}
			inbox, _ := twoBoxes(t, db)
			see(t, db, inbox.ID, 1, mailbox.Add)
			if got := marked(t, db); got != 1 {
				t.Errorf("%d marks after a change, want 1", got)
			}
			if err := db.unmark(t.Context()); err != nil || marked(t, db) != 0 {
				t.Errorf("%d marks are left, %v", marked(t, db), err)
			}
			see(t, db, inbox.ID, 2, mailbox.Add)
			if got := marked(t, db); got != 1 {
				t.Errorf("%d marks after another, want 1", got)
			}
		})
	}
}

// What has lagged is synced soon, though nobody commits anything after it.
func TestLagEnds(t *testing.T) {
	f := openTest(t).engine.(*file)
	if err := f.soon(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO mailbox_lag (folder) VALUES (1)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	until(t, "the log is synced", func() bool { return f.lag.synced.Load() > 0 })
	f.lag.log.Close() // what can't be synced ends all writing
	if err := f.soon(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM mailbox_lag`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	until(t, "storing has stopped", func() bool { return f.err() != nil })
}

// What is renewed after a fall may take longer than an update may, which ends in an error meanwhile.
func TestRenewalTakesItsTime(t *testing.T) {
	dsn := emptyDatabase(t)
	db := openDSN(t, dsn)
	inbox, _ := twoBoxes(t, db)
	see(t, db, inbox.ID, 1, mailbox.Add)
	if err := db.Update(t.Context(), func(tx *Tx) error { _, err := tx.Exec(`DELETE FROM store_alive`); return err }); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if _, err := c.Exec(t.Context(), `BEGIN; SELECT box FROM mailbox_box WHERE box = 7 FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	s := db.engine.(*server)
	s.limit = 100 * time.Millisecond
	nothing := func(*Tx) error { return nil }
	first := make(chan error, 1)
	go func() { first <- db.Update(t.Context(), nothing) }()
	until(t, "it is being renewed", func() bool { return len(s.renew) == 1 })
	for range 2 {
		if err := db.Update(t.Context(), nothing); err == nil {
			t.Error("an update was made before the renewal")
		}
	}
	select {
	case err := <-first:
		t.Errorf("the renewal was given up: %v", err)
	default:
	}
	if _, err := c.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	until(t, "it is renewed", func() bool { return marked(t, db) == 0 })
	<-first
	s.limit = updateLimit
	if err := db.Update(t.Context(), nothing); err != nil {
		t.Error(err)
	}
}

// A mark that is made while marks are taken away stays: what lags under it may be committed later.
func TestMarkMadeMeanwhileStays(t *testing.T) {
	db := openPostgres(t)
	inbox, other := twoBoxes(t, db)
	see(t, db, inbox.ID, 1, mailbox.Add)
	dsn := db.engine.(*server).node.config
	c, err := pgx.ConnectConfig(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if _, err := c.Exec(t.Context(), `BEGIN; SELECT box FROM mailbox_box WHERE box = 7 FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- db.unmark(t.Context()) }()
	until(t, "who takes marks away waits for the box", func() bool {
		n := 0
		err := db.View(t.Context(), func(tx *Tx) error {
			return tx.Row(`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`, nil, &n)
		})
		return err == nil && n > 0
	})
	see(t, db, other.ID, 1, mailbox.Add)
	if _, err := c.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || marked(t, db) != 1 {
		t.Errorf("%v; %d marks, want the one that was made meanwhile", err, marked(t, db))
	}
}
