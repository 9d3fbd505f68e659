package store

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"gatepost/internal/store/storetest"
)

func TestQueueContract(t *testing.T) { onEngines(t, testQueueContract) }

func testQueueContract(t *testing.T, open func(*testing.T) *DB) {
	storetest.Queue(t, func(t *testing.T) storetest.QueueRows { return queueRows(checked(t, open(t))) })
}

func queueRows(db *DB) storetest.QueueRows {
	q := db.Queue()
	return storetest.QueueRows{
		Rows: q, Clerk: q, Put: q.Put, CommitLocal: db.CommitLocal,
		Refs: func(t *testing.T, blob string) (n int) {
			t.Helper()
			err := db.View(t.Context(), func(tx *Tx) error {
				return tx.Row(`SELECT refs FROM blob WHERE id = ?`, []any{blob}, &n)
			})
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				t.Fatal(err)
			}
			return n
		},
	}
}

// What runs again and again goes by an index, however long the queue is.
func TestQueueByIndex(t *testing.T) {
	db := openTest(t)
	for _, query := range []string{
		`SELECT id FROM queue_transfer WHERE state = 'waiting' AND destination = ? AND due <= ? ORDER BY due, id LIMIT ?`,
		`SELECT MIN(destination) FROM queue_transfer WHERE state = 'waiting' AND destination > ?`,
		`SELECT MIN(due) FROM queue_transfer WHERE state = 'waiting' AND destination = ?`,
		`SELECT id FROM queue_transfer WHERE state = 'waiting' AND destination = ? AND due > ?`,
		`UPDATE queue_transfer SET due = ?, claimed = 0 WHERE claimed = 1`,
		`SELECT tx FROM queue_event WHERE tx = ? ORDER BY time LIMIT ?`,
	} {
		err := db.View(t.Context(), func(tx *Tx) error {
			args := make([]any, strings.Count(query, "?"))
			rows, err := tx.Query(`EXPLAIN QUERY PLAN `+query, args...)
			return each(rows, err, func(rows *sql.Rows) error {
				var id, parent, unused int
				var detail string
				err := rows.Scan(&id, &parent, &unused, &detail)
				if strings.HasPrefix(detail, "SCAN") && !strings.HasSuffix(detail, "INDEX queue_transfer_claimed") || strings.Contains(detail, "TEMP B-TREE") {
					t.Errorf("%s: %s", query, detail)
				}
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
