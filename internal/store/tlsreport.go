package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/tlsreport"
)

// TLSReport keeps how secure sessions were, until it is reported.
type TLSReport struct {
	periods
}

var _ tlsreport.Rows = TLSReport{}

// TLSReport returns the store's counts of sessions.
func (db *DB) TLSReport() TLSReport {
	return TLSReport{periods{db, "tls_domain", []string{"tls_policy", "tls_failure"}}}
}

// AddSessions implements tlsreport.Rows.
func (r TLSReport) AddSessions(ctx context.Context, counts []tlsreport.Count) error {
	// In one order, so that nodes wait for each other and never in a circle.
	slices.SortFunc(counts, func(a, b tlsreport.Count) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Policy.Domain, b.Policy.Domain), cmp.Compare(a.Policy.ID(), b.Policy.ID()))
	})
	err := r.db.Update(ctx, func(tx *Tx) error {
		for i := range counts {
			if err := r.addSessions(tx, &counts[i]); err != nil {
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

func (r TLSReport) addSessions(tx *Tx, c *tlsreport.Count) error {
	day, domain, policy := string(c.Day), c.Policy.Domain, c.Policy.ID()
	if err := r.add(tx, tlsreport.Period{Day: c.Day, Domain: domain}, c.Due); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO tls_policy (day, domain, policy, type, strings, mx, success, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
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
func (r TLSReport) SessionDomains(ctx context.Context, day tlsreport.Day) ([]string, error) {
	return r.domains(ctx, day)
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
