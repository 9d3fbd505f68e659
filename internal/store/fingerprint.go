package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"

	"gatepost/internal/fingerprint"
)

// Fingerprints keeps what documents that are not to leave are known by.
type Fingerprints struct{ db *DB }

var _ fingerprint.Rows = Fingerprints{}

// Fingerprints returns the store's documents.
func (db *DB) Fingerprints() Fingerprints { return Fingerprints{db} }

// Add implements fingerprint.Rows.
func (f Fingerprints) Add(ctx context.Context, d fingerprint.Document) (id int64, err error) {
	b := make([]byte, 0, 8*len(d.Shingles))
	for _, h := range d.Shingles {
		b = binary.BigEndian.AppendUint64(b, h)
	}
	err = f.db.Update(ctx, func(tx *Tx) error {
		return tx.Row(`INSERT INTO fingerprint (domain, name, shingles, added) VALUES (?, ?, ?, ?) RETURNING id`, []any{d.Domain, d.Name, b, toMicros(d.Added)}, &id)
	})
	if err != nil {
		return 0, fmt.Errorf("store: add fingerprint: %w", err)
	}
	return id, nil
}

// Remove implements fingerprint.Rows.
func (f Fingerprints) Remove(ctx context.Context, id int64) (gone bool, err error) {
	err = f.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`DELETE FROM fingerprint WHERE id = ?`, id)
		n, err := affected(done, err)
		gone = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: remove fingerprint: %w", err)
	}
	return gone, nil
}

// Load implements fingerprint.Rows.
func (f Fingerprints) Load(ctx context.Context, shingles bool) (list []fingerprint.Document, err error) {
	text := `SELECT id, domain, name, added, '' FROM fingerprint ORDER BY id LIMIT ?`
	if shingles {
		text = `SELECT id, domain, name, added, shingles FROM fingerprint ORDER BY id LIMIT ?`
	}
	err = f.db.look(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(text, fingerprint.MaxDocuments)
		return each(rows, err, func(rows *sql.Rows) error {
			var d fingerprint.Document
			var added int64
			var b []byte
			err := rows.Scan(&d.ID, &d.Domain, &d.Name, &added, &b)
			d.Added = fromMicros(added)
			for ; len(b) >= 8; b = b[8:] {
				d.Shingles = append(d.Shingles, binary.BigEndian.Uint64(b))
			}
			list = append(list, d)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: load fingerprints: %w", err)
	}
	return list, nil
}
