package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/trust"
)

// Trust keeps how much senders are trusted.
type Trust struct{ db *DB }

var _ trust.Rows = Trust{}

// Trust returns the store's weights.
func (db *DB) Trust() Trust { return Trust{db} }

// lessons are what a transaction learns, and unlearns. They are written near its end, in
// the order of their keys: many transfers may teach the same, and two transactions that
// locked weights as they came by them could wait for each other.
type lessons []lesson

type lesson struct {
	trust.Key
	weight trust.Weight // below 0: it is taken back
	how    trust.How
	when   int64
}

// teach has a scope learn about a sender, with the commit: about him, not about the tag
// that BATV puts in front of his address.
func (t *Tx) teach(scope trust.Scope, sender mail.Path, how trust.How, when int64) {
	t.learnt = append(t.learnt, lesson{trust.Key{Scope: scope, Sender: sender.Unsigned()}, how.Worth(), how, when})
}

func (l lessons) write(tx *Tx) error {
	slices.SortStableFunc(l, func(a, b lesson) int { return trust.Compare(a.Key, b.Key) })
	for _, one := range l { // first, by the order of locks
		if one.weight > 0 {
			if err := announce(tx, one.Key, one.when); err != nil {
				return err
			}
		}
	}
	for _, one := range l {
		write := learn
		if one.weight < 0 {
			write = unlearn
		}
		if err := write(tx, one); err != nil {
			return fmt.Errorf("trust of %s in %s: %w", one.Sender, one.Scope, err)
		}
	}
	return nil
}

// aged is a row's weight at a time, for which an expression stands: Entry.At in SQL.
func aged(at string) string {
	life := strconv.FormatInt(trust.HalfLife.Microseconds(), 10)
	return `(trust.weight >> CAST(CASE WHEN ` + at + ` <= trust.used THEN 0 WHEN (` + at + ` - trust.used) / ` + life + ` > 14 THEN 14
		ELSE (` + at + ` - trust.used) / ` + life + ` END AS INTEGER))`
}

func learn(tx *Tx, l lesson) error {
	raised := aged("excluded.used") + ` + excluded.weight`
	most := strconv.FormatInt(int64(trust.Most), 10)
	_, err := tx.Exec(`INSERT INTO trust (scope, sender, weight, used, learnt, how) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (scope, sender) DO UPDATE SET
		weight = CASE WHEN `+raised+` > `+most+` THEN `+most+` ELSE `+raised+` END,
		used = CASE WHEN excluded.used > trust.used THEN excluded.used ELSE trust.used END,
		learnt = CASE WHEN excluded.learnt > trust.learnt THEN excluded.learnt ELSE trust.learnt END,
		how = trust.how | excluded.how`,
		l.Scope, l.Sender, int64(l.weight), l.when, l.when, int64(l.how))
	return err
}

// unlearn lowers a weight by what it was raised. What was halved since was less, but to
// take back too much is the safe side.
func unlearn(tx *Tx, l lesson) error {
	_, err := tx.Exec(`UPDATE trust SET weight = CASE WHEN weight > ? THEN weight - ? ELSE 0 END WHERE scope = ? AND sender = ?`,
		int64(-l.weight), int64(-l.weight), l.Scope, l.Sender)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM trust WHERE scope = ? AND sender = ? AND weight = 0`, l.Scope, l.Sender)
	return err
}

// teachOf has a scope learn from the release of a held message, and notes it with that.
func teachOf(tx *Tx, held string, scope trust.Scope, sender mail.Path, how trust.How, when int64) error {
	done, err := tx.Exec(`INSERT INTO trust_lesson (held, scope, sender, weight) VALUES (?, ?, ?, ?) ON CONFLICT (held) DO NOTHING`,
		held, scope, sender.Unsigned(), int64(how.Worth()))
	if err != nil {
		return fmt.Errorf("lesson of %s: %w", held, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return err
	}
	tx.teach(scope, sender, how, when)
	return nil
}

// forgive takes back, with the commit, what the release of a held message taught, and
// reports whether it had taught anything.
func forgive(tx *Tx, held string) (bool, error) {
	var l lesson
	err := tx.Row(`DELETE FROM trust_lesson WHERE held = ? RETURNING scope, sender, weight`, []any{held}, &l.Scope, &l.Sender, &l.weight)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lesson of %s: %w", held, err)
	}
	l.weight = -l.weight
	tx.learnt = append(tx.learnt, l)
	return true, nil
}

const trustColumns = `scope, sender, weight, used, learnt, how`

func scanTrust(rows *sql.Rows) (e trust.Entry, err error) {
	var used, learnt int64
	err = rows.Scan(&e.Scope, &e.Sender, &e.Weight, &used, &learnt, &e.How)
	e.Used, e.Learnt = fromMicros(used), fromMicros(learnt)
	return e, err
}

// Find implements trust.Rows.
func (t Trust) Find(ctx context.Context, keys []trust.Key) (found []trust.Entry, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	// Not by row values: SQLite reads all of the table for (a, b) IN (VALUES …).
	where, args := strings.Repeat(` OR scope = ? AND sender = ?`, len(keys))[len(` OR `):], make([]any, 0, 2*len(keys))
	for _, k := range keys {
		args = append(args, k.Scope, k.Sender)
	}
	err = t.db.look(ctx, func(tx *Tx) error {
		found, err = listTrust(tx, nil, `SELECT `+trustColumns+` FROM trust WHERE `+where, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: find trust: %w", err)
	}
	return found, nil
}

// List implements trust.Rows.
func (t Trust) List(ctx context.Context, scopes []trust.Scope, after trust.Key, limit int) (list []trust.Entry, err error) {
	err = t.db.View(ctx, func(tx *Tx) error {
		list = nil
		if len(scopes) == 0 {
			list, err = listTrust(tx, nil, `SELECT `+trustColumns+` FROM trust WHERE (scope, sender) > (?, ?) ORDER BY scope, sender LIMIT ?`, after.Scope, after.Sender, limit)
			return err
		}
		for _, s := range slices.Compact(slices.Sorted(slices.Values(scopes))) {
			sender := mail.Path("")
			switch cmp.Compare(s, after.Scope) {
			case -1:
				continue
			case 0:
				sender = after.Sender
			}
			list, err = listTrust(tx, list, `SELECT `+trustColumns+` FROM trust WHERE scope = ? AND sender > ? ORDER BY sender LIMIT ?`, s, sender, limit-len(list))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: list trust: %w", err)
	}
	return list, nil
}

func listTrust(tx *Tx, list []trust.Entry, query string, args ...any) ([]trust.Entry, error) {
	rows, err := tx.Query(query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		e, err := scanTrust(rows)
		list = append(list, e)
		return err
	})
	return list, err
}

// Use implements trust.Rows.
func (t Trust) Use(ctx context.Context, uses []trust.Use) error {
	uses = slices.SortedFunc(slices.Values(uses), func(a, b trust.Use) int { return trust.Compare(a.Key, b.Key) })
	for some := range slices.Chunk(uses, chunk) {
		err := t.db.Update(ctx, func(tx *Tx) error {
			for _, u := range some {
				at := toMicros(u.Time)
				_, err := tx.Exec(`UPDATE trust SET weight = `+aged("CAST(? AS BIGINT)")+`, used = ? WHERE scope = ? AND sender = ? AND used < ?`,
					at, at, at, at, u.Scope, u.Sender, at)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("store: note uses of trust: %w", err)
		}
	}
	return nil
}

// Set implements trust.Rows.
func (t Trust) Set(ctx context.Context, e trust.Entry) error {
	err := t.db.Update(ctx, func(tx *Tx) error {
		if err := announce(tx, e.Key, toMicros(e.Learnt)); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO trust (scope, sender, weight, used, learnt, how) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (scope, sender) DO UPDATE SET weight = excluded.weight, used = excluded.used, learnt = excluded.learnt, how = excluded.how`,
			e.Scope, e.Sender, int64(e.Weight), toMicros(e.Used), toMicros(e.Learnt), int64(e.How))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: set trust: %w", err)
	}
	return nil
}

// Forget implements trust.Rows.
func (t Trust) Forget(ctx context.Context, k trust.Key) (gone bool, err error) {
	err = t.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`DELETE FROM trust WHERE scope = ? AND sender = ?`, k.Scope, k.Sender)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		gone = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: forget trust: %w", err)
	}
	return gone, nil
}

// Forgive implements trust.Rows.
func (t Trust) Forgive(ctx context.Context, held string, _ time.Time) (taught bool, err error) {
	err = t.db.Update(ctx, func(tx *Tx) error {
		taught, err = forgive(tx, held)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: take trust back: %w", err)
	}
	return taught, nil
}

// Prune implements trust.Rows. It reads in a view: mostly there is nothing to remove, and
// nobody is to wait for it.
func (t Trust) Prune(ctx context.Context, after trust.Key, now time.Time, limit int) (last trust.Key, removed int, err error) {
	list, err := t.List(ctx, nil, after, limit)
	if err != nil {
		return trust.Key{}, 0, err
	}
	if len(list) == limit {
		last = list[limit-1].Key
	}
	dead := slices.DeleteFunc(list, func(e trust.Entry) bool { return e.At(now) > 0 })
	if len(dead) == 0 {
		return last, 0, nil
	}
	err = t.db.Update(ctx, func(tx *Tx) error {
		removed = 0
		for _, e := range dead {
			done, err := tx.Exec(`DELETE FROM trust WHERE scope = ? AND sender = ? AND weight = ? AND used = ?`, e.Scope, e.Sender, int64(e.Weight), toMicros(e.Used))
			if err != nil {
				return err
			}
			n, err := done.RowsAffected()
			if err != nil {
				return err
			}
			removed += int(n)
		}
		return nil
	})
	if err != nil {
		return trust.Key{}, 0, fmt.Errorf("store: prune trust: %w", err)
	}
	return last, removed, nil
}
