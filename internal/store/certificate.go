package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/certificate"
)

// Certificates keeps what authorities issued, and what is needed to ask them.
type Certificates struct{ db *DB }

var _ certificate.Rows = Certificates{}

// Certificates returns the store's certificates.
func (db *DB) Certificates() Certificates { return Certificates{db} }

const certificateColumns = `name, private, chain, next, next_at, due, tries, problem, tried`

// Issued implements certificate.Rows.
func (c Certificates) Issued(ctx context.Context, after int64) (changed []certificate.Issued, all int, revision int64, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		changed, all = nil, 0
		if err := tx.Row(`SELECT value FROM certificate_revision WHERE id = 1`, nil, &revision); err != nil || revision == after {
			return err
		}
		if err := tx.Row(`SELECT COUNT(*) FROM certificate`, nil, &all); err != nil {
			return err
		}
		var err error
		changed, err = certificatesWhere(tx, `revision > ?`, after)
		return err
	})
	if err != nil {
		return nil, 0, 0, fmt.Errorf("store: list certificates: %w", err)
	}
	return changed, all, revision, nil
}

func certificatesWhere(tx *Tx, where string, args ...any) (list []certificate.Issued, err error) {
	rows, err := tx.Query(`SELECT `+certificateColumns+` FROM certificate WHERE `+where, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var i certificate.Issued
		var nextAt, due, tried int64
		if err := rows.Scan(&i.Name, &i.Private, &i.Chain, &i.Next, &nextAt, &due, &i.Tries, &i.Problem, &tried); err != nil {
			return err
		}
		i.Private, i.Chain, i.Next = orNil(i.Private), orNil(i.Chain), orNil(i.Next)
		i.NextAt, i.Due, i.Tried = timeOrZero(nextAt), timeOrZero(due), timeOrZero(tried)
		list = append(list, i)
		return nil
	})
	return list, err
}

// orNil is a copy of octets, nil where there are none.
func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}

// timeOrZero reads what microsOrZero wrote.
func timeOrZero(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return fromMicros(micros)
}

// nextCertificate takes the next revision. Its lock is taken first: changes come one after the other.
func nextCertificate(tx *Tx) (revision int64, err error) {
	if _, err := tx.Exec(`UPDATE certificate_revision SET value = value + 1 WHERE id = 1`); err != nil {
		return 0, err
	}
	return revision, tx.Row(`SELECT value FROM certificate_revision WHERE id = 1`, nil, &revision)
}

// A certificateRefusal is what a change failed with, which is none of ours.
type certificateRefusal struct{ error }

// ChangeIssued implements certificate.Rows.
func (c Certificates) ChangeIssued(ctx context.Context, name string, change func(*certificate.Issued) error) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		revision, err := nextCertificate(tx)
		if err != nil {
			return err
		}
		list, err := certificatesWhere(tx, `name = ?`, name)
		if err != nil {
			return err
		}
		i := certificate.Issued{Name: name}
		if len(list) > 0 {
			i = list[0]
		}
		if err := change(&i); err != nil {
			return certificateRefusal{err}
		}
		_, err = tx.Exec(`INSERT INTO certificate (`+certificateColumns+`, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET private = excluded.private, chain = excluded.chain, next = excluded.next, next_at = excluded.next_at,
			due = excluded.due, tries = excluded.tries, problem = excluded.problem, tried = excluded.tried, revision = excluded.revision`,
			name, orEmpty(i.Private), orEmpty(i.Chain), orEmpty(i.Next), microsOrZero(i.NextAt), microsOrZero(i.Due), i.Tries, i.Problem, microsOrZero(i.Tried), revision)
		return err
	})
	var refused certificateRefusal
	switch {
	case errors.As(err, &refused):
		return refused.error
	case err != nil:
		return fmt.Errorf("store: change certificate of %s: %w", name, err)
	}
	return nil
}

// orEmpty is octets as a column has them that is never null.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// DropIssued implements certificate.Rows.
func (c Certificates) DropIssued(ctx context.Context, name string) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		if _, err := nextCertificate(tx); err != nil {
			return err
		}
		n, err := changed(tx.Exec(`DELETE FROM certificate WHERE name = ?`, name))
		if err == nil && n == 0 {
			return certificateRefusal{certificate.ErrUnknown}
		}
		return err
	})
	var refused certificateRefusal
	switch {
	case errors.As(err, &refused):
		return refused.error
	case err != nil:
		return fmt.Errorf("store: drop certificate of %s: %w", name, err)
	}
	return nil
}

// Account implements certificate.Rows.
func (c Certificates) Account(ctx context.Context, directory string) (a certificate.Account, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		a = certificate.Account{Directory: directory}
		rows, err := tx.Query(`SELECT private, uri, contact FROM certificate_account WHERE directory = ?`, directory)
		return each(rows, err, func(rows *sql.Rows) error {
			err := rows.Scan(&a.Private, &a.URI, &a.Contact)
			a.Private = orNil(a.Private)
			return err
		})
	})
	if err != nil {
		return a, fmt.Errorf("store: account at %s: %w", directory, err)
	}
	return a, nil
}

// PutAccount implements certificate.Rows.
func (c Certificates) PutAccount(ctx context.Context, a certificate.Account) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO certificate_account (directory, private, uri, contact) VALUES (?, ?, ?, ?)
			ON CONFLICT (directory) DO UPDATE SET private = excluded.private, uri = excluded.uri, contact = excluded.contact`,
			a.Directory, orEmpty(a.Private), a.URI, a.Contact)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: keep account at %s: %w", a.Directory, err)
	}
	return nil
}

// PutProof implements certificate.Rows.
func (c Certificates) PutProof(ctx context.Context, p certificate.Proof, now time.Time) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(`DELETE FROM certificate_proof WHERE expires < ?`, toMicros(now)); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO certificate_proof (kind, subject, answer, expires) VALUES (?, ?, ?, ?)
			ON CONFLICT (kind, subject) DO UPDATE SET answer = excluded.answer, expires = excluded.expires`,
			p.Kind, p.Key, orEmpty(p.Answer), toMicros(p.Expires))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: keep proof: %w", err)
	}
	return nil
}

// Proof implements certificate.Rows.
func (c Certificates) Proof(ctx context.Context, kind, key string, now time.Time) (answer []byte, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		answer = nil
		rows, err := tx.Query(`SELECT answer FROM certificate_proof WHERE kind = ? AND subject = ? AND expires >= ?`, kind, key, toMicros(now))
		return each(rows, err, func(rows *sql.Rows) error {
			err := rows.Scan(&answer)
			answer = orNil(answer)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: proof: %w", err)
	}
	return answer, nil
}

// DropProof implements certificate.Rows.
func (c Certificates) DropProof(ctx context.Context, kind, key string) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM certificate_proof WHERE kind = ? AND subject = ?`, kind, key)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: drop proof: %w", err)
	}
	return nil
}
