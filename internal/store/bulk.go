package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"time"

	"gatepost/internal/bulk"
	"gatepost/internal/sketch"
)

// Bulk keeps, for some minutes, what nodes tell each other of mail that comes to many.
type Bulk struct{ db *DB }

var _ bulk.Rows = Bulk{}

// Bulk returns the store's deltas.
func (db *DB) Bulk() Bulk { return Bulk{db} }

// Put implements bulk.Rows. The lock has IDs become visible in their order.
func (b Bulk) Put(ctx context.Context, list []bulk.Delta) error {
	err := b.db.Update(ctx, func(tx *Tx) error {
		if err := tx.lock(`SELECT value FROM learnt_counter WHERE name = 'bulk'`); err != nil {
			return err
		}
		for _, d := range list {
			_, err := tx.Exec(`INSERT INTO bulk_seen (time, sum, sketch, organisations, signers, stopped) VALUES (?, ?, ?, ?, ?, ?)`,
				toMicros(d.Time), d.Sum[:], d.Sketch.Bytes(), hashes(d.Organisations), hashes(d.Signers), number(d.Stopped))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: share what came to many: %w", err)
	}
	return nil
}

func hashes(list []uint32) []byte {
	b := make([]byte, 0, 4*len(list))
	for _, h := range list {
		b = binary.BigEndian.AppendUint32(b, h)
	}
	return b
}

func hashesOf(b []byte) (list []uint32) {
	for ; len(b) >= 4; b = b[4:] {
		list = append(list, binary.BigEndian.Uint32(b))
	}
	return list
}

// Load implements bulk.Rows.
func (b Bulk) Load(ctx context.Context, after int64, since time.Time, hand func(bulk.Delta) error) error {
	err := b.db.look(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT id, time, sum, sketch, organisations, signers, stopped FROM bulk_seen WHERE id > ? AND (time >= ? OR stopped = 1) ORDER BY id`,
			after, toMicros(since))
		return each(rows, err, func(rows *sql.Rows) error {
			var d bulk.Delta
			var when int64
			var sum, places, organisations, signers []byte
			if err := rows.Scan(&d.ID, &when, &sum, &places, &organisations, &signers, &d.Stopped); err != nil {
				return err
			}
			copy(d.Sum[:], sum)
			d.Time, d.Organisations, d.Signers = fromMicros(when), hashesOf(organisations), hashesOf(signers)
			d.Sketch, _ = sketch.Parse(places)
			return hand(d)
		})
	})
	if err != nil {
		return fmt.Errorf("store: load what came to many: %w", err)
	}
	return nil
}

// Expire implements bulk.Rows.
func (b Bulk) Expire(ctx context.Context, before, stopped time.Time, limit int) (gone int, err error) {
	err = b.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`DELETE FROM bulk_seen WHERE id IN (SELECT id FROM bulk_seen WHERE time < ? AND (stopped = 0 OR time < ?) ORDER BY time LIMIT ?)`,
			toMicros(before), toMicros(stopped), limit)
		gone, err = affected(done, err)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: remove what came to many: %w", err)
	}
	return gone, nil
}
