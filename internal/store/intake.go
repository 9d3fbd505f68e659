package store

import (
	"context"

	"gatepost/internal/intake"
)

// Commit implements intake.Committer: all rows of one accepted message, or none.
func (db *DB) Commit(ctx context.Context, c *intake.Commit) error {
	return db.Update(ctx, func(tx *Tx) error {
		for _, d := range c.Deliveries {
			if err := putDelivery(tx, d); err != nil {
				return err
			}
		}
		for _, h := range c.Held {
			if err := putHeld(tx, h); err != nil {
				return err
			}
		}
		return putJournal(tx, c.Row)
	})
}
