package store

import (
	"context"
	"fmt"
	"time"
)

// Lease takes the lease of a name for holder, or holds it longer, and reports whether he has it: for that
// long by the store's clock, unless he gives it back. Nobody else gets it before.
func (db *DB) Lease(ctx context.Context, name, holder string, length time.Duration) (got bool, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		now := tx.now()
		n, err := changed(tx.Exec(`INSERT INTO lease (name, holder, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
			SET holder = excluded.holder, until = excluded.until WHERE lease.holder = excluded.holder OR lease.until < ?`,
			name, holder, now+length.Microseconds(), now))
		got = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: lease %s: %w", name, err)
	}
	return got, nil
}

// Unlease gives a lease back, where holder has it.
func (db *DB) Unlease(ctx context.Context, name, holder string) error {
	err := db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM lease WHERE name = ? AND holder = ?`, name, holder)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: give back lease %s: %w", name, err)
	}
	return nil
}
