package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/quarantine"
)

// noteRemoved has the quarantine end what it holds for a domain or a mailbox, which is to
// be there still: in the commit that removes it.
func (w *directoryWriter) noteRemoved(kind, query, name string) error {
	_, err := w.tx.Exec(`INSERT INTO held_removed (kind, owner, name) `+query, name)
	if err != nil {
		return fmt.Errorf("note that %s %s is removed: %w", kind, name, err)
	}
	return nil
}

// EndRemoved implements quarantine.Keeper. What is noted goes when nothing is left of it.
func (q Quarantine) EndRemoved(ctx context.Context, when time.Time, limit int) (n int, err error) {
	err = q.db.Update(ctx, func(tx *Tx) error {
		n = 0
		var kind, name string
		var owner int64
		err := tx.Row(`SELECT kind, owner, name FROM held_removed ORDER BY kind, owner LIMIT 1`, nil, &kind, &owner, &name)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ids, err := removedHeld(tx, kind, owner, name, limit)
		if err != nil {
			return err
		}
		act := quarantine.Act{Who: "removal of " + name, What: quarantine.StateDeleted, When: when}
		for _, id := range ids {
			if err := settleHeld(tx, id, act); err != nil && !errors.Is(err, quarantine.ErrNotHeld) {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		if n = len(ids); n > 0 {
			return nil
		}
		n = 1 // the note itself
		_, err = tx.Exec(`DELETE FROM held_removed WHERE kind = ? AND owner = ?`, kind, owner)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: end what was held for the removed: %w", err)
	}
	return n, nil
}

// removedHeld are some messages that are held for what was removed, by id. What has no
// number of a domain is older than the note, and so of that domain or one before it. What
// a mailbox has by a name of the domain stays the mailbox's.
func removedHeld(tx *Tx, kind string, owner int64, name string, limit int) (ids []string, err error) {
	query, args := `SELECT id FROM held WHERE box = ? AND state = 'held' LIMIT ?`, []any{owner, limit}
	if kind == "domain" {
		query, args = `SELECT id FROM held WHERE domain = ? AND domain_id IN (0, ?) AND state = 'held' AND box <= 0 LIMIT ?`, []any{name, owner, limit}
	}
	rows, err := tx.Query(query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	slices.Sort(ids)
	return ids, err
}
