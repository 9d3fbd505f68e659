package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"gatepost/internal/greylist"
)

// What a row of greylist_delay counts.
const (
	delayDeferred = 0
	delayReturned = 1
	delayLost     = 2
	delayWaits    = 10 // and on: greylist.Delay.Waits
)

type delayKey struct {
	day, domain string
	what        int
}

func (k delayKey) compare(o delayKey) int {
	return cmp.Or(cmp.Compare(k.day, o.day), cmp.Compare(k.domain, o.domain), cmp.Compare(k.what, o.what))
}

// addDelay adds a delay's counts, each to a row.
func addDelay(d *greylist.Delay, to map[delayKey]int64) {
	add := func(what int, n int64) {
		if n != 0 {
			to[delayKey{d.Day, d.Domain, what}] += n
		}
	}
	add(delayDeferred, d.Deferred)
	add(delayReturned, d.Returned)
	add(delayLost, d.Lost)
	for i, n := range d.Waits {
		add(delayWaits+i, n)
	}
}

func putDelays(tx *Tx, all map[delayKey]int64) error {
	for _, k := range slices.SortedFunc(maps.Keys(all), delayKey.compare) {
		_, err := tx.Exec(`INSERT INTO greylist_delay (day, domain, what, n) VALUES (?, ?, ?, ?)
			ON CONFLICT (day, domain, what) DO UPDATE SET n = greylist_delay.n + excluded.n`, k.day, k.domain, k.what, all[k])
		if err != nil {
			return fmt.Errorf("delay of %s: %w", k.domain, err)
		}
	}
	return nil
}

// Delays implements greylist.Desk.
func (g Greylist) Delays(ctx context.Context, since, domain string) (list []greylist.Delay, err error) {
	err = g.db.View(ctx, func(tx *Tx) error {
		list = nil
		where, args := `day >= ?`, []any{since}
		if domain != "" {
			where, args = where+` AND domain = ?`, append(args, domain)
		}
		rows, err := tx.Query(`SELECT day, domain, what, n FROM greylist_delay WHERE `+where+` ORDER BY day, domain, what`, args...)
		return each(rows, err, func(rows *sql.Rows) error {
			var k delayKey
			var n int64
			if err := rows.Scan(&k.day, &k.domain, &k.what, &n); err != nil {
				return err
			}
			if last := len(list) - 1; last < 0 || list[last].Day != k.day || list[last].Domain != k.domain {
				list = append(list, greylist.Delay{Day: k.day, Domain: k.domain})
			}
			setDelay(&list[len(list)-1], k.what, n)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: greylist delays: %w", err)
	}
	return list, nil
}

func setDelay(d *greylist.Delay, what int, n int64) {
	switch {
	case what == delayDeferred:
		d.Deferred = n
	case what == delayReturned:
		d.Returned = n
	case what == delayLost:
		d.Lost = n
	case what >= delayWaits && what < delayWaits+greylist.WaitCount:
		d.Waits[what-delayWaits] = n
	}
}

// Fold implements greylist.Chores. Domains from which nothing came back go first: anybody
// can make them up.
func (g Greylist) Fold(ctx context.Context, day, oldest string, keep int) error {
	err := g.db.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(`DELETE FROM greylist_delay WHERE day < ?`, oldest); err != nil {
			return err
		}
		var n int
		if err := tx.Row(`SELECT COUNT(DISTINCT domain) FROM greylist_delay WHERE day = ?`, []any{day}, &n); err != nil || n <= keep+1 {
			return err
		}
		return foldDelays(tx, day, keep)
	})
	if err != nil {
		return fmt.Errorf("store: fold greylist delays of %s: %w", day, err)
	}
	return nil
}

func foldDelays(tx *Tx, day string, keep int) error {
	const most = `SELECT domain FROM greylist_delay WHERE day = ? AND domain <> ? GROUP BY domain
		ORDER BY SUM(CASE WHEN what = 1 THEN n ELSE 0 END) DESC, SUM(n) DESC, domain LIMIT ?`
	sums := map[delayKey]int64{}
	rows, err := tx.Query(`DELETE FROM greylist_delay WHERE day = ? AND domain <> ? AND domain NOT IN (`+most+`) RETURNING what, n`,
		day, greylist.Others, day, greylist.Others, keep)
	err = each(rows, err, func(rows *sql.Rows) error {
		var what int
		var n int64
		err := rows.Scan(&what, &n)
		sums[delayKey{day, greylist.Others, what}] += n
		return err
	})
	if err != nil {
		return err
	}
	return putDelays(tx, sums)
}
