package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/daily"
)

// periods are the days of domains that are to be reported, in a table that has day, domain and due.
type periods struct {
	db     *DB
	table  string
	counts []string // tables with the counts of each period
}

// domains returns the domains that have counts of a day.
func (p periods) domains(ctx context.Context, day daily.Day) (list []string, err error) {
	err = p.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT domain FROM `+p.table+` WHERE day = ? ORDER BY domain`, string(day))
		return each(rows, err, func(rows *sql.Rows) error {
			var domain string
			err := rows.Scan(&domain)
			list = append(list, domain)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: %s of %s: %w", p.table, day, err)
	}
	return list, nil
}

// add has a period there, to be reported at due if it was not.
func (p periods) add(tx *Tx, of daily.Period, due time.Time) error {
	_, err := tx.Exec(`INSERT INTO `+p.table+` (day, domain, due) VALUES (?, ?, ?) ON CONFLICT (day, domain) DO NOTHING`, string(of.Day), of.Domain, toMicros(due))
	return err
}

// Claim implements daily.Periods.
func (p periods) Claim(ctx context.Context, now, until time.Time, n int) (list []daily.Claimed, err error) {
	err = p.db.Update(ctx, func(tx *Tx) error {
		list = nil
		var due []daily.Claimed
		rows, err := tx.Query(`SELECT day, domain, due FROM `+p.table+` WHERE due <= ? ORDER BY due, day, domain LIMIT ?`, toMicros(now), n)
		err = each(rows, err, func(rows *sql.Rows) error {
			var one daily.Claimed
			var since int64
			err := rows.Scan(&one.Day, &one.Domain, &since)
			one.Since = fromMicros(since)
			due = append(due, one)
			return err
		})
		if err != nil {
			return err
		}
		for _, one := range due {
			var day string
			err := tx.Row(`UPDATE `+p.table+` SET due = ? WHERE day = ? AND domain = ? AND due <= ? RETURNING day`,
				[]any{toMicros(until), string(one.Day), one.Domain, toMicros(now)}, &day)
			switch {
			case err == nil:
				list = append(list, one)
			case !errors.Is(err, sql.ErrNoRows): // else another node has it
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: claim reports of %s: %w", p.table, err)
	}
	return list, nil
}

// Delay implements daily.Periods.
func (p periods) Delay(ctx context.Context, of daily.Period, until time.Time) error {
	err := p.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE `+p.table+` SET due = ? WHERE day = ? AND domain = ?`, toMicros(until), string(of.Day), of.Domain)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: put off report of %s on %s: %w", p.table, of.Domain, err)
	}
	return nil
}

// Drop implements daily.Periods.
func (p periods) Drop(ctx context.Context, of daily.Period) error {
	err := p.db.Update(ctx, func(tx *Tx) error {
		for _, table := range append([]string{p.table}, p.counts...) {
			if _, err := tx.Exec(`DELETE FROM `+table+` WHERE day = ? AND domain = ?`, string(of.Day), of.Domain); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: drop %s of %s: %w", p.table, of.Domain, err)
	}
	return nil
}
