package store

import (
	"testing"

	"gatepost/internal/access"
	"gatepost/internal/store/storetest"
)

func TestAccessContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Access(t, func(t *testing.T) access.Rows {
			db := open(t)
			knownBoxes(t, db, 1)
			err := db.Update(t.Context(), func(tx *Tx) error {
				_, err := tx.Exec(`INSERT INTO admin (name, id, password_hash, scram, role, domains, language, state, created, revision)
					VALUES ('olga', 2, '', '', 'operator', '', '', 'active', 0, 0)`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return db.Access()
		})
	})
}
