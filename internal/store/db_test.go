package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
)

func openTest(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "gatepost.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func insertBlob(id string) func(*Tx) error {
	return func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO blob (id, size, refs) VALUES (?, 1, 1)`, id)
		return err
	}
}

func countBlobs(t *testing.T, db *DB) (n int) {
	t.Helper()
	if err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM blob`, nil, &n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// One job's failure, or panic, undoes that job alone.
func TestUpdateIsolatesItsNeighbours(t *testing.T) {
	db := openTest(t)
	var wg sync.WaitGroup
	errs := make([]error, 60)
	boom := errors.New("boom")
	for i := range errs {
		wg.Go(func() {
			errs[i] = db.Update(t.Context(), func(tx *Tx) error {
				if err := insertBlob(string(rune('A' + i)))(tx); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return boom
				case 2:
					panic("at the disco")
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if (err == nil) != (i%3 == 0) || (i%3 == 1) != errors.Is(err, boom) {
			t.Errorf("job %d: got error %v", i, err)
		}
	}
	if got, want := countBlobs(t, db), len(errs)/3; got != want {
		t.Errorf("rows: got %d, want %d", got, want)
	}
}

// A caller that gave up before its turn wrote nothing; rows survive a restart.
func TestUpdateCancelledAndReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatepost.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Update(ctx, insertBlob("late")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled update: got %v, want context.Canceled", err)
	}
	if err := db.Update(t.Context(), insertBlob("kept")); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), insertBlob("after")); !errors.Is(err, ErrClosed) {
		t.Errorf("update after close: got %v, want ErrClosed", err)
	}
	if db, err = Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := countBlobs(t, db); got != 1 {
		t.Errorf("rows after reopening: got %d, want 1", got)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatepost.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO schema_version (version, name) VALUES (9999, 'tomorrow')`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := Open(t.Context(), path); err == nil {
		t.Error("a store newer than the program was opened")
	}
}
