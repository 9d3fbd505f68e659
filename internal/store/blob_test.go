package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob"
)

// A morgue is a register with a clock that a test turns.
type morgue struct {
	Blobs
	t     *testing.T
	clock time.Time
}

func openMorgue(t *testing.T, db *DB) *morgue {
	m := &morgue{t: t, clock: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	m.Blobs = db.Blobs(func() time.Time { return m.clock })
	return m
}

// change counts a reference more, or less.
func (m *morgue) change(more bool, ids ...string) {
	m.t.Helper()
	err := m.db.Update(m.t.Context(), func(tx *Tx) error {
		for _, id := range ids {
			err := unrefBlob
			if more {
				err = func(tx *Tx, id string) error { return refBlob(tx, id, 7) }
			}
			if err := err(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *morgue) mark(want int64) {
	m.t.Helper()
	if n, err := m.Mark(m.t.Context()); n != want || err != nil {
		m.t.Errorf("mark: got %d, %v, want %d", n, err, want)
	}
}

func (m *morgue) dead(from, to blob.ID, want ...blob.ID) {
	m.t.Helper()
	list, err := m.Dead(m.t.Context(), from, to)
	var got []blob.ID
	for _, f := range list {
		got = append(got, f.ID)
	}
	if !slices.Equal(got, want) || err != nil {
		m.t.Errorf("dead: got %v, %v, want %v", got, err, want)
	}
}

// Nobody's content is dead a day after it was marked, and not before.
func TestDeathInTwoSteps(t *testing.T) { onBoth(t, testDeathInTwoSteps) }

func testDeathInTwoSteps(t *testing.T, db *DB) {
	m := openMorgue(t, db)
	m.change(true, "a", "b", "c", "c")
	m.change(false, "a", "c")
	m.mark(1)
	m.mark(0)
	m.clock = m.clock.Add(deadAfter - time.Microsecond)
	m.dead("", "z")
	m.change(false, "b")
	m.mark(1)
	m.clock = m.clock.Add(time.Microsecond)
	m.dead("", "z", "a")
	m.dead("b", "z")
	m.dead("a", "b", "a")
	m.clock = m.clock.Add(deadAfter)
	m.dead("", "z", "a", "b")
	if n, octets, err := m.Unreferenced(t.Context()); n != 2 || octets != 14 || err != nil {
		t.Errorf("unreferenced: got %d, %d octets, %v", n, octets, err)
	}
}

// A reference takes the mark away, for good: when it goes the day begins anew.
func TestReferenceRevives(t *testing.T) { onBoth(t, testReferenceRevives) }

func testReferenceRevives(t *testing.T, db *DB) {
	m := openMorgue(t, db)
	m.change(true, "a")
	m.change(false, "a")
	m.mark(1)
	m.clock = m.clock.Add(2 * deadAfter)
	m.change(true, "a")
	m.dead("", "z")
	m.change(false, "a")
	m.dead("", "z")
	if err := m.Bury(t.Context(), []blob.ID{"a"}); !errors.Is(err, blob.ErrAlive) {
		t.Errorf("bury: got %v, want ErrAlive", err)
	}
	m.mark(1)
	m.clock = m.clock.Add(deadAfter)
	m.dead("", "z", "a")
}

// All are buried, or none: what one of them is not keeps the others.
func TestBury(t *testing.T) { onBoth(t, testBury) }

func testBury(t *testing.T, db *DB) {
	m := openMorgue(t, db)
	m.change(true, "a", "b", "c", "fresh")
	m.change(false, "a", "b")
	m.mark(2)
	m.clock = m.clock.Add(deadAfter)
	m.change(false, "fresh")
	m.mark(1)
	for _, bad := range []blob.ID{"c", "fresh", "unknown"} {
		if err := m.Bury(t.Context(), []blob.ID{"a", bad, "b"}); !errors.Is(err, blob.ErrAlive) {
			t.Errorf("with %s: got %v, want ErrAlive", bad, err)
		}
	}
	m.dead("", "z", "a", "b")
	if err := m.Bury(t.Context(), []blob.ID{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	m.dead("", "z")
	if n := countBlobs(t, m.db); n != 2 {
		t.Errorf("%d rows are left, want 2", n)
	}
}

// A content without a row gets one, which dies in a day, or lives if its commit comes.
func TestMeetUnknown(t *testing.T) { onBoth(t, testMeetUnknown) }

func testMeetUnknown(t *testing.T, db *DB) {
	m := openMorgue(t, db)
	m.change(true, "b", "d")
	some := []blob.Found{{ID: "a", Size: 1}, {ID: "b", Size: 2}, {ID: "c", Size: 3}}
	for _, want := range []int{2, 0} {
		if n, err := m.Meet(t.Context(), some); n != want || err != nil {
			t.Errorf("got %d, %v, want %d", n, err, want)
		}
	}
	if n, err := m.Meet(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("nothing: got %d, %v", n, err)
	}
	m.change(true, "c")
	m.clock = m.clock.Add(deadAfter)
	m.dead("", "z", "a")
	m.change(false, "c") // had one reference, not one more for the row
	m.mark(1)
}

// More than one statement marks.
func TestMarkMany(t *testing.T) { onBoth(t, testMarkMany) }

func testMarkMany(t *testing.T, db *DB) {
	m := openMorgue(t, db)
	var ids []string
	for i := range 2*markAtOnce + 1 {
		ids = append(ids, fmt.Sprint(i))
	}
	m.change(true, ids...)
	m.change(false, ids...)
	m.mark(int64(len(ids)))
}

// The registers' queries read indexes of the dead alone: the living are many.
func TestDeathIsIndexed(t *testing.T) {
	db := openTest(t)
	for _, query := range []string{
		`SELECT id FROM blob WHERE refs = 0 AND dead = 0 ORDER BY id LIMIT 5`,
		`SELECT id FROM blob WHERE refs = 0 AND dead > 5 ORDER BY id LIMIT 5`,
		`SELECT id, size FROM blob WHERE refs = 0 AND dead > 0 AND dead <= 5 AND id >= 'a' AND id < 'b' ORDER BY id`,
		`SELECT COUNT(*), COALESCE(SUM(size), 0) FROM blob WHERE refs = 0`,
	} {
		err := db.View(t.Context(), func(tx *Tx) error {
			var a, b, c int
			var plan string
			if err := tx.Row(`EXPLAIN QUERY PLAN `+query, nil, &a, &b, &c, &plan); err != nil {
				return err
			}
			t.Log(plan)
			if !strings.Contains(plan, "INDEX blob_dead") && !strings.Contains(plan, "INDEX blob_unmarked") {
				t.Errorf("%s: %s", query, plan)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A mark from a clock that was ahead is made anew, once.
func TestMarkFromTheFuture(t *testing.T) { onBoth(t, testMarkFromTheFuture) }

func testMarkFromTheFuture(t *testing.T, db *DB) {
	m := openMorgue(t, db)
	m.change(true, "a", "b")
	m.change(false, "a", "b")
	m.clock = m.clock.AddDate(10, 0, 0)
	m.mark(2)
	m.change(true, "b")
	m.clock = m.clock.AddDate(-10, 0, 0)
	m.mark(1)
	m.mark(0)
	m.clock = m.clock.Add(deadAfter)
	m.dead("", "z", "a")
}
