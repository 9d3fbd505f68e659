package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatepost/internal/intake"
	"gatepost/mailbox"
)

// What the boxes of a domain take up together is counted in the commits that change them, so
// it is exact. All of a domain's mail would wait for one row, so there are some: a box
// counts in the row of its number. They are written at the end of a commit, in one order (see
// locks.go), and are held only while it becomes durable.

// usageShards is how many rows count for one domain. It is in a migration, too.
const usageShards = 16

// A usageKey is a row of mailbox_usage.
type usageKey struct{ domain, shard int64 }

// usages are what a transaction adds to them.
type usages map[usageKey]mailbox.Usage

// used adds to what a domain's boxes take up, of which the box is one. 0 is no domain.
func (t *Tx) used(domain, box int64, n mailbox.Usage) {
	if domain == 0 {
		return
	}
	if t.usages == nil {
		t.usages = usages{}
	}
	k := usageKey{domain, box % usageShards}
	sum := t.usages[k]
	t.usages[k] = mailbox.Usage{Messages: sum.Messages + n.Messages, Bytes: sum.Bytes + n.Bytes}
}

func (u usages) write(tx *Tx) error {
	keys := slices.SortedFunc(maps.Keys(u), func(a, b usageKey) int {
		return cmp.Or(cmp.Compare(a.domain, b.domain), cmp.Compare(a.shard, b.shard))
	})
	for _, k := range keys {
		n := u[k]
		if n == (mailbox.Usage{}) {
			continue
		}
		_, err := tx.Exec(`INSERT INTO mailbox_usage (domain, shard, messages, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (domain, shard)
			DO UPDATE SET messages = mailbox_usage.messages + excluded.messages, bytes = mailbox_usage.bytes + excluded.bytes`, k.domain, k.shard, n.Messages, n.Bytes)
		if err != nil {
			return fmt.Errorf("count in domain %d: %w", k.domain, err)
		}
	}
	return nil
}

// putHome notes in which domain a box's address is, if it has one. What an address has behind
// its last @ is what stays where all but @ was taken off its end.
const putHome = `INSERT INTO mailbox_home (box, domain) SELECT m.id, d.id FROM mailbox m
	JOIN domain d ON d.name = substr(m.address, length(rtrim(m.address, replace(m.address, '@', ''))) + 1) WHERE m.id = ? ON CONFLICT (box) DO NOTHING`

// domainOfBox is the number of a box's domain in a statement that changes mailbox_box; 0: it has
// none.
const domainOfBox = `COALESCE((SELECT h.domain FROM mailbox_home h WHERE h.box = mailbox_box.box), 0)`

// DomainUsage returns what a domain's mailboxes take up together, by its number.
func (m Mailboxes) DomainUsage(ctx context.Context, domain int64) (u mailbox.Usage, err error) {
	err = m.db.look(ctx, func(tx *Tx) error {
		return tx.Row(`SELECT COALESCE(CAST(SUM(messages) AS BIGINT), 0), COALESCE(CAST(SUM(bytes) AS BIGINT), 0) FROM mailbox_usage WHERE domain = ?`, []any{domain}, &u.Messages, &u.Bytes)
	})
	if err != nil {
		return u, fmt.Errorf("store: usage of domain %d: %w", domain, err)
	}
	return u, nil
}

// Usages calls seen for boxes after one, by number, limit at most, and returns the last of them; 0: there
// was none.
func (m Mailboxes) Usages(ctx context.Context, after int64, limit int, seen func(box int64, u mailbox.Usage)) (last int64, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		last = 0
		rows, err := tx.Query(`SELECT box, messages, bytes FROM mailbox_box WHERE box > ? ORDER BY box LIMIT ?`, after, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var u mailbox.Usage
			if err := rows.Scan(&last, &u.Messages, &u.Bytes); err != nil {
				return err
			}
			seen(last, u)
			return nil
		})
	})
	if err != nil {
		return 0, fmt.Errorf("store: usage of boxes after %d: %w", after, err)
	}
	return last, nil
}

// Measure returns what the messages of a set take up that are in a folder.
func (m Mailboxes) Measure(ctx context.Context, folder int64, set mailbox.UIDSet, onlyDeleted bool) (u mailbox.Usage, err error) {
	query := `SELECT COUNT(*), COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ?`
	if onlyDeleted {
		query += ` AND flags & 8 <> 0`
	}
	err = m.db.View(ctx, func(tx *Tx) error {
		u = mailbox.Usage{}
		if err := settled(tx, folder); err != nil {
			return err
		}
		for _, r := range set {
			var n, bytes int64
			if err := tx.Row(query, []any{folder, r.First, r.Last}, &n, &bytes); err != nil {
				return err
			}
			u.Messages, u.Bytes = u.Messages+n, u.Bytes+bytes
		}
		return nil
	})
	if err != nil {
		return u, fmt.Errorf("store: measure folder %d: %w", folder, err)
	}
	return u, nil
}

// Warned returns when a box's owner was told last that it is nearly full; the zero time:
// never.
func (m Mailboxes) Warned(ctx context.Context, box int64) (at time.Time, err error) {
	err = m.db.look(ctx, func(tx *Tx) (err error) {
		at, err = warned(tx, box)
		return err
	})
	if err != nil {
		return at, fmt.Errorf("store: warning of box %d: %w", box, err)
	}
	return at, nil
}

func warned(tx *Tx, box int64) (time.Time, error) {
	var micros int64
	err := tx.Row(`SELECT time FROM mailbox_warning WHERE box = ?`, []any{box}, &micros)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMicros(micros), err
}

// Warn delivers a warning, whatever the quota, and notes its time in the same commit; nothing
// is done, and false returned, where the last one is not older than before. So two nodes
// don't both tell an owner.
func (m Mailboxes) Warn(ctx context.Context, d *mailbox.Delivery, before time.Time) (done bool, err error) {
	return m.deliverIf(ctx, d, func(tx *Tx) (bool, error) {
		last, err := warned(tx, d.Box)
		if err != nil || !last.IsZero() && !last.Before(before) {
			return false, err
		}
		_, err = tx.Exec(`INSERT INTO mailbox_warning (box, time) VALUES (?, ?) ON CONFLICT (box) DO UPDATE SET time = excluded.time`, d.Box, toMicros(d.Time))
		return err == nil, err
	})
}

// DeliverOnce delivers a letter, whatever the quota, unless the box remembers that it had one, and has it
// remember (mailbox.Memory, with New set). done: it was delivered.
func (m Mailboxes) DeliverOnce(ctx context.Context, d *mailbox.Delivery, once mailbox.Memory) (done bool, err error) {
	return m.deliverIf(ctx, d, func(tx *Tx) (bool, error) {
		err := remember(tx, once)
		if errors.Is(err, intake.ErrSame) {
			return false, nil
		}
		return err == nil, err
	})
}

// deliverIf delivers a letter, whatever the quota, where due says so under the box's lock.
func (m Mailboxes) deliverIf(ctx context.Context, d *mailbox.Delivery, due func(tx *Tx) (bool, error)) (done bool, err error) {
	err = m.db.Update(ctx, func(tx *Tx) (err error) {
		done = false
		if err := standing(tx, d.Box); err != nil {
			return err
		}
		if err := lockBox(tx, d.Box); err != nil {
			return err
		}
		if done, err = due(tx); err != nil || !done {
			return err
		}
		return putDelivery(tx, d)
	})
	if err != nil {
		return false, fmt.Errorf("store: letter to box %d: %w", d.Box, err)
	}
	return done, nil
}
