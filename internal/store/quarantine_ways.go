package store

import (
	"database/sql"
	"fmt"

	"gatepost/quarantine"
)

// heldWays returns where a held message went on after its release: what the queue still
// has of it, and what became of the rest.
func heldWays(tx *Tx, id string) ([]quarantine.Way, error) {
	var list []quarantine.Way
	at := map[int64]int{} // a transfer's place in list
	rows, err := tx.Query(`SELECT transfer, time, recipient, what, host, code, enhanced, reply FROM queue_event WHERE released = ? AND released <> '' ORDER BY time`, id)
	err = each(rows, err, func(rows *sql.Rows) error {
		var w quarantine.Way
		var transfer, when int64
		if err := rows.Scan(&transfer, &when, &w.To, &w.What, &w.Host, &w.Code, &w.Enhanced, &w.Reply); err != nil {
			return err
		}
		w.Time = fromMicros(when)
		i, again := at[transfer]
		if !again {
			i = len(list)
			at[transfer], list = i, append(list, w)
		}
		w.Attempts = list[i].Attempts
		if w.Host != "" {
			w.Attempts++
		}
		list[i] = w
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("what was tried: %w", err)
	}
	rows, err = tx.Query(`SELECT id, recipient, state, due, attempts FROM queue_transfer WHERE released = ? AND released <> '' ORDER BY id`, id)
	err = each(rows, err, func(rows *sql.Rows) error {
		var w quarantine.Way
		var transfer, due int64
		if err := rows.Scan(&transfer, &w.To, &w.What, &due, &w.Attempts); err != nil {
			return err
		}
		i, tried := at[transfer]
		if !tried {
			i = len(list)
			list = append(list, w)
		}
		list[i].Next, list[i].Attempts = fromMicros(due), w.Attempts
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("what is on its way: %w", err)
	}
	return list, nil
}
