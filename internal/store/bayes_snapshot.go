package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"gatepost/internal/bayes/desk"
)

// stale is how long after its last piece came a snapshot that is not whole is nobody's any more.
const stale = 2 * time.Minute

// PutSnapshot implements desk.Writer. Each piece is a commit of its own.
func (b Bayes) PutSnapshot(ctx context.Context, s desk.Snapshot, data []byte) error {
	id, err := b.beginSnapshot(ctx, s)
	if err != nil {
		return fmt.Errorf("store: put snapshot: %w", err)
	}
	for part, piece := range pieces(data) {
		err := b.touchSnapshot(ctx, id, func(tx *Tx) error {
			_, err := tx.Exec(`INSERT INTO bayes_snapshot_piece (snapshot, part, data) VALUES (?, ?, ?)`, id, part, piece)
			return err
		})
		if err != nil {
			return fmt.Errorf("store: put snapshot: piece %d: %w", part, err)
		}
	}
	err = b.touchSnapshot(ctx, id, func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE bayes_snapshot SET whole = 1, octets = ? WHERE id = ?`, len(data), id)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: put snapshot: %w", err)
	}
	return nil
}

// beginSnapshot makes the row of one, unless another is being made, or there is one of the same entry.
func (b Bayes) beginSnapshot(ctx context.Context, s desk.Snapshot) (id int64, err error) {
	err = b.db.Update(ctx, func(tx *Tx) error {
		if err := tx.lock(`SELECT seq FROM bayes_head WHERE id = 1`); err != nil {
			return err
		}
		var others int
		err := tx.Row(`SELECT COUNT(*) FROM bayes_snapshot WHERE whole = 0 AND touched > ? OR whole = 1 AND seq = ?`, []any{tx.now() - stale.Microseconds(), s.Seq}, &others)
		if err != nil {
			return err
		}
		if others > 0 {
			return desk.ErrBusy
		}
		return tx.Row(`INSERT INTO bayes_snapshot (seq, day, time, node, octets, whole, touched) VALUES (?, ?, ?, ?, 0, 0, ?) RETURNING id`,
			[]any{s.Seq, s.Day, toMicros(s.Time), s.Node, tx.now()}, &id)
	})
	return id, err
}

// touchSnapshot writes to one that is not whole and that nobody took away.
func (b Bayes) touchSnapshot(ctx context.Context, id int64, f func(*Tx) error) error {
	return b.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`UPDATE bayes_snapshot SET touched = ? WHERE id = ? AND whole = 0`, tx.now(), id)
		n, err := affected(done, err)
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("it was taken for what is left of one")
		}
		return f(tx)
	})
}

// remains are snapshots whose maker died.
func (b Bayes) remains(ctx context.Context) (list []int64, err error) {
	err = b.db.View(ctx, func(tx *Tx) error {
		list, err = numbers(tx, `SELECT id FROM bayes_snapshot WHERE whole = 0 AND touched < ? ORDER BY id LIMIT 20`, tx.now()-stale.Microseconds())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: remains of snapshots: %w", err)
	}
	return list, nil
}

// DropSnapshot implements desk.Writer.
func (b Bayes) DropSnapshot(ctx context.Context, id int64) error {
	err := b.db.Update(ctx, func(tx *Tx) error {
		if err := tx.lock(`SELECT seq FROM bayes_head WHERE id = 1`); err != nil {
			return err
		}
		var needed int
		if err := tx.Row(`SELECT COUNT(*) FROM bayes_roll WHERE seq = (SELECT MAX(seq) FROM bayes_roll) AND snapshot = ?`, []any{id}, &needed); err != nil {
			return err
		}
		if needed > 0 {
			return desk.ErrNeeded
		}
		_, err := tx.Exec(`UPDATE bayes_snapshot SET whole = 0, touched = 0 WHERE id = ?`, id) // from now on it does not count
		return err
	})
	for more := true; more && err == nil; {
		err = b.db.Update(ctx, func(tx *Tx) error {
			const some = 4
			parts, err := numbers(tx, `SELECT part FROM bayes_snapshot_piece WHERE snapshot = ? ORDER BY part LIMIT ?`, id, some)
			if err != nil {
				return err
			}
			for _, part := range parts {
				if _, err := tx.Exec(`DELETE FROM bayes_snapshot_piece WHERE snapshot = ? AND part = ?`, id, part); err != nil {
					return err
				}
			}
			if more = len(parts) == some; more {
				return nil
			}
			_, err = tx.Exec(`DELETE FROM bayes_snapshot WHERE id = ?`, id)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("store: drop snapshot %d: %w", id, err)
	}
	return nil
}

// Snapshots implements desk.Reader.
func (b Bayes) Snapshots(ctx context.Context) (list []desk.Snapshot, err error) {
	err = b.db.look(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT id, seq, day, time, node, octets FROM bayes_snapshot WHERE whole = 1 ORDER BY seq, id`)
		return each(rows, err, func(rows *sql.Rows) error {
			var s desk.Snapshot
			var when int64
			err := rows.Scan(&s.ID, &s.Seq, &s.Day, &when, &s.Node, &s.Octets)
			s.Time = fromMicros(when)
			list = append(list, s)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: snapshots: %w", err)
	}
	return list, nil
}

// Snapshot implements desk.Reader.
func (b Bayes) Snapshot(ctx context.Context, id int64, w io.Writer) error {
	err := b.db.View(ctx, func(tx *Tx) error {
		var octets int64
		if err := tx.Row(`SELECT octets FROM bayes_snapshot WHERE id = ? AND whole = 1`, []any{id}, &octets); err != nil {
			return err
		}
		all, err := wholeOf(tx, `SELECT data FROM bayes_snapshot_piece WHERE snapshot = ? ORDER BY part`, id)
		if err != nil {
			return err
		}
		if int64(len(all)) != octets {
			return fmt.Errorf("%d octets of %d", len(all), octets)
		}
		_, err = w.Write(all)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: snapshot %d: %w", id, err)
	}
	return nil
}
