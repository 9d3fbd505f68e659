package store

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"gatepost/internal/journal"
	"gatepost/quarantine"
)

// A server that is closed ends who reads, waits for who writes, and lets nobody in
// meanwhile.
func TestCloseEndsViews(t *testing.T) {
	db := openPostgres(t)
	held, hold := make(chan struct{}, 2), make(chan struct{})
	read, wrote, closed := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() {
		read <- db.View(context.Background(), func(tx *Tx) error {
			held <- struct{}{}
			_, err := tx.Exec(`SELECT pg_sleep(600)`)
			return err
		})
	}()
	go func() {
		wrote <- db.Update(context.Background(), func(tx *Tx) error {
			held <- struct{}{}
			<-hold
			return insertBlob("a")(tx)
		})
	}()
	<-held
	<-held
	go func() { closed <- db.Close() }()
	if err := <-read; !errors.Is(err, ErrClosed) {
		t.Errorf("who reads: got %v", err)
	}
	for name, work := range map[string]func(context.Context, func(*Tx) error) error{"view": db.View, "update": db.Update} {
		ended := make(chan error, 1)
		go func() { ended <- work(context.Background(), func(*Tx) error { return nil }) }()
		select {
		case err := <-ended:
			if !errors.Is(err, ErrClosed) {
				t.Errorf("a later %s: got %v", name, err)
			}
		case <-time.After(2 * time.Minute):
			t.Errorf("a later %s waits", name)
		}
	}
	close(hold)
	if err := <-wrote; err != nil {
		t.Errorf("who writes: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// While the database is known to be gone nobody waits long for a connection.
func TestNoLongWaitForWhatIsGone(t *testing.T) {
	db := openDSN(t, emptyDatabase(t)+"&pool_max_conns=2")
	s := db.engine.(*server)
	if got := s.patience(); got != waitLimit {
		t.Errorf("while it is there: %v", got)
	}
	node := s.node
	node.stop()
	node.ended.Wait()
	gone := errors.New("gone")
	node.state.Store(&gone)
	for range 2 {
		c, err := s.pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if err := db.Update(t.Context(), insertBlob("a")); !errors.Is(err, context.DeadlineExceeded) || s.patience() != awayLimit {
		t.Errorf("got %v with %v to wait", err, s.patience())
	}
}

// A filter's score need not be a number.
func TestScoresThatAreNoNumbers(t *testing.T) { onBoth(t, testScoresThatAreNoNumbers) }

func testScoresThatAreNoNumbers(t *testing.T, db *DB) {
	for i, score := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		id := string(rune('a' + i))
		h := &quarantine.Held{ID: id, Blob: "b", Time: noon, Score: score}
		if err := db.Update(t.Context(), func(tx *Tx) error { return putHeld(tx, h) }); err != nil {
			t.Fatal(err)
		}
		got, err := db.Quarantine().Show(t.Context(), id)
		if err != nil || got.Score != 0 {
			t.Errorf("held with %v: got %v, %v", score, got.Score, err)
		}
		r := journalRow(i, func(r *journal.Row) { r.Lines[0].Score = score })
		putRows(t, db, r)
		hits, err := db.Journal().Search(t.Context(), journal.Query{ID: r.ID, Limit: 2})
		if err != nil || len(hits) != 1 || hits[0].Score != 0 {
			t.Errorf("noted with %v: got %v, %v", score, hits, err)
		}
	}
}
