package store

import (
	"context"
	"database/sql"
	"fmt"

	"gatepost/internal/greylist"
)

// List implements greylist.Desk.
func (g Greylist) List(ctx context.Context, p greylist.Page) ([]greylist.Triplet, error) {
	return g.triplets(ctx, `state = ? AND (expires, triplet) > (?, ?) ORDER BY expires, triplet LIMIT ?`,
		p.State, toMicros(p.After.Expires), p.After.Number, p.Limit)
}

func (g Greylist) triplets(ctx context.Context, where string, args ...any) (list []greylist.Triplet, err error) {
	err = g.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT `+tripletColumns+` FROM greylist_triplet WHERE `+where, args...)
		return each(rows, err, func(rows *sql.Rows) error {
			t, err := scanTriplet(rows)
			list = append(list, t)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: greylist triplets: %w", err)
	}
	return list, nil
}

// Identities implements greylist.Desk.
func (g Greylist) Identities(ctx context.Context, after string, limit int) (list []greylist.Identity, err error) {
	err = g.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT identity, passes, first, last, expires FROM greylist_identity WHERE identity > ? ORDER BY identity LIMIT ?`, after, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			i, err := scanIdentity(rows)
			list = append(list, i)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: greylist identities: %w", err)
	}
	return list, nil
}

// chosen is the condition of a choice. By an address alone there is no index: one would
// cost each attempt more than a person's rare question is worth.
func chosen(c greylist.Choice) (where string, args []any) {
	where = `1 = 1`
	if c.Identity != "" {
		where, args = where+` AND home = ? AND identity = ?`, append(args, homeOf(c.Identity), c.Identity)
	}
	if c.Address != 0 {
		where, args = where+` AND (sender = ? OR recipient = ?)`, append(args, c.Address, c.Address)
	}
	return where, args
}

// Select implements greylist.Desk.
func (g Greylist) Select(ctx context.Context, c greylist.Choice, limit int) ([]greylist.Triplet, error) {
	where, args := chosen(c)
	return g.triplets(ctx, where+` LIMIT ?`, append(args, limit)...)
}

// Forget implements greylist.Desk. It goes in short commits: others write meanwhile.
func (g Greylist) Forget(ctx context.Context, c greylist.Choice) (n int, err error) {
	where, args := chosen(c)
	for more := true; more; {
		gone := 0
		err := g.db.Update(ctx, func(tx *Tx) error {
			done, err := tx.Exec(`DELETE FROM greylist_triplet WHERE triplet IN (SELECT triplet FROM greylist_triplet WHERE `+where+` LIMIT ?)`,
				append(args[:len(args):len(args)], 10*chunk)...)
			if err != nil {
				return err
			}
			removed, err := done.RowsAffected()
			if gone = int(removed); err != nil {
				return err
			}
			if c.Identity != "" && c.Address == 0 {
				if _, err := tx.Exec(`DELETE FROM greylist_identity WHERE identity = ?`, c.Identity); err != nil {
					return err
				}
			}
			return noteGreylistChange(tx)
		})
		if err != nil {
			return n, fmt.Errorf("store: forget greylist: %w", err)
		}
		n += gone
		more = gone == 10*chunk
	}
	return n, nil
}

// Pass implements greylist.Desk.
func (g Greylist) Pass(ctx context.Context, i greylist.Identity) error {
	err := g.db.Update(ctx, func(tx *Tx) error {
		if err := putIdentity(tx, i); err != nil {
			return err
		}
		return noteGreylistChange(tx)
	})
	if err != nil {
		return fmt.Errorf("store: greylist: pass %s: %w", i.Name, err)
	}
	return nil
}

func noteGreylistChange(tx *Tx) error {
	_, err := tx.Exec(`INSERT INTO greylist_change (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = greylist_change.n + 1`)
	return err
}
