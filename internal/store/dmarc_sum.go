package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"

	"gatepost/internal/dmarc"
)

// maxDayReports bounds the reports of one reporter on a domain's day: some report each
// hour, and whoever sends more means harm.
const maxDayReports = 48

// Bounds of one domain's day, that nobody can fill the store with what he makes up: reports of all, and
// networks of all and of one reporter. Networks beyond count with "all others".
const (
	maxAllReports   = 1_000
	maxNetworks     = 10_000
	maxOnesNetworks = 2_000
	maxTotals       = 10_000 // domains and reporters that are listed
)

// putDMARCReports keeps reports that were received, in the commit that accepts them. One that
// came before, or one too many, changes nothing.
func putDMARCReports(tx *Tx, list []dmarc.Received) error {
	for _, r := range list {
		day := string(dmarc.DayOf(r.Begin))
		var n int
		err := tx.Row(`SELECT COUNT(*) FROM dmarc_report WHERE day = ? AND domain = ? AND reporter = ?`, []any{day, r.Domain, r.Reporting}, &n)
		if err != nil {
			return fmt.Errorf("DMARC report %s: %w", r.Tx, err)
		}
		var all int
		if err := tx.Row(`SELECT COUNT(*) FROM dmarc_report WHERE day = ? AND domain = ?`, []any{day, r.Domain}, &all); err != nil {
			return fmt.Errorf("DMARC report %s: %w", r.Tx, err)
		}
		if n >= maxDayReports || all >= maxAllReports {
			continue
		}
		body, err := json.Marshal(&r)
		if err != nil {
			return fmt.Errorf("DMARC report %s: %w", r.Tx, err)
		}
		done, err := tx.Exec(`INSERT INTO dmarc_report (id, day, domain, reporter, time, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
			r.Key, day, r.Domain, r.Reporting, toMicros(r.Time), string(body))
		if err != nil {
			return fmt.Errorf("DMARC report %s: %w", r.Tx, err)
		}
		if added, err := done.RowsAffected(); err != nil || added == 0 {
			if err != nil {
				return fmt.Errorf("DMARC report %s: %w", r.Tx, err)
			}
			continue
		}
		if err := addSums(tx, r.Sums); err != nil {
			return fmt.Errorf("DMARC report %s: %w", r.Tx, err)
		}
	}
	return nil
}

// Totals implements dmarc.Sums.
func (d DMARC) Totals(ctx context.Context, since dmarc.Day) ([]dmarc.Sum, error) {
	list, err := d.sums(ctx, `SELECT domain, reporter, '', SUM(messages), SUM(passed), SUM(dkim), SUM(spf), SUM(acted) FROM dmarc_sum
		WHERE day >= ? GROUP BY domain, reporter ORDER BY domain, reporter LIMIT ?`, string(since), maxTotals)
	if err != nil {
		return nil, fmt.Errorf("store: DMARC sums: %w", err)
	}
	return list, nil
}

// Sources implements dmarc.Sums.
func (d DMARC) Sources(ctx context.Context, domain string, since dmarc.Day, limit int) ([]dmarc.Sum, error) {
	list, err := d.sums(ctx, `SELECT domain, reporter, network, SUM(messages), SUM(passed), SUM(dkim), SUM(spf), SUM(acted) FROM dmarc_sum
		WHERE domain = ? AND day >= ? GROUP BY domain, reporter, network ORDER BY SUM(messages) DESC, reporter, network LIMIT ?`, domain, string(since), limit)
	if err != nil {
		return nil, fmt.Errorf("store: DMARC sums of %s: %w", domain, err)
	}
	return list, nil
}

func (d DMARC) sums(ctx context.Context, query string, args ...any) (list []dmarc.Sum, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(query, args...)
		return each(rows, err, func(rows *sql.Rows) error {
			var s dmarc.Sum
			var network string
			if err := rows.Scan(&s.Domain, &s.Reporter, &network, &s.Messages, &s.Passed, &s.DKIM, &s.SPF, &s.Acted); err != nil {
				return err
			}
			s.Network, _ = netip.ParsePrefix(network) // '': all others
			list = append(list, s)
			return nil
		})
	})
	return list, err
}

// Reports implements dmarc.Sums. What can't be read any more is left out.
func (d DMARC) Reports(ctx context.Context, domain string, limit int) (list []dmarc.Received, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT body FROM dmarc_report WHERE domain = ? ORDER BY time DESC, id LIMIT ?`, domain, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var body string
			var r dmarc.Received
			if err := rows.Scan(&body); err != nil {
				return err
			}
			if json.Unmarshal([]byte(body), &r) == nil {
				list = append(list, r)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: DMARC reports on %s: %w", domain, err)
	}
	return list, nil
}

// ExpireSums implements dmarc.Sums.
func (d DMARC) ExpireSums(ctx context.Context, before dmarc.Day, limit int) (n int, err error) {
	err = d.db.Update(ctx, func(tx *Tx) error {
		n = 0
		for _, query := range []string{
			`DELETE FROM dmarc_sum WHERE (domain, day, reporter, network) IN (SELECT domain, day, reporter, network FROM dmarc_sum WHERE day < ? ORDER BY domain, day, reporter, network LIMIT ?)`,
			`DELETE FROM dmarc_report WHERE id IN (SELECT id FROM dmarc_report WHERE day < ? ORDER BY id LIMIT ?)`,
		} {
			done, err := tx.Exec(query, string(before), limit-n)
			if err != nil {
				return err
			}
			gone, err := done.RowsAffected()
			if err != nil {
				return err
			}
			n += int(gone)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store: expire DMARC sums: %w", err)
	}
	return n, nil
}
