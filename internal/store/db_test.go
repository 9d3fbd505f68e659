package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

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
func TestUpdateIsolatesItsNeighbours(t *testing.T) { onBoth(t, testUpdateIsolatesItsNeighbours) }

func testUpdateIsolatesItsNeighbours(t *testing.T, db *DB) {
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

// While many write, by themselves and by the writer, the store is closed: what was said to be written is, and nothing else is
// but what was under way.
func TestUpdatesWhileClosing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatepost.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	const writers = 8
	var written atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				err := db.engine.update(t.Context(), insertBlob(fmt.Sprint(w, " ", i)))
				switch {
				case errors.Is(err, ErrClosed):
					return
				case err != nil:
					t.Error(err)
					return
				}
				written.Add(1)
			}
		})
	}
	for written.Load() < 20*writers {
		runtime.Gosched()
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if db, err = Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got, want := int64(countBlobs(t, db)), written.Load(); got != want {
		t.Errorf("%d rows are there, %d were said to be written", got, want)
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

// A View whose context ends while it begins leaves its connection usable.
func TestViewsThatGiveUp(t *testing.T) { onBoth(t, testViewsThatGiveUp) }

func testViewsThatGiveUp(t *testing.T, db *DB) {
	times := 2000
	if _, ok := db.engine.(*server); ok {
		times = 400 // each may cost the server a process, and a busy machine as many waits
	}
	for i := range times {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for range i % 400 {
				runtime.Gosched()
			}
			cancel()
		})
		db.View(ctx, func(*Tx) error { return nil })
		wg.Wait()
	}
	if times < 2000 { // a server that was asked for so many connections may take none for some seconds
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end) && db.View(t.Context(), func(*Tx) error { return nil }) != nil; {
			time.Sleep(100 * time.Millisecond)
		}
	}
	for range 2 * readers {
		countBlobs(t, db)
	}
}

// What SQLite could not write may not seem written later.
func TestBroken(t *testing.T) {
	db := openTest(t)
	if err := db.Update(t.Context(), insertBlob("before")); err != nil {
		t.Fatal(err)
	}
	f := db.engine.(*file)
	f.watch(fmt.Errorf("commit: %w", errors.New("constraint")))
	if err := db.Update(t.Context(), insertBlob("still")); err != nil {
		t.Fatalf("an ordinary error stopped writing: %v", err)
	}
	broken := fmt.Errorf("%w: disk", ErrBroken)
	f.broken.Store(&broken)
	for range 3 {
		if err := db.Update(t.Context(), insertBlob("after")); !errors.Is(err, ErrBroken) {
			t.Errorf("got %v, want ErrBroken", err)
		}
	}
	if got := countBlobs(t, db); got != 2 || db.Err() != broken {
		t.Errorf("%d rows, %v", got, db.Err())
	}
}

// Mail for a mailbox that was removed since RCPT is not taken: nobody could see it.
func TestCommitForAMailboxThatIsGone(t *testing.T) { onBoth(t, testCommitForAMailboxThatIsGone) }

func testCommitForAMailboxThatIsGone(t *testing.T, db *DB) {
	row := &journal.Row{ID: "x", Lines: []journal.Line{{}}}
	for name, c := range map[string]*intake.Commit{
		"delivery": {Deliveries: []*mailbox.Delivery{{Box: 7, Blob: "b", Size: 1, Time: time.Now()}}, Row: row},
		"hold":     {Held: []*quarantine.Held{{ID: "h", Box: 7, Blob: "b", Size: 1, Time: time.Now()}}, Row: row},
	} {
		if err := db.Commit(t.Context(), c); err == nil {
			t.Errorf("%s: committed", name)
		}
	}
	if got := countBlobs(t, db); got != 0 {
		t.Errorf("%d contents are referred to", got)
	}
}

// A group runs once, without savepoints, which cost a file of pages beside; where a job of it
// fails all run again, and that job alone is undone. Who gave up is not run.
func TestGroupRunsAgainOnlyAfterAFailure(t *testing.T) {
	db := openTest(t)
	f := db.engine.(*file)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	boom := errors.New("boom")
	for _, c := range []struct {
		name  string
		fails error
		runs  int // of each
		rows  int // behind it, in all
		apart bool
	}{{"good", nil, 1, 3, false}, {"bad", boom, 2, 5, true}} {
		var runs [3]int
		group := []*job{{ctx: gone, done: make(chan struct{}), f: func(*Tx) error { t.Error("who gave up was run"); return nil }}}
		for i := range runs {
			group = append(group, &job{ctx: t.Context(), done: make(chan struct{}), f: func(tx *Tx) error {
				runs[i]++
				if err := insertBlob(fmt.Sprint(c.name, i))(tx); err != nil || i < 2 {
					return err
				}
				return c.fails
			}})
		}
		f.commitGroup(group)
		if got, want := group[3].err, c.fails; !errors.Is(got, want) || group[1].err != nil || group[2].err != nil || !errors.Is(group[0].err, context.Canceled) {
			t.Errorf("%s: errors %v, %v, %v, %v", c.name, group[0].err, group[1].err, group[2].err, got)
		}
		if want := [3]int{c.runs, c.runs, c.runs}; runs != want {
			t.Errorf("%s: ran %v times, want %v", c.name, runs, want)
		}
		if got := countBlobs(t, db); got != c.rows {
			t.Errorf("%s: %d rows, want %d", c.name, got, c.rows)
		}
		if apart := f.writer.stmts["SAVEPOINT job"] != nil; apart != c.apart {
			t.Errorf("%s: with savepoints: %v", c.name, apart)
		}
	}
}

// A panic beside the jobs, where the writer is anybody's goroutine, ends all writing, and everybody of the group hears of it.
func TestPanicOfTheWriter(t *testing.T) {
	db := openTest(t)
	f := db.engine.(*file)
	good := &job{ctx: t.Context(), done: make(chan struct{}), f: insertBlob("good")}
	f.commitGroup([]*job{good, {done: make(chan struct{}), f: insertBlob("without a context")}})
	<-good.done
	if !errors.Is(good.err, ErrBroken) {
		t.Errorf("of the group: %v", good.err)
	}
	if err := db.Update(t.Context(), insertBlob("later")); !errors.Is(err, ErrBroken) {
		t.Errorf("later: %v", err)
	}
}

// A disk that is full in the middle of a group is told as what it is to all whose
// rows are lost by it.
func TestFullDiskWithinAGroup(t *testing.T) {
	db := openTest(t)
	limit := func(tx *Tx) error {
		var pages int
		if err := tx.Row(`PRAGMA page_count`, nil, &pages); err != nil {
			return err
		}
		return tx.Row(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+8), nil, &pages)
	}
	if err := db.Update(t.Context(), limit); err != nil {
		t.Fatal(err)
	}
	big := func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO blob (id, size, refs) VALUES (?, 1, 1)`, strings.Repeat("x", 1<<20))
		return err
	}
	group := []*job{}
	for _, f := range []func(*Tx) error{insertBlob("a"), big, insertBlob("b")} {
		group = append(group, &job{ctx: t.Context(), f: f, done: make(chan struct{})})
	}
	err := db.Update(t.Context(), func(tx *Tx) error { return nil }) // the writer is idle after it
	if err != nil {
		t.Fatal(err)
	}
	db.engine.(*file).commitGroup(group)
	for i, j := range group {
		if i == 1 && !errors.Is(j.err, blob.ErrFull) {
			t.Errorf("the one that is too big: got %v", j.err)
		}
		if j.err != nil && !errors.Is(j.err, blob.ErrFull) {
			t.Errorf("job %d: got %v, want blob.ErrFull", i, j.err)
		}
	}
	if err := db.Update(t.Context(), insertBlob("c")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
