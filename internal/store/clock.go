package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	guard "gatepost/internal/clock"
)

// Clock is what is kept of the clock: it implements guard.Marks.
type Clock struct{ db *DB }

var _ guard.Marks = Clock{}

// Clock returns the store's mark of the clock.
func (db *DB) Clock() Clock { return Clock{db} }

// ClockMark implements guard.Marks.
func (c Clock) ClockMark(ctx context.Context) (m guard.Mark, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		var believed, doubt, waited int64
		err := tx.Row(`SELECT time, doubt, waited FROM clock_mark WHERE id = 1`, nil, &believed, &doubt, &waited)
		if errors.Is(err, sql.ErrNoRows) {
			m = guard.Mark{}
			return nil
		}
		m = guard.Mark{Time: fromMicros(believed), Doubt: fromMicros(doubt), Waited: time.Duration(waited) * time.Microsecond}
		return err
	})
	if err != nil {
		return guard.Mark{}, fmt.Errorf("store: mark of the clock: %w", err)
	}
	return m, nil
}

// SetClockMark implements guard.Marks.
func (c Clock) SetClockMark(ctx context.Context, m guard.Mark) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO clock_mark (id, time, doubt, waited) VALUES (1, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET time = excluded.time, doubt = excluded.doubt, waited = excluded.waited`,
			toMicros(m.Time), toMicros(m.Doubt), m.Waited.Microseconds())
		return err
	})
	if err != nil {
		return fmt.Errorf("store: mark of the clock: %w", err)
	}
	return nil
}
