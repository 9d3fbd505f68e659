package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Nearer implements queue.Rows. The index tells which destinations have any, so that it costs little where
// there is none.
func (q Queue) Nearer(ctx context.Context, most time.Duration) (n int, err error) {
	var now, end int64
	var list []int64
	err = q.db.View(ctx, func(tx *Tx) (err error) {
		now = tx.now()
		end = now + most.Microseconds()
		list, err = tooLate(tx, now, end)
		return err
	})
	if err == nil && len(list) > 0 {
		err = q.db.Update(ctx, func(tx *Tx) error {
			n = 0
			for _, id := range list {
				done, err := tx.Exec(`UPDATE queue_transfer SET due = ? + claimed * ? WHERE id = ? AND state = 'waiting' AND due > ?`, now, end-now, id, end)
				if err != nil {
					return err
				}
				changed, err := done.RowsAffected()
				if err != nil {
					return err
				}
				n += int(changed)
			}
			return nil
		})
	}
	if err != nil {
		return 0, fmt.Errorf("store: bring transfers nearer: %w", err)
	}
	return n, nil
}

// maxNearer bounds what is brought nearer in one commit.
const maxNearer = 10_000

// tooLate returns waiting transfers that are due after end, though their senders do not have them wait.
func tooLate(tx *Tx, now, end int64) (list []int64, err error) {
	rows, err := tx.Query(`WITH RECURSIVE d (name) AS (
		SELECT MIN(destination) FROM queue_transfer WHERE state = 'waiting'
		UNION ALL
		SELECT (SELECT MIN(destination) FROM queue_transfer WHERE state = 'waiting' AND destination > d.name) FROM d WHERE d.name IS NOT NULL)
		SELECT t.id FROM d, queue_transfer t, queue_message m WHERE t.state = 'waiting' AND t.destination = d.name AND t.due > ? AND m.id = t.message AND m.released <= ? LIMIT ?`,
		end, now, maxNearer)
	err = each(rows, err, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		list = append(list, id)
		return err
	})
	return list, err
}
