package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/outbreak"
)

// Outbreak keeps to whom new files went.
type Outbreak struct{ db *DB }

var _ outbreak.Rows = Outbreak{}

// Outbreak returns the store's sightings of new files.
func (db *DB) Outbreak() Outbreak { return Outbreak{db} }

// Put implements outbreak.Rows. Rows are written in the order of their keys, so that two nodes
// do not wait for each other.
func (o Outbreak) Put(ctx context.Context, rows []outbreak.Row) error {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b outbreak.Row) int {
		return cmp.Or(bytes.Compare(a.Sum[:], b.Sum[:]), cmp.Compare(a.Organisation, b.Organisation))
	})
	err := o.db.Update(ctx, func(tx *Tx) error {
		for _, r := range rows {
			_, err := tx.Exec(`INSERT INTO outbreak_seen (sum, recipient, time) VALUES (?, ?, ?) ON CONFLICT (sum, recipient) DO NOTHING`,
				r.Sum[:], r.Organisation, toMicros(r.Time))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: outbreak: %w", err)
	}
	return nil
}

// Since implements outbreak.Rows.
func (o Outbreak) Since(ctx context.Context, after outbreak.Place, limit int) (list []outbreak.Row, err error) {
	sum := after.Sum
	if sum == nil {
		sum = []byte{}
	}
	err = o.db.View(ctx, func(tx *Tx) error {
		list = nil
		at := toMicros(after.Time)
		rows, err := tx.Query(`SELECT sum, recipient, time FROM outbreak_seen
			WHERE time > ? OR time = ? AND (sum > ? OR sum = ? AND recipient > ?) ORDER BY time, sum, recipient LIMIT ?`,
			at, at, sum, sum, after.Organisation, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var r outbreak.Row
			var sum []byte
			var at int64
			if err := rows.Scan(&sum, &r.Organisation, &at); err != nil {
				return err
			}
			copy(r.Sum[:], sum)
			r.Time = fromMicros(at)
			list = append(list, r)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: outbreak: %w", err)
	}
	return list, nil
}

// Sweep implements outbreak.Rows.
func (o Outbreak) Sweep(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = o.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`DELETE FROM outbreak_seen WHERE (sum, recipient) IN
			(SELECT sum, recipient FROM outbreak_seen WHERE time < ? ORDER BY time LIMIT ?)`, toMicros(before), limit)
		if err != nil {
			return err
		}
		gone, err := done.RowsAffected()
		n = int(gone)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: sweep outbreak: %w", err)
	}
	return n, nil
}
