package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/collector"
)

// Collectors keeps accounts elsewhere, and what was taken from them.
type Collectors struct{ db *DB }

var _ collector.Rows = Collectors{}

// Collectors returns the store's.
func (db *DB) Collectors() Collectors { return Collectors{db} }

const collectorColumns = `id, settings, password, token, due, last, good, failing, failures, fault, told, taken, size, unfit, owned, identity, confirmed`

// collectorsDue is a part for each range of an index.
func collectorsDue(paused string) string {
	const from = `SELECT ` + collectorColumns + ` FROM collector WHERE paused = `
	return from + paused + ` AND due <= ? UNION ALL ` + from + paused + ` AND due > ? AND due < ?`
}

// Accounts implements collector.Rows.
func (c Collectors) Accounts(ctx context.Context) ([]collector.Account, error) {
	return c.accounts(ctx, func(tx *Tx) (*sql.Rows, error) {
		return tx.Query(`SELECT ` + collectorColumns + ` FROM collector ORDER BY name`)
	})
}

// Due implements collector.Rows.
func (c Collectors) Due(ctx context.Context, owned bool, limit int) ([]collector.Account, error) {
	return c.accounts(ctx, func(tx *Tx) (*sql.Rows, error) {
		now := tx.now()
		times := []any{now, now + collector.Latest.Microseconds(), now + collector.Astray.Microseconds()}
		query := collectorsDue(`4`)
		if !owned {
			query, times = collectorsDue(`0`)+` UNION ALL `+collectorsDue(`2`), append(times, times...)
		}
		return tx.Query(query+` ORDER BY due, id LIMIT ?`, append(times, limit)...)
	})
}

func (c Collectors) accounts(ctx context.Context, query func(*Tx) (*sql.Rows, error)) (list []collector.Account, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := query(tx)
		return each(rows, err, func(rows *sql.Rows) error {
			var a collector.Account
			var settings string
			var due, last, good, failing, told, owned, confirmed int64
			err := rows.Scan(&a.ID, &settings, &a.Password, &a.Token, &due, &last, &good, &failing, &a.Failures, &a.Fault, &told, &a.Taken, &a.Size, &a.Left, &owned, &a.Identity, &confirmed)
			if err != nil {
				return err
			}
			a.Due, a.Last, a.Good, a.Failing, a.Told = fromMicros(due), moment(last), moment(good), moment(failing), told != 0
			a.Owned, a.Confirmed = owned != 0, moment(confirmed)
			list = append(list, a)
			return json.Unmarshal([]byte(settings), &list[len(list)-1].Settings)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: collectors: %w", err)
	}
	return list, nil
}

// moment is a time of which 0 is none.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return fromMicros(micros)
}

func momentMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return toMicros(t)
}

// Add implements collector.Rows.
func (c Collectors) Add(ctx context.Context, a *collector.Account) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		if err := standing(tx, a.Box); err != nil {
			return err
		}
		return addCollector(tx, a)
	})
	if err != nil {
		return fmt.Errorf("store: add collector %s: %w", a.Name, err)
	}
	return nil
}

func addCollector(tx *Tx, a *collector.Account) error {
	settings, err := json.Marshal(a.Settings)
	if err != nil {
		return err
	}
	n, err := changed(tx.Exec(`INSERT INTO collector (name, box, settings, password, token, paused, due, last, good, failing, failures, fault, told, taken, size, unfit, owned, identity, confirmed)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '', 0, 0, 0, 0, ?, ?, 0) ON CONFLICT (name) DO NOTHING`,
		a.Name, a.Box, string(settings), a.Password, a.Token, rests(a), tx.now(), number(a.Owned), a.Identity))
	if err == nil && n == 0 {
		err = collector.ErrExists
	}
	if err != nil {
		return err
	}
	return tx.Row(`SELECT id FROM collector WHERE name = ?`, []any{a.Name}, &a.ID)
}

// Change implements collector.Rows.
func (c Collectors) Change(ctx context.Context, a *collector.Account) error {
	return c.touch(ctx, "change", a.ID, func(tx *Tx) error { return changeCollector(tx, a) })
}

func changeCollector(tx *Tx, a *collector.Account) error {
	settings, err := json.Marshal(a.Settings)
	if err != nil {
		return err
	}
	return found(changed(tx.Exec(`UPDATE collector SET box = ?, settings = ?, password = ?, paused = ?, due = ?, failing = ?, failures = ?, fault = ?, told = ? WHERE id = ?`,
		a.Box, string(settings), a.Password, rests(a), toMicros(a.Due), momentMicros(a.Failing), a.Failures, a.Fault, number(a.Told), a.ID)))
}

// Finish implements collector.Rows.
func (c Collectors) Finish(ctx context.Context, id int64, s collector.State, wait time.Duration) error {
	return c.touch(ctx, "finish", id, func(tx *Tx) error {
		return found(changed(tx.Exec(`UPDATE collector SET due = ?, last = ?, good = ?, failing = ?, failures = ?, fault = ?, told = ?, taken = ?, size = ?, unfit = ? WHERE id = ?`,
			tx.now()+wait.Microseconds(), momentMicros(s.Last), momentMicros(s.Good), momentMicros(s.Failing), s.Failures, s.Fault, number(s.Told), s.Taken, s.Size, s.Left, id)))
	})
}

// touch updates an account; what says what is done.
func (c Collectors) touch(ctx context.Context, what string, id int64, do func(*Tx) error) error {
	if err := c.db.Update(ctx, do); err != nil {
		return fmt.Errorf("store: %s collector %d: %w", what, id, err)
	}
	return nil
}

// found is an update's error where no row was there.
func found(n int64, err error) error {
	if err == nil && n == 0 {
		return collector.ErrUnknown
	}
	return err
}

// Remove implements collector.Rows.
func (c Collectors) Remove(ctx context.Context, id int64) error {
	return c.touch(ctx, "remove", id, func(tx *Tx) error { return removeCollector(tx, id) })
}

func removeCollector(tx *Tx, id int64) error {
	if err := found(changed(tx.Exec(`DELETE FROM collector WHERE id = ?`, id))); err != nil {
		return err
	}
	for _, query := range [...]string{`DELETE FROM collector_mark WHERE account = ?`, `DELETE FROM collector_folder WHERE account = ?`} {
		if _, err := tx.Exec(query, id); err != nil {
			return err
		}
	}
	return nil
}

// Marks implements collector.Rows.
func (c Collectors) Marks(ctx context.Context, account int64, folder string) (list []collector.Mark, err error) {
	err = c.db.look(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT validity, id, fate, sum, size, time, uid, flags FROM collector_mark WHERE account = ? AND folder = ? ORDER BY validity, id`, account, folder)
		return each(rows, err, func(rows *sql.Rows) error {
			m := collector.Mark{Account: account, Folder: folder}
			var when int64
			if err := rows.Scan(&m.Validity, &m.ID, &m.Fate, &m.Sum, &m.Size, &when, &m.UID, &m.Flags); err != nil {
				return err
			}
			if len(m.Sum) == 0 {
				m.Sum = nil
			}
			m.Time = fromMicros(when)
			list = append(list, m)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: marks of collector %d: %w", account, err)
	}
	return list, nil
}

// Mark implements collector.Rows.
func (c Collectors) Mark(ctx context.Context, list []collector.Mark) error {
	if len(list) == 0 {
		return nil
	}
	err := c.db.Update(ctx, func(tx *Tx) error {
		if err := accountStands(tx, list[0].Account); err != nil {
			return err
		}
		for _, m := range list {
			if _, err := putTaken(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: marks of collector %d: %w", list[0].Account, err)
	}
	return nil
}

// Forget implements collector.Rows.
func (c Collectors) Forget(ctx context.Context, list []collector.Mark) error {
	if len(list) == 0 {
		return nil
	}
	err := c.db.Update(ctx, func(tx *Tx) error {
		for _, m := range list {
			if _, err := tx.Exec(`DELETE FROM collector_mark WHERE account = ? AND folder = ? AND validity = ? AND id = ?`, m.Account, m.Folder, m.Validity, m.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: forget marks of collector %d: %w", list[0].Account, err)
	}
	return nil
}

func putTaken(tx *Tx, m collector.Mark) (made int64, err error) {
	sum := m.Sum
	if sum == nil {
		sum = []byte{}
	}
	return changed(tx.Exec(`INSERT INTO collector_mark (account, folder, validity, id, fate, sum, size, time, uid, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (account, folder, validity, id) DO NOTHING`, m.Account, m.Folder, m.Validity, m.ID, int64(m.Fate), sum, m.Size, toMicros(m.Time), int64(m.UID), m.Flags))
}

// accountStands fails where an account was removed: its marks went with it.
func accountStands(tx *Tx, id int64) error {
	var one int
	err := tx.Row(`SELECT 1 FROM collector WHERE id = ?`+tx.speaks.keyShare, []any{id}, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return collector.ErrUnknown
	}
	return err
}

// putCollected notes, with the commit that takes a message from an account elsewhere, that it was
// taken: two runs can't both take it.
func putCollected(tx *Tx, m *collector.Mark) error {
	if m == nil {
		return nil
	}
	if err := accountStands(tx, m.Account); err != nil {
		return err
	}
	n, err := putTaken(tx, *m)
	if err == nil && n == 0 {
		return collector.ErrTaken
	}
	return err
}
