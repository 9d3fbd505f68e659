package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatepost/quarantine"
)

// countReleased goes by an index of its own: what was released lies all over the store.
const countReleased = `SELECT filter, COUNT(*) FROM held WHERE state = 'released' AND time >= ? GROUP BY filter`

// Tallies implements quarantine.Reader: what blocks know, and the rows of none.
func (q Quarantine) Tallies(ctx context.Context, since time.Time) (list []quarantine.Tally, err error) {
	day := toMicros(since) / microsOfDay
	from := day * microsOfDay
	err = q.db.View(ctx, func(tx *Tx) error {
		list = nil
		last, err := lastBlock(tx)
		if err != nil {
			return err
		}
		sum := map[string]*quarantine.Tally{}
		of := func(filter string) *quarantine.Tally {
			if sum[filter] == nil {
				sum[filter] = &quarantine.Tally{Filter: filter}
			}
			return sum[filter]
		}
		for _, count := range []struct {
			text string
			args []any
			add  func(t *quarantine.Tally, n int)
		}{
			{`SELECT filter, SUM(held) FROM held_day WHERE day >= ? GROUP BY filter`, []any{day}, func(t *quarantine.Tally, n int) { t.Held += n }},
			{`SELECT filter, COUNT(*) FROM held WHERE time >= ? AND time > ? GROUP BY filter`, []any{from, last}, func(t *quarantine.Tally, n int) { t.Held += n }},
			{`SELECT filter, COUNT(*) FROM held WHERE late > 0 AND time >= ? AND time <= ? GROUP BY filter`, []any{from, last}, func(t *quarantine.Tally, n int) { t.Held += n }},
			{countReleased, []any{from}, func(t *quarantine.Tally, n int) { t.Released += n }},
			{`SELECT filter, COUNT(*) FROM held WHERE asked > 0 AND time >= ? GROUP BY filter`, []any{from}, func(t *quarantine.Tally, n int) { t.Asked += n }},
		} {
			rows, err := tx.Query(count.text, count.args...)
			err = each(rows, err, func(rows *sql.Rows) error {
				var filter string
				var n int
				err := rows.Scan(&filter, &n)
				count.add(of(filter), n)
				return err
			})
			if err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(sum)) {
			list = append(list, *sum[name])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: what filters held: %w", err)
	}
	return list, nil
}
