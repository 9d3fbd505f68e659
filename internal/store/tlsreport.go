package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/tlsreport"
)

// TLSReport keeps how secure sessions were, until it is reported.
type TLSReport struct{ db *DB }

var _ tlsreport.Rows = TLSReport{}

// TLSReport returns the store's counts of sessions.
func (db *DB) TLSReport() TLSReport { return TLSReport{db} }

// AddSessions implements tlsreport.Rows.
func (r TLSReport) AddSessions(ctx context.Context, counts []tlsreport.Count) error {
	err := r.db.Update(ctx, func(tx *Tx) error {
		for i := range counts {
			if err := addSessions(tx, &counts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: TLS sessions: %w", err)
	}
	return nil
}

func addSessions(tx *Tx, c *tlsreport.Count) error {
	day, domain, policy := string(c.Day), c.Policy.Domain, c.Policy.ID()
	_, err := tx.Exec(`INSERT INTO tls_domain (day, domain, due) VALUES (?, ?, ?) ON CONFLICT (day, domain) DO NOTHING`, day, domain, toMicros(c.Due))
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO tls_policy (day, domain, policy, type, strings, mx, success, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (day, domain, policy) DO UPDATE SET success = tls_policy.success + excluded.success, failure = tls_policy.failure + excluded.failure`,
		day, domain, policy, string(c.Policy.Type), strings.Join(c.Policy.Strings, "\n"), strings.Join(c.Policy.MX, "\n"), c.Success, c.Failure)
	if err != nil {
		return err
	}
	for _, d := range c.Details {
		_, err := tx.Exec(`INSERT INTO tls_failure (day, domain, policy, result, sending, mx, receiving, reason, sessions) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (day, domain, policy, result, sending, mx, receiving, reason) DO UPDATE SET sessions = tls_failure.sessions + excluded.sessions`,
			day, domain, policy, string(d.Result), d.Sending, d.MX, d.Receiving, d.Reason, d.Count)
		if err != nil {
			return err
		}
	}
	return nil
}

// SessionDomains implements tlsreport.Rows.
func (r TLSReport) SessionDomains(ctx context.Context, day tlsreport.Day) (list []string, err error) {
	err = r.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT domain FROM tls_domain WHERE day = ? ORDER BY domain`, string(day))
		return each(rows, err, func(rows *sql.Rows) error {
			var domain string
			err := rows.Scan(&domain)
			list = append(list, domain)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: TLS sessions of %s: %w", day, err)
	}
	return list, nil
}

// ClaimReports implements tlsreport.Rows.
func (r TLSReport) ClaimReports(ctx context.Context, now, until time.Time, n int) (list []tlsreport.Period, err error) {
	err = r.db.Update(ctx, func(tx *Tx) error {
		list = nil
		var due []tlsreport.Period
		rows, err := tx.Query(`SELECT day, domain FROM tls_domain WHERE due <= ? ORDER BY due LIMIT ?`, toMicros(now), n)
		err = each(rows, err, func(rows *sql.Rows) error {
			var p tlsreport.Period
			err := rows.Scan(&p.Day, &p.Domain)
			due = append(due, p)
			return err
		})
		if err != nil {
			return err
		}
		for _, p := range due {
			done, err := tx.Exec(`UPDATE tls_domain SET due = ? WHERE day = ? AND domain = ? AND due <= ?`, toMicros(until), string(p.Day), p.Domain, toMicros(now))
			if err != nil {
				return err
			}
			if changed, err := done.RowsAffected(); err != nil {
				return err
			} else if changed == 1 {
				list = append(list, p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: claim TLS reports: %w", err)
	}
	return list, nil
}

// DelayReport implements tlsreport.Rows.
func (r TLSReport) DelayReport(ctx context.Context, p tlsreport.Period, until time.Time) error {
	err := r.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE tls_domain SET due = ? WHERE day = ? AND domain = ?`, toMicros(until), string(p.Day), p.Domain)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: put off TLS report to %s: %w", p.Domain, err)
	}
	return nil
}

// Sessions implements tlsreport.Rows.
func (r TLSReport) Sessions(ctx context.Context, p tlsreport.Period) (list []tlsreport.Count, err error) {
	err = r.db.View(ctx, func(tx *Tx) error {
		details, err := tlsFailures(tx, p)
		if err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT policy, type, strings, mx, success, failure FROM tls_policy WHERE day = ? AND domain = ? ORDER BY type, policy`,
			string(p.Day), p.Domain)
		return each(rows, err, func(rows *sql.Rows) error {
			c := tlsreport.Count{Day: p.Day, Policy: tlsreport.Policy{Domain: p.Domain}}
			var policy, texts, mx string
			err := rows.Scan(&policy, &c.Policy.Type, &texts, &mx, &c.Success, &c.Failure)
			c.Policy.Strings, c.Policy.MX, c.Details = lines(texts), lines(mx), details[policy]
			list = append(list, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: TLS sessions of %s: %w", p.Domain, err)
	}
	return list, nil
}

// tlsFailures returns a period's failures by the ID of their policy.
func tlsFailures(tx *Tx, p tlsreport.Period) (map[string][]tlsreport.Detail, error) {
	of := map[string][]tlsreport.Detail{}
	rows, err := tx.Query(`SELECT policy, result, sending, mx, receiving, reason, sessions FROM tls_failure WHERE day = ? AND domain = ?
		ORDER BY policy, result, sending, mx, receiving, reason`, string(p.Day), p.Domain)
	err = each(rows, err, func(rows *sql.Rows) error {
		var policy string
		var d tlsreport.Detail
		err := rows.Scan(&policy, &d.Result, &d.Sending, &d.MX, &d.Receiving, &d.Reason, &d.Count)
		of[policy] = append(of[policy], d)
		return err
	})
	return of, err
}

// DropSessions implements tlsreport.Rows.
func (r TLSReport) DropSessions(ctx context.Context, p tlsreport.Period) error {
	err := r.db.Update(ctx, func(tx *Tx) error {
		for _, query := range []string{
			`DELETE FROM tls_failure WHERE day = ? AND domain = ?`, `DELETE FROM tls_policy WHERE day = ? AND domain = ?`,
			`DELETE FROM tls_domain WHERE day = ? AND domain = ?`,
		} {
			if _, err := tx.Exec(query, string(p.Day), p.Domain); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: drop TLS sessions of %s: %w", p.Domain, err)
	}
	return nil
}
