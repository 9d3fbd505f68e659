package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gatepost/internal/blob"
)

// refBlob counts one more row that names the content, in the commit that makes it.
// What was marked is nobody's no more.
func refBlob(tx *Tx, id string, size int64) error {
	_, err := tx.Exec(`INSERT INTO blob (id, size, refs) VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE SET refs = blob.refs + 1, dead = 0`, id, size)
	if err != nil {
		return fmt.Errorf("reference blob %s: %w", id, err)
	}
	return nil
}

// unrefBlob counts one row less. A content with no references is left for Mark to
// find.
func unrefBlob(tx *Tx, id string) error {
	if _, err := tx.Exec(`UPDATE blob SET refs = refs - 1 WHERE id = ?`, id); err != nil {
		return fmt.Errorf("release blob %s: %w", id, err)
	}
	return nil
}

// A reference to a content that was buried would make a row for what is gone. Nothing is
// remembered of the buried to refuse it: whoever makes it would have had the id for
// longer than deadAfter by the clock of one process (see Blobs), longer than any
// intake, delivery or request waits; and the list of the buried would have no bound.

// deadAfter is how long a content is marked before it may go. In that time whoever
// came by its id while somebody still referred to it has made a reference, or never will.
const deadAfter = 24 * time.Hour

// deadSooner is the same where the disk is short: an hour is still more than any intake, delivery
// or request waits. Only a backup takes longer.
const deadSooner = time.Hour

// markAtOnce bounds how many contents one statement marks: the writer does nothing else
// meanwhile.
const markAtOnce = 500

// Blobs is the store's register of contents.
type Blobs struct {
	db     *DB
	now    func() time.Time
	sooner func() bool // nil: never
}

var _ blob.Register = Blobs{}

// Blobs returns the register. now is the clock by which contents are dead; it must not step
// while the process lives.
func (db *DB) Blobs(now func() time.Time) Blobs { return Blobs{db: db, now: now} }

// Sooner returns the same register with contents dead after an hour instead of a day when that is
// so: on a disk that is short, and while no backup is made, which copies contents long after it
// has read who refers to them. It is asked each time.
func (b Blobs) Sooner(when func() bool) Blobs {
	b.sooner = when
	return b
}

// before is the latest mark of what is dead now.
func (b Blobs) before() int64 {
	if b.sooner != nil && b.sooner() {
		return toMicros(b.now().Add(-deadSooner))
	}
	return toMicros(b.now().Add(-deadAfter))
}

// Dying returns the octets of the contents to which nobody refers and whose time has not come
// yet: those that a compaction may give back later.
func (b Blobs) Dying(ctx context.Context) (octets int64, err error) {
	err = b.db.View(ctx, func(tx *Tx) error {
		return tx.Row(`SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM blob WHERE refs = 0 AND (dead = 0 OR dead > ?)`, []any{b.before()}, &octets)
	})
	if err != nil {
		return 0, fmt.Errorf("store: dying contents: %w", err)
	}
	return octets, nil
}

// Mark notes the time at contents to which nobody refers any more, and returns how many
// they were. A mark in the future is one of an earlier process whose clock was ahead: it is
// made anew, since the content would not go before that time.
func (b Blobs) Mark(ctx context.Context) (marked int64, err error) {
	now := toMicros(b.now())
	n, err := b.mark(ctx, `UPDATE blob SET dead = ? WHERE refs = 0 AND dead = 0 AND id IN
		(SELECT id FROM blob WHERE refs = 0 AND dead = 0 ORDER BY id LIMIT ?)`, now, markAtOnce)
	if err != nil {
		return n, err
	}
	ahead, err := b.mark(ctx, `UPDATE blob SET dead = ? WHERE refs = 0 AND dead > ? AND id IN
		(SELECT id FROM blob WHERE refs = 0 AND dead > ? ORDER BY id LIMIT ?)`, now, now, now, markAtOnce)
	return n + ahead, err
}

// mark executes a statement until it changes less than markAtOnce.
func (b Blobs) mark(ctx context.Context, statement string, args ...any) (marked int64, err error) {
	for {
		var n int64
		err = b.db.Update(ctx, func(tx *Tx) (err error) {
			n, err = changed(tx.Exec(statement, args...))
			return err
		})
		if err != nil {
			return marked, fmt.Errorf("store: mark contents: %w", err)
		}
		if marked += n; n < markAtOnce {
			return marked, nil
		}
	}
}

// Meet implements blob.Register. An unknown content gets a row with no references, so
// that it dies as any other, and lives where the commit under way makes a reference.
func (b Blobs) Meet(ctx context.Context, some []blob.Found) (unknown int, err error) {
	if len(some) == 0 {
		return 0, nil
	}
	known := map[blob.ID]bool{}
	err = b.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT id FROM blob WHERE id >= ? AND id <= ?`, some[0].ID, some[len(some)-1].ID)
		return each(rows, err, func(rows *sql.Rows) error {
			var id blob.ID
			err := rows.Scan(&id)
			known[id] = true
			return err
		})
	})
	if err == nil && len(known) < len(some) {
		unknown, err = b.adopt(ctx, some, known)
	}
	if err != nil {
		return 0, fmt.Errorf("store: meet contents: %w", err)
	}
	return unknown, nil
}

func (b Blobs) adopt(ctx context.Context, some []blob.Found, known map[blob.ID]bool) (n int, err error) {
	err = b.db.Update(ctx, func(tx *Tx) error {
		n = 0
		for _, f := range some {
			if known[f.ID] {
				continue
			}
			made, err := changed(tx.Exec(`INSERT INTO blob (id, size, refs, dead) VALUES (?, ?, 0, ?) ON CONFLICT (id) DO NOTHING`,
				f.ID, f.Size, toMicros(b.now())))
			if err != nil {
				return err
			}
			n += int(made)
		}
		return nil
	})
	return n, err
}

// Dead implements blob.Register.
func (b Blobs) Dead(ctx context.Context, from, to blob.ID) (dead []blob.Found, err error) {
	err = b.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT id, size FROM blob WHERE refs = 0 AND dead > 0 AND dead <= ? AND id >= ? AND id < ? ORDER BY id`, b.before(), from, to)
		return each(rows, err, func(rows *sql.Rows) error {
			var f blob.Found
			err := rows.Scan(&f.ID, &f.Size)
			dead = append(dead, f)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: dead contents: %w", err)
	}
	return dead, nil
}

// Bury implements blob.Register.
func (b Blobs) Bury(ctx context.Context, ids []blob.ID) error {
	err := b.db.Update(ctx, func(tx *Tx) error {
		for _, id := range ids {
			n, err := changed(tx.Exec(`DELETE FROM blob WHERE id = ? AND refs = 0 AND dead > 0 AND dead <= ?`, id, b.before()))
			if err == nil && n == 0 {
				err = blob.ErrAlive
			}
			if err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: bury contents: %w", err)
	}
	return nil
}

// changed returns how many rows a statement changed.
func changed(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Unreferenced returns how many contents nobody refers to, and their octets: they wait
// for their time, or for a compaction to be worth it.
func (b Blobs) Unreferenced(ctx context.Context) (n, octets int64, err error) {
	err = b.db.View(ctx, func(tx *Tx) error {
		return tx.Row(`SELECT COUNT(*), COALESCE(SUM(size), 0) FROM blob WHERE refs = 0`, nil, &n, &octets)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("store: unreferenced contents: %w", err)
	}
	return n, octets, nil
}
