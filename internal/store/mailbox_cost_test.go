package store

import (
	"strings"
	"testing"
)

// plan returns how the engine goes about a statement.
func plan(t *testing.T, db *DB, query string) (steps []string) {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = 1
	}
	err := db.View(t.Context(), func(tx *Tx) error {
		rows, err := tx.Query(`EXPLAIN QUERY PLAN `+query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			steps = append(steps, step)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// Everybody's mail waits for a COPY and for the end of a box: they may look at the
// rows that they change, and not through all others.
func TestChangesFindTheirRowsByKey(t *testing.T) {
	db := openTest(t)
	for query, table := range map[string]string{refEmailRange: "mailbox_email", drop[0]: "blob"} {
		found := ""
		for _, step := range plan(t, db, query) {
			if strings.Contains(step, " "+table+" ") {
				found = step
			}
		}
		if !strings.HasPrefix(found, "SEARCH "+table+" USING ") || !strings.Contains(found, "id=?") {
			t.Errorf("%s is read by %q in\n%s\n%q", table, found, query, plan(t, db, query))
		}
	}
}
