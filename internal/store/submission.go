package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gatepost/internal/allowance"
)

// Submission keeps what log-ins send: it implements allowance.Rows.
type Submission struct{ db *DB }

var _ allowance.Rows = Submission{}

// Submission returns the store's counts of log-ins.
func (db *DB) Submission() Submission { return Submission{db} }

// savedAtOnce is how many counts one commit writes: mail waits for it.
const savedAtOnce = 200

// Save implements allowance.Rows.
func (s Submission) Save(ctx context.Context, node string, counts []allowance.Count) error {
	for len(counts) > 0 {
		some := counts[:min(len(counts), savedAtOnce)]
		counts = counts[len(some):]
		err := s.db.Update(ctx, func(tx *Tx) error {
			for _, c := range some {
				_, err := tx.Exec(`INSERT INTO submission_count (box, hour, node, messages, refused, fresh, excess, wrong, networks, changed)
					VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (box, hour, node) DO UPDATE SET messages = excluded.messages, refused = excluded.refused,
					fresh = excluded.fresh, excess = excluded.excess, wrong = excluded.wrong, networks = excluded.networks, changed = excluded.changed`,
					c.Box, c.Hour, node, c.Messages, c.Refused, c.Fresh, c.Excess, c.Wrong, c.Networks, tx.now())
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("store: counts of log-ins: %w", err)
		}
	}
	return nil
}

// lateCommit is how long after its time a row may be seen first.
const lateCommit = 10 * time.Second

// Of implements allowance.Rows.
func (s Submission) Of(ctx context.Context, box, hour int64) (nodes map[string][]allowance.Count, err error) {
	err = s.db.View(ctx, func(tx *Tx) (err error) {
		nodes, err = tx.countsOf(`box = ? AND hour >= ?`, box, hour)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: counts of box %d: %w", box, err)
	}
	return nodes, nil
}

// countsOf reads counts by the node that counted.
func (tx *Tx) countsOf(where string, args ...any) (map[string][]allowance.Count, error) {
	nodes := map[string][]allowance.Count{}
	rows, err := tx.Query(`SELECT box, hour, node, messages, refused, fresh, excess, wrong, networks FROM submission_count WHERE `+where, args...)
	return nodes, each(rows, err, func(rows *sql.Rows) error {
		var c allowance.Count
		var whose string
		err := rows.Scan(&c.Box, &c.Hour, &whose, &c.Messages, &c.Refused, &c.Fresh, &c.Excess, &c.Wrong, &c.Networks)
		nodes[whose] = append(nodes[whose], c)
		return err
	})
}

// Counts implements allowance.Rows.
func (s Submission) Counts(ctx context.Context, node string, hour int64, since time.Time) (others map[string][]allowance.Count, newest time.Time, err error) {
	err = s.db.View(ctx, func(tx *Tx) (err error) {
		others, newest = map[string][]allowance.Count{}, fromMicros(tx.now())
		if since.IsZero() {
			return nil
		}
		others, err = tx.countsOf(`changed >= ? AND node <> ? AND hour >= ?`, toMicros(since.Add(-lateCommit)), node, hour)
		return err
	})
	if err != nil {
		return nil, since, fmt.Errorf("store: counts of log-ins: %w", err)
	}
	return others, newest, nil
}

// Stops implements allowance.Rows.
func (s Submission) Stops(ctx context.Context) (list []allowance.Stop, err error) {
	err = s.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT box, since, reason, who FROM submission_stop ORDER BY since, box`)
		return each(rows, err, func(rows *sql.Rows) error {
			var one allowance.Stop
			var since int64
			err := rows.Scan(&one.Box, &since, &one.Reason, &one.Who)
			one.Since = fromMicros(since)
			list = append(list, one)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: stopped log-ins: %w", err)
	}
	return list, nil
}

// Stop implements allowance.Rows.
func (s Submission) Stop(ctx context.Context, one allowance.Stop) (first bool, err error) {
	err = s.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`INSERT INTO submission_stop (box, since, reason, who) VALUES (?, ?, ?, ?) ON CONFLICT (box) DO NOTHING`,
			one.Box, toMicros(one.Since), one.Reason, one.Who)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		first = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: stop log-in of box %d: %w", one.Box, err)
	}
	return first, nil
}

// Resume implements allowance.Rows.
func (s Submission) Resume(ctx context.Context, box int64) (was bool, err error) {
	err = s.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`DELETE FROM submission_stop WHERE box = ?`, box)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err != nil {
			return err
		}
		was = n > 0
		_, err = tx.Exec(`DELETE FROM submission_count WHERE box = ? OR box = ?`, box, -box)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: resume log-in of box %d: %w", box, err)
	}
	return was, nil
}

// Own implements allowance.Rows.
func (s Submission) Own(ctx context.Context) (all map[allowance.Owner]allowance.Own, err error) {
	err = s.db.View(ctx, func(tx *Tx) error {
		all = map[allowance.Owner]allowance.Own{}
		rows, err := tx.Query(`SELECT owner, per_minute, per_hour, per_day, recipients FROM submission_limit`)
		return each(rows, err, func(rows *sql.Rows) error {
			var owner allowance.Owner
			var o allowance.Own
			err := rows.Scan(&owner, &o.Minute, &o.Hour, &o.Day, &o.Recipients)
			all[owner] = o
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: limits of log-ins: %w", err)
	}
	return all, nil
}

// SetOwn implements allowance.Rows.
func (s Submission) SetOwn(ctx context.Context, owner allowance.Owner, o allowance.Own) error {
	err := s.db.Update(ctx, func(tx *Tx) (err error) {
		if o == allowance.None() {
			_, err = tx.Exec(`DELETE FROM submission_limit WHERE owner = ?`, owner)
			return err
		}
		_, err = tx.Exec(`INSERT INTO submission_limit (owner, per_minute, per_hour, per_day, recipients) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (owner) DO UPDATE SET per_minute = excluded.per_minute, per_hour = excluded.per_hour, per_day = excluded.per_day, recipients = excluded.recipients`,
			owner, o.Minute, o.Hour, o.Day, o.Recipients)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: limits of log-ins of %s: %w", owner, err)
	}
	return nil
}

// Purge implements allowance.Rows.
func (s Submission) Purge(ctx context.Context, hour int64) error {
	err := s.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM submission_count WHERE hour < ?`, hour)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: purge counts of log-ins: %w", err)
	}
	return nil
}

// Totals returns what log-ins did from an hour on, of all nodes, those that asked for most first;
// Hour is 0. Box 0 is all of them. What rules sent on, whose boxes are below 0, is left out.
func (s Submission) Totals(ctx context.Context, box, hour int64, limit int) (list []allowance.Count, err error) {
	err = s.db.View(ctx, func(tx *Tx) error {
		list = nil
		// Networks add up within an hour; those of another may be the same.
		rows, err := tx.Query(`SELECT box, CAST(SUM(messages) AS BIGINT), CAST(SUM(refused) AS BIGINT), CAST(SUM(fresh) AS BIGINT),
			CAST(SUM(excess) AS BIGINT), CAST(SUM(wrong) AS BIGINT), MAX(networks) FROM submission_count
			WHERE hour >= ? AND box > 0 AND (? = 0 OR box = ?) GROUP BY box ORDER BY SUM(messages) + SUM(refused) + SUM(excess) DESC, box LIMIT ?`, hour, box, box, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var c allowance.Count
			err := rows.Scan(&c.Box, &c.Messages, &c.Refused, &c.Fresh, &c.Excess, &c.Wrong, &c.Networks)
			list = append(list, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: what log-ins sent: %w", err)
	}
	return list, nil
}
