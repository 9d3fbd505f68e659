package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gatepost/internal/signing"
)

// Signing keeps the private keys with which mail is signed.
type Signing struct{ db *DB }

var _ signing.Rows = Signing{}

// Signing returns the store's signing keys.
func (db *DB) Signing() Signing { return Signing{db} }

// Revision implements signing.Rows.
func (s Signing) Revision(ctx context.Context) (n int64, err error) {
	err = s.db.View(ctx, func(tx *Tx) error { return tx.Row(`SELECT value FROM signing_revision WHERE id = 1`, nil, &n) })
	if err != nil {
		return 0, fmt.Errorf("store: revision of signing keys: %w", err)
	}
	return n, nil
}

// List implements signing.Rows.
func (s Signing) List(ctx context.Context) (list []signing.Key, n int64, err error) {
	err = s.db.View(ctx, func(tx *Tx) error {
		if err := tx.Row(`SELECT value FROM signing_revision WHERE id = 1`, nil, &n); err != nil {
			return err
		}
		var err error
		list, err = signingKeys(tx, ``)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("store: list signing keys: %w", err)
	}
	return list, n, nil
}

func signingKeys(tx *Tx, where string, args ...any) (list []signing.Key, err error) {
	rows, err := tx.Query(`SELECT domain, selector, kind, private, state, made, since, problem FROM signing_key `+where+` ORDER BY domain, selector`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		k, err := scanSigningKey(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

func scanSigningKey(rows *sql.Rows) (k signing.Key, err error) {
	var made, since int64
	if err := rows.Scan(&k.Domain, &k.Selector, &k.Kind, &k.Private, &k.State, &made, &since, &k.Problem); err != nil {
		return k, err
	}
	k.Private, k.Made, k.Since = bytes.Clone(k.Private), fromMicros(made), fromMicros(since)
	return k, nil
}

// A signingRefusal is what a change failed with, which is none of ours.
type signingRefusal struct{ error }

// Change implements signing.Rows. The revision's lock is taken first: changes come one after the other.
func (s Signing) Change(ctx context.Context, domain string, change func([]signing.Key) ([]signing.Key, error)) error {
	err := s.db.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(`UPDATE signing_revision SET value = value + 1 WHERE id = 1`); err != nil {
			return err
		}
		before, err := signingKeys(tx, `WHERE domain = ?`, domain)
		if err != nil {
			return err
		}
		after, err := change(before)
		if err != nil {
			return signingRefusal{err}
		}
		return putSigningKeys(tx, domain, before, after)
	})
	var refused signingRefusal
	switch {
	case errors.As(err, &refused):
		return refused.error
	case err != nil:
		return fmt.Errorf("store: change signing keys of %s: %w", domain, err)
	}
	return nil
}

// putSigningKeys writes what differs.
func putSigningKeys(tx *Tx, domain string, before, after []signing.Key) error {
	for _, k := range before {
		if slices.ContainsFunc(after, func(a signing.Key) bool { return a.Selector == k.Selector }) {
			continue
		}
		if _, err := tx.Exec(`DELETE FROM signing_key WHERE domain = ? AND selector = ?`, domain, k.Selector); err != nil {
			return err
		}
	}
	for _, k := range after {
		_, err := tx.Exec(`INSERT INTO signing_key (domain, selector, kind, private, state, made, since, problem) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (domain, selector) DO UPDATE SET state = excluded.state, since = excluded.since, problem = excluded.problem`,
			domain, k.Selector, k.Kind, k.Private, string(k.State), toMicros(k.Made), toMicros(k.Since), k.Problem)
		if err != nil {
			return fmt.Errorf("key %s: %w", k.Selector, err)
		}
	}
	return nil
}
