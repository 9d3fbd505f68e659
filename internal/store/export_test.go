package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/mailbox"
)

// restoreInto makes a store of an export's files.
type restoreInto func(t *testing.T, dir string) *DB

func TestRestoredFile(t *testing.T) {
	testRestored(t, openTest(t), func(t *testing.T, dir string) *DB {
		db, err := Open(t.Context(), filepath.Join(dir, FileName))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if err := db.Restored(t.Context()); err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func TestRestoredServer(t *testing.T) {
	testRestored(t, openPostgres(t), func(t *testing.T, dir string) *DB {
		dsn := bareDatabase(t)
		if err := Import(t.Context(), dsn, Node{Host: "test.example", Data: t.Name()}, dir); err != nil {
			t.Fatal(err)
		}
		return openDSN(t, dsn)
	})
}

// bareDatabase returns the DSN of a database without a table.
func bareDatabase(t *testing.T) string {
	t.Helper()
	emptyDatabase(t) // skips
	p, err := serverOnce()
	if err != nil {
		t.Fatal(err)
	}
	dsn, err := p.Database()
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// A client that saw mail and changes that came after the backup is told of all that it
// knows and that is not so any more, and is never given a UID or a MODSEQ again.
func testRestored(t *testing.T, db *DB, restore restoreInto) {
	knownBoxes(t, db, 3)
	deliver := func(db *DB, name string) mailbox.UID {
		t.Helper()
		d := &mailbox.Delivery{Box: 1, Blob: name, Size: 5, Time: time.Unix(1_700_000_000, 0)}
		if err := db.Mailboxes().Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		return d.UID
	}
	inbox := func(db *DB) mailbox.Folder {
		t.Helper()
		f, err := db.Mailboxes().Folder(t.Context(), 1, mailbox.Inbox)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for n := range 5 {
		deliver(db, fmt.Sprint("kept", n, "\t\\N\n"))
	}
	dir := t.TempDir()
	if _, err := db.Export(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	lost := []mailbox.UID{deliver(db, "lost1"), deliver(db, "lost2")}
	m := db.Mailboxes()
	old := inbox(db)
	if _, err := m.SetFlags(t.Context(), old.ID, mailbox.UIDSet{{First: 1, Last: 2}}, mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Deleted}}); err != nil {
		t.Fatal(err)
	}
	if err := m.Expunge(t.Context(), old.ID, mailbox.UIDSet{{First: 1, Last: 1}}); err != nil {
		t.Fatal(err)
	}
	seen := inbox(db) // as the client knows it

	again := checked(t, restore(t, dir))
	now := inbox(again)
	if now.ID != seen.ID || now.UIDValidity != seen.UIDValidity || now.Messages != 5 {
		t.Errorf("the folder is %+v, was %+v", now, seen)
	}
	d, err := again.Mailboxes().Since(t.Context(), now.ID, seen.HighestModSeq)
	if err != nil {
		t.Fatal(err)
	}
	var changed []string
	for _, e := range d.Changed {
		changed = append(changed, fmt.Sprint(e.UID, e.Flags.Names(), e.ModSeq > seen.HighestModSeq))
	}
	if want := []string{"1 [] true", "2 [] true", "3 [] true", "4 [] true", "5 [] true"}; !slices.Equal(changed, want) {
		t.Errorf("changed: got %q, want %q", changed, want)
	}
	for _, u := range lost {
		if !d.Forgot || d.Present.Contains(u) {
			t.Errorf("the client is not told that %d is gone", u)
		}
	}
	if uid := deliver(again, "new"); uid < seen.UIDNext {
		t.Errorf("UID %d was given before", uid)
	}
	if after := inbox(again); after.HighestModSeq <= now.HighestModSeq || now.HighestModSeq <= seen.HighestModSeq {
		t.Errorf("MODSEQ went from %d to %d to %d", seen.HighestModSeq, now.HighestModSeq, after.HighestModSeq)
	}
	later, err := again.Mailboxes().Since(t.Context(), now.ID, now.HighestModSeq)
	if err != nil || len(later.Changed) != 1 || len(later.Expunged) != 0 || later.Forgot {
		t.Errorf("after it: %d changed, %d gone, %v", len(later.Changed), len(later.Expunged), err)
	}
	other := &mailbox.Delivery{Box: 2, Blob: "other", Size: 5, Time: time.Now()} // numbers that tables give go on
	if err := again.Mailboxes().Deliver(t.Context(), other); err != nil {
		t.Fatal(err)
	}
}

// Rows change all the time while they are exported; what is exported fits together.
func TestExportBesideWriters(t *testing.T) { onBoth(t, testExportBesideWriters) }

func testExportBesideWriters(t *testing.T, db *DB) {
	knownBoxes(t, db, 1)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	n := 0
	deliver := func() error {
		n++
		return db.Mailboxes().Deliver(t.Context(), &mailbox.Delivery{Box: 1, Blob: fmt.Sprint("b", n), Size: 3, Time: time.Now()})
	}
	for range 50 {
		if err := deliver(); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		for ctx.Err() == nil {
			if err := deliver(); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	dir := t.TempDir()
	_, err := db.Export(t.Context(), dir)
	stop()
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	var copied *DB
	if db.Engine() == "sqlite" {
		if copied, err = Open(t.Context(), filepath.Join(dir, FileName)); err == nil {
			t.Cleanup(func() { copied.Close() })
		}
	} else {
		dsn := bareDatabase(t)
		if err = Import(t.Context(), dsn, Node{Host: "test.example"}, dir); err == nil {
			copied = openDSN(t, dsn)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	checked(t, copied)
	if f, err := copied.Mailboxes().Folder(t.Context(), 1, mailbox.Inbox); err != nil || f.Messages < 50 {
		t.Errorf("%d messages, %v", f.Messages, err)
	}
}

func TestImportRefuses(t *testing.T) {
	db, dir := openPostgres(t), t.TempDir()
	names, err := db.Export(t.Context(), dir)
	if err != nil || len(names) < 10 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	who := Node{Host: "test.example"}
	t.Run("a database with rows", func(t *testing.T) {
		dsn := bareDatabase(t)
		openDSN(t, dsn).Close()
		if err := Import(t.Context(), dsn, who, dir); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("rows that are cut", func(t *testing.T) {
		dsn := bareDatabase(t)
		bad := t.TempDir()
		if err := os.CopyFS(bad, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bad, rowsDir, "mailbox_folder_id.copy"), []byte("1\t2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Import(t.Context(), dsn, who, bad); err == nil || !strings.Contains(err.Error(), "mailbox_folder_id") {
			t.Errorf("got %v", err)
		}
		if err := Import(t.Context(), dsn, who, dir); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("afterwards: %v", err)
		}
		if db, err := OpenServer(t.Context(), dsn, who, nil); err == nil || !strings.Contains(err.Error(), "did not come to its end") {
			t.Errorf("it is opened: %v, %v", db, err)
		}
	})
	t.Run("names that are none", func(t *testing.T) {
		bad := t.TempDir()
		if err := os.Mkdir(filepath.Join(bad, rowsDir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bad, outlineName), []byte(`{"tables":[{"name":"x\"; DROP","columns":["a"]}]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Import(t.Context(), "host=/nowhere", who, bad); err == nil || !strings.Contains(err.Error(), "no name") {
			t.Errorf("got %v", err)
		}
	})
}
