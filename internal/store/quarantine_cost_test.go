package store

import (
	"database/sql"
	"strings"
	"testing"

	"gatepost/quarantine"
)

// What a page or a search reads does not grow with the store: it is counted in rows, of
// a store of 3,000 messages and of one of 60,000. (What it takes in time is measured by
// TestHeldScale.)
func TestHeldCost(t *testing.T) {
	small, big := openTest(t), openTest(t)
	fillHeld(t, small, 3000)
	fillHeld(t, big, 30000)
	names, few := scaleQueries(t, small)
	_, many := scaleQueries(t, big)
	for _, name := range names {
		a, b := rowsRead(t, small, few[name]), rowsRead(t, big, many[name])
		if b > 3*max(a, searchWindow) {
			t.Errorf("%s: %d rows are read of 3,000, and %d of 60,000", name, a, b)
		}
		checkPlans(t, big, name, many[name])
	}
}

// rowsRead is how many rows a search reads; a page that comes from an index reads its own.
func rowsRead(t *testing.T, db *DB, q quarantine.Query) (n int) {
	t.Helper()
	if len(heldStreams(q)) > 0 {
		return q.Limit
	}
	err := db.View(t.Context(), func(tx *Tx) error {
		s := newHeldSearch(tx, q, q.Limit)
		err := s.run(q)
		n = searchRows - s.left
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkPlans looks at how SQLite goes about it: through an index, in its order.
func checkPlans(t *testing.T, db *DB, name string, q quarantine.Query) {
	t.Helper()
	var texts []string
	err := db.View(t.Context(), func(tx *Tx) error {
		_, err := findHeld(tx, q, q.Limit)
		for text := range tx.file.stmts {
			if strings.HasPrefix(text, "SELECT") && strings.Contains(text, " held ") && strings.Contains(text, "ORDER BY") {
				texts = append(texts, text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		for _, plan := range plansOf(t, db, text) {
			ordered := false // by an index that is no longer than the page, or a time of it
			for _, index := range []string{"held_time", "held_asked", "held_late"} {
				ordered = ordered || strings.Contains(plan, "INDEX "+index)
			}
			if strings.Contains(plan, "TEMP B-TREE") || strings.HasPrefix(plan, "SCAN held") && !ordered {
				t.Errorf("%s: %s\n%s", name, plan, text)
			}
		}
	}
}

// What was released is counted in an index that has nothing else, and no row is read for it.
func TestTalliesPlan(t *testing.T) {
	db := openTest(t)
	if plans := plansOf(t, db, countReleased); !strings.Contains(strings.Join(plans, "\n"), "COVERING INDEX held_released") {
		t.Errorf("got %q", plans)
	}
}

// plansOf returns how SQLite goes about a statement, step by step.
func plansOf(t *testing.T, db *DB, text string) (plans []string) {
	t.Helper()
	args := make([]any, strings.Count(text, "?"))
	for i := range args {
		args[i] = 1
	}
	err := db.View(t.Context(), func(tx *Tx) error {
		rows, err := tx.Query("EXPLAIN QUERY PLAN "+text, args...)
		return each(rows, err, func(rows *sql.Rows) error {
			var a, b, c int
			var plan string
			err := rows.Scan(&a, &b, &c, &plan)
			plans = append(plans, plan)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return plans
}
