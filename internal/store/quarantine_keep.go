package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/quarantine"
)

// Note implements quarantine.Settler.
func (q Quarantine) Note(ctx context.Context, id string, act quarantine.Act) (h quarantine.Held, err error) {
	err = q.db.Update(ctx, func(tx *Tx) (err error) {
		if err := tx.lock(`SELECT id FROM held WHERE id = ?`, id); err != nil {
			return err
		}
		if h, err = showHeld(tx, id); err != nil {
			return err
		}
		if act.What == quarantine.ActAsked {
			if err := h.Open(); err != nil || !h.Asked.IsZero() {
				return err
			}
			if _, err := tx.Exec(`UPDATE held SET asked = ? WHERE id = ?`, toMicros(act.When), id); err != nil {
				return err
			}
			h.Asked = act.When
		}
		h.Acts = append(h.Acts, act)
		return putHeldAct(tx, id, act)
	})
	if err != nil {
		return quarantine.Held{}, fmt.Errorf("store: note %s of %s: %w", act.What, id, err)
	}
	return h, nil
}

// Purge implements quarantine.Keeper. Rows that ended before there was a column for it
// are given their time first.
func (q Quarantine) Purge(ctx context.Context, t time.Time, limit int) (n int, err error) {
	err = q.db.Update(ctx, func(tx *Tx) error {
		var ids, untimed []string
		rows, err := tx.Query(`SELECT id, ended FROM held WHERE state <> 'held' AND ended < ? ORDER BY ended LIMIT ?`+tx.speaks.skipLocked, toMicros(t), limit)
		err = each(rows, err, func(rows *sql.Rows) error {
			var id string
			var ended int64
			err := rows.Scan(&id, &ended)
			if ended == 0 {
				untimed = append(untimed, id)
			} else {
				ids = append(ids, id)
			}
			return err
		})
		if err != nil {
			return err
		}
		n = len(ids) + len(untimed)
		return errors.Join(purgeHeld(tx, ids), timeHeld(tx, untimed))
	})
	if err != nil {
		return 0, fmt.Errorf("store: purge held messages: %w", err)
	}
	return n, nil
}

func purgeHeld(tx *Tx, ids []string) error {
	if err := unshowAll(tx, ids); err != nil {
		return err
	}
	for _, id := range ids {
		for _, text := range [...]string{`DELETE FROM held_act WHERE held = ?`, `DELETE FROM trust_lesson WHERE held = ?`, `DELETE FROM held WHERE id = ?`} {
			if _, err := tx.Exec(text, id); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
	}
	return nil
}

func timeHeld(tx *Tx, ids []string) error {
	for _, id := range ids {
		_, err := tx.Exec(`UPDATE held SET ended = COALESCE((SELECT MAX(time) FROM held_act WHERE held = ?), time) WHERE id = ?`, id, id)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}
