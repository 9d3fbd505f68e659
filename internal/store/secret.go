package store

import (
	"context"
	"crypto/rand"
	"fmt"
)

// secretSize is the length of a secret in octets.
const secretSize = 32

// Secret returns the key of that name, which is made at random when it is first asked
// for and stays. All nodes of one store get the same.
func (db *DB) Secret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, secretSize)
	rand.Read(fresh) // never fails
	var value []byte
	err := db.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(`INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`, name, fresh); err != nil {
			return err
		}
		return tx.Row(`SELECT value FROM secret WHERE name = ?`, []any{name}, &value)
	})
	if err != nil {
		return nil, fmt.Errorf("store: secret %s: %w", name, err)
	}
	return value, nil
}
