package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gatepost/internal/mtasts"
)

// MTASTS keeps the MTA-STS policies of other domains.
type MTASTS struct{ db *DB }

var _ mtasts.Rows = MTASTS{}

// MTASTS returns the store's policies.
func (db *DB) MTASTS() MTASTS { return MTASTS{db} }

// Policies implements mtasts.Rows.
func (m MTASTS) Policies(ctx context.Context) (list []mtasts.Kept, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT domain, id, policy, fetched FROM mtasts_policy ORDER BY domain`)
		return each(rows, err, func(rows *sql.Rows) error {
			var k mtasts.Kept
			var text string
			var fetched int64
			if err := rows.Scan(&k.Domain, &k.ID, &text, &fetched); err != nil {
				return err
			}
			// What an older program took for a policy and this one does not is fetched anew.
			if p, err := mtasts.ParsePolicy([]byte(text)); err == nil {
				k.Policy, k.Fetched = p, fromMicros(fetched)
				list = append(list, k)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: MTA-STS policies: %w", err)
	}
	return list, nil
}

// PutPolicy implements mtasts.Rows.
func (m MTASTS) PutPolicy(ctx context.Context, k mtasts.Kept) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO mtasts_policy (domain, id, policy, fetched) VALUES (?, ?, ?, ?)
			ON CONFLICT (domain) DO UPDATE SET id = excluded.id, policy = excluded.policy, fetched = excluded.fetched
			WHERE excluded.fetched >= mtasts_policy.fetched`,
			k.Domain, k.ID, k.Policy.Text(), toMicros(k.Fetched))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: MTA-STS policy of %s: %w", k.Domain, err)
	}
	return nil
}

// DropPolicy implements mtasts.Rows.
func (m MTASTS) DropPolicy(ctx context.Context, domain string, fetched time.Time) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM mtasts_policy WHERE domain = ? AND fetched <= ?`, domain, toMicros(fetched))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: drop MTA-STS policy of %s: %w", domain, err)
	}
	return nil
}
