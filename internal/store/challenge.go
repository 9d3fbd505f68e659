package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
	"gatepost/quarantine/challenge"
)

// Challenges keeps which senders were told of held messages, and who is to be.
type Challenges struct{ db *DB }

var _ challenge.Rows = Challenges{}

// Challenges returns the store's notices to senders.
func (db *DB) Challenges() Challenges { return Challenges{db} }

// Due implements challenge.Rows.
func (c Challenges) Due(ctx context.Context) (d challenge.Due, ok bool, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		d, ok = challenge.Due{}, false
		err := tx.Row(`SELECT tx FROM held WHERE told = 'due' AND state = 'held' ORDER BY time, id LIMIT 1`, nil, &d.Tx)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		rows, err := tx.Query(`SELECT DISTINCT domain, sender, proof, guarded, require_tls, subject, blob, time, expires FROM held
			WHERE tx = ? AND told = 'due' AND state = 'held' ORDER BY domain`, d.Tx)
		return each(rows, err, func(rows *sql.Rows) error { return scanDue(rows, &d) })
	})
	if err != nil {
		return challenge.Due{}, false, fmt.Errorf("store: notices that are due: %w", err)
	}
	return d, ok, nil
}

func scanDue(rows *sql.Rows, d *challenge.Due) error {
	var domain string
	var guarded, secure bool
	var when, expires int64
	if err := rows.Scan(&domain, &d.Sender, &d.Proof, &guarded, &secure, &d.Subject, &d.Blob, &when, &expires); err != nil {
		return err
	}
	d.Guarded, d.RequireTLS = d.Guarded || guarded, d.RequireTLS || secure
	d.Time, d.Expires = fromMicros(when), fromMicros(expires)
	if n := len(d.Domains); n == 0 || d.Domains[n-1] != domain {
		d.Domains = append(d.Domains, domain)
	}
	return nil
}

// Withhold implements challenge.Rows.
func (c Challenges) Withhold(ctx context.Context, transaction string, domains []string, why challenge.Why) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		if err := lockDue(tx, transaction); err != nil {
			return err
		}
		for _, d := range domains {
			_, err := tx.Exec(`UPDATE held SET told = ? WHERE tx = ? AND domain = ? AND told = 'due'`, quarantine.Untold(string(why)), transaction, d)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: withhold notice about %s: %w", transaction, err)
	}
	return nil
}

func lockDue(tx *Tx, transaction string) error {
	return tx.lock(`SELECT id FROM held WHERE tx = ? AND told = 'due' ORDER BY id`, transaction)
}

// Told implements challenge.Rows.
func (c Challenges) Told(ctx context.Context, sender mail.Path, domains []string, since time.Time) (told []string, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		told = nil
		for _, d := range domains {
			var when int64
			err := tx.Row(`SELECT time FROM challenge_notice WHERE sender = ? AND domain = ?`, []any{sender, d}, &when)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			if err == nil && when > toMicros(since) {
				told = append(told, d)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: notices to %s: %w", sender, err)
	}
	return told, nil
}

// Bounces implements challenge.Rows.
func (c Challenges) Bounces(ctx context.Context, sender mail.Path, since time.Time) (bounces bool, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		var n int64
		err := tx.Row(`SELECT COUNT(*) FROM challenge_bounce WHERE sender = ? AND time > ?`, []any{sender, toMicros(since)}, &n)
		bounces = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: bounces of %s: %w", sender, err)
	}
	return bounces, nil
}

// Sent implements challenge.Rows.
func (c Challenges) Sent(ctx context.Context, since time.Time) (n int, first time.Time, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		var oldest int64
		err := tx.Row(`SELECT COUNT(DISTINCT id), COALESCE(MIN(time), 0) FROM challenge_notice WHERE time > ?`, []any{toMicros(since)}, &n, &oldest)
		first = fromMicros(oldest)
		return err
	})
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("store: count notices: %w", err)
	}
	return n, first, nil
}

// Forget implements challenge.Rows. What is not held any more is not due, either.
func (c Challenges) Forget(ctx context.Context, notices, letters, failures time.Time) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(`DELETE FROM challenge_letter WHERE time < ?`, toMicros(letters)); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM challenge_notice WHERE time < ?`, toMicros(notices)); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM challenge_bounce WHERE time < ?`, toMicros(failures)); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE held SET told = ? WHERE told = 'due' AND state <> 'held'`, quarantine.Untold("not held any more"))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: forget notices: %w", err)
	}
	return nil
}

// Send queues a notice, keeps the record, and notes of what is due of its transaction
// that its sender has the link, all in one commit. Where nothing of it is due and held any
// more it does nothing and reports false.
func (c Challenges) Send(ctx context.Context, notice *queue.Transfer, r challenge.Record) (sent bool, err error) {
	err = c.db.Update(ctx, func(tx *Tx) error {
		sent = false
		if err := lockDue(tx, r.Tx); err != nil {
			return err
		}
		done, err := tx.Exec(`UPDATE held SET told = ? WHERE tx = ? AND told = 'due' AND state = 'held'`, quarantine.ToldByNotice, r.Tx)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return err
		}
		for _, d := range r.Domains {
			_, err := tx.Exec(`INSERT INTO challenge_notice (sender, domain, id, tx, time) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (sender, domain) DO UPDATE SET id = excluded.id, tx = excluded.tx, time = excluded.time`,
				r.Sender, d, notice.Message.ID, r.Tx, toMicros(r.Time))
			if err != nil {
				return err
			}
		}
		_, err = tx.Exec(`INSERT INTO challenge_letter (id, sender, time) VALUES (?, ?, ?)`, notice.Message.ID, r.Sender, toMicros(r.Time))
		if err != nil {
			return err
		}
		sent = true
		return putTransfers(tx, []*queue.Transfer{notice})
	})
	if err != nil {
		return false, fmt.Errorf("store: notice about %s: %w", r.Tx, err)
	}
	return sent, nil
}

// noteBounce remembers to whom a notice failed, where that is what failed.
func noteBounce(tx *Tx, s *queue.Settlement) error {
	m := s.Transfer.Message
	if s.Fate != queue.Refused || !m.Sender.IsNull() {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO challenge_bounce (sender, time) SELECT sender, CAST(? AS BIGINT) FROM challenge_letter WHERE id = ?
		ON CONFLICT (sender) DO UPDATE SET time = excluded.time`, tx.now(), m.ID)
	if err != nil {
		return fmt.Errorf("bounce of %s: %w", m.ID, err)
	}
	return nil
}
