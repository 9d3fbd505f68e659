package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// Scripts keeps the Sieve scripts of mailboxes, and what they remember.
type Scripts struct {
	db *DB
	tx *Tx // of Together; nil: each call has its own
}

var _ interface {
	mailbox.ScriptChanges
	mailbox.ScriptNews
	mailbox.ScriptMemory
} = Scripts{}

// Scripts returns the store's scripts.
func (db *DB) Scripts() Scripts { return Scripts{db: db} }

// Scripts implements mailbox.Scripts.
func (s Scripts) Scripts(ctx context.Context, box int64) (list []mailbox.Script, err error) {
	err = s.view(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT s.name, s.changed, b.active FROM sieve_script s LEFT JOIN sieve_box b ON b.box = s.box WHERE s.box = ? ORDER BY s.name`, box)
		return each(rows, err, func(rows *sql.Rows) error {
			var one mailbox.Script
			var changed int64
			var active sql.NullString
			err := rows.Scan(&one.Name, &changed, &active)
			one.Changed, one.Active = time.UnixMicro(changed).UTC(), active.String == one.Name
			list = append(list, one)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: scripts of box %d: %w", box, err)
	}
	return list, nil
}

// Script implements mailbox.Scripts.
func (s Scripts) Script(ctx context.Context, box int64, name string) (one mailbox.Script, err error) {
	err = s.view(ctx, func(tx *Tx) error {
		one = mailbox.Script{Name: name}
		var content []byte
		var changed int64
		var active sql.NullString
		err := tx.Row(`SELECT s.content, s.changed, b.active FROM sieve_script s LEFT JOIN sieve_box b ON b.box = s.box WHERE s.box = ? AND s.name = ?`,
			[]any{box, name}, &content, &changed, &active)
		one.Content, one.Changed, one.Active = string(content), time.UnixMicro(changed).UTC(), active.String == name
		return err
	})
	if err != nil {
		return mailbox.Script{}, fmt.Errorf("store: script %q of box %d: %w", name, box, noScript(err))
	}
	return one, nil
}

func noScript(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return mailbox.ErrNoScript
	}
	return err
}

// PutScript implements mailbox.Scripts.
func (s Scripts) PutScript(ctx context.Context, box int64, one mailbox.Script) error {
	if err := mailbox.CheckScriptName(one.Name); err != nil {
		return fmt.Errorf("store: put script in box %d: %w", box, err)
	}
	return s.change(ctx, "put script", box, func(tx *Tx) error {
		if err := standing(tx, box); err != nil {
			return err
		}
		var n, octets int64
		err := tx.Row(`SELECT COUNT(*), COALESCE(SUM(LENGTH(content)), 0) FROM sieve_script WHERE box = ? AND name <> ?`, []any{box, one.Name}, &n, &octets)
		if err != nil {
			return err
		}
		if n >= mailbox.MaxScripts || octets+int64(len(one.Content)) > mailbox.MaxScript {
			return mailbox.ErrScriptQuota
		}
		_, err = tx.Exec(`INSERT INTO sieve_script (box, name, content, changed) VALUES (?, ?, ?, ?)
			ON CONFLICT (box, name) DO UPDATE SET content = excluded.content, changed = excluded.changed`,
			box, one.Name, []byte(one.Content), one.Changed.UnixMicro())
		return err
	})
}

// DeleteScript implements mailbox.Scripts.
func (s Scripts) DeleteScript(ctx context.Context, box int64, name string) error {
	return s.change(ctx, "delete script", box, func(tx *Tx) error {
		switch active, err := activeScript(tx, box); {
		case err != nil:
			return err
		case active == name && name != "":
			return mailbox.ErrScriptActive
		}
		done, err := tx.Exec(`DELETE FROM sieve_script WHERE box = ? AND name = ?`, box, name)
		return oneScript(done, err)
	})
}

// oneScript is ErrNoScript where a statement found none.
func oneScript(done sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); n == 0 || err != nil {
		return errors.Join(mailbox.ErrNoScript, err)
	}
	return nil
}

// RenameScript implements mailbox.Scripts.
func (s Scripts) RenameScript(ctx context.Context, box int64, from, to string) error {
	if err := mailbox.CheckScriptName(to); err != nil {
		return fmt.Errorf("store: rename script of box %d: %w", box, err)
	}
	return s.change(ctx, "rename script", box, func(tx *Tx) error {
		if err := hasScript(tx, box, from); err != nil || from == to {
			return err
		}
		if err := hasScript(tx, box, to); err == nil {
			return mailbox.ErrScriptExists
		} else if !errors.Is(err, mailbox.ErrNoScript) {
			return err
		}
		if _, err := tx.Exec(`UPDATE sieve_script SET name = ? WHERE box = ? AND name = ?`, to, box, from); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE sieve_box SET active = ? WHERE box = ? AND active = ?`, to, box, from)
		return err
	})
}

// ActivateScript implements mailbox.Scripts.
func (s Scripts) ActivateScript(ctx context.Context, box int64, name string) error {
	return s.change(ctx, "activate script", box, func(tx *Tx) error {
		if name != "" {
			if err := hasScript(tx, box, name); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE sieve_box SET active = ? WHERE box = ?`, name, box)
		return err
	})
}

func hasScript(tx *Tx, box int64, name string) error {
	var one int
	return noScript(tx.Row(`SELECT 1 FROM sieve_script WHERE box = ? AND name = ?`, []any{box, name}, &one))
}

func activeScript(tx *Tx, box int64) (active string, err error) {
	err = tx.Row(`SELECT active FROM sieve_box WHERE box = ?`, []any{box}, &active)
	return active, err
}

// view runs f on what Together sees, or on a snapshot.
func (s Scripts) view(ctx context.Context, f func(*Tx) error) error {
	if s.tx != nil {
		return f(s.tx)
	}
	return s.db.View(ctx, f)
}

// Together implements mailbox.ScriptChanges.
func (s Scripts) Together(ctx context.Context, box int64, f func(mailbox.Scripts) error) error {
	return s.change(ctx, "change scripts", box, func(tx *Tx) error { return f(Scripts{s.db, tx}) })
}

// change runs f in a commit that gives the box the next revision. Changes of scripts stand in a
// row by the revision's lock.
func (s Scripts) change(ctx context.Context, what string, box int64, f func(*Tx) error) error {
	update := func(tx *Tx) error {
		var revision int64
		if err := tx.Row(`UPDATE sieve_revision SET value = value + 1 WHERE id = 1 RETURNING value`, nil, &revision); err != nil {
			return fmt.Errorf("next revision: %w", err)
		}
		_, err := tx.Exec(`INSERT INTO sieve_box (box, revision, active) VALUES (?, ?, '') ON CONFLICT (box) DO UPDATE SET revision = excluded.revision`, box, revision)
		if err != nil {
			return err
		}
		return f(tx)
	}
	var err error
	if s.tx != nil {
		err = update(s.tx)
	} else {
		err = s.db.Update(ctx, update)
	}
	if err != nil {
		return fmt.Errorf("store: %s of box %d: %w", what, box, err)
	}
	return nil
}

// scriptNews is how many boxes one ScriptsSince returns.
const scriptNews = 5000

// ScriptsSince implements mailbox.ScriptNews. Where nothing changed it is one row's read.
func (s Scripts) ScriptsSince(ctx context.Context, after int64) (list []mailbox.ScriptChange, last int64, err error) {
	err = s.db.View(ctx, func(tx *Tx) error {
		list = nil
		if err := tx.Row(`SELECT value FROM sieve_revision WHERE id = 1`, nil, &last); err != nil || last == after {
			return err
		}
		rows, err := tx.Query(`SELECT box, revision, active FROM sieve_box WHERE revision > ? ORDER BY revision LIMIT ?`, after, scriptNews)
		return each(rows, err, func(rows *sql.Rows) error {
			var c mailbox.ScriptChange
			err := rows.Scan(&c.Box, &c.Revision, &c.Active)
			list = append(list, c)
			return err
		})
	})
	if err != nil {
		return nil, 0, fmt.Errorf("store: changed scripts: %w", err)
	}
	return list, last, nil
}

// Recalls implements mailbox.ScriptMemory.
func (s Scripts) Recalls(ctx context.Context, box int64, id string, now time.Time) (known bool, err error) {
	err = s.db.View(ctx, func(tx *Tx) error {
		var n int
		err := tx.Row(`SELECT COUNT(*) FROM sieve_memory WHERE box = ? AND id = ? AND expires > ? AND expires <= ?`, []any{box, id, now.UnixMicro(), now.Add(mailbox.MemoryMost).UnixMicro()}, &n)
		known = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: memory of scripts of box %d: %w", box, err)
	}
	return known, nil
}

// Forget implements mailbox.ScriptMemory.
func (s Scripts) Forget(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = s.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`DELETE FROM sieve_memory WHERE (box, id) IN (SELECT box, id FROM sieve_memory WHERE expires <= ? ORDER BY expires LIMIT ?)`, now.UnixMicro(), limit)
		if err != nil {
			return err
		}
		gone, err := done.RowsAffected()
		n = int(gone)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: forget what scripts remember: %w", err)
	}
	return n, nil
}

// putRuled writes deliveries, and what boxes' scripts remember and answer. A box's memory is
// written under its lock, which says what comes first where two messages arrive at once.
func putRuled(tx *Tx, c *intake.Commit, list []*mailbox.Delivery) error {
	if len(c.Remember)+len(c.Answers) == 0 {
		return putDeliveries(tx, list)
	}
	boxes := slices.Clone(list)
	for _, m := range c.Remember {
		boxes = append(boxes, &mailbox.Delivery{Box: m.Box, Time: m.Time})
	}
	for _, a := range c.Answers {
		if a.Once.Box != 0 {
			boxes = append(boxes, &mailbox.Delivery{Box: a.Once.Box, Time: a.Once.Time})
		}
	}
	if len(boxes) == 1 {
		boxes = append(boxes, boxes[0])
	}
	if err := lockBoxes(tx, boxes); err != nil {
		return err
	}
	if err := putDeliveries(tx, list); err != nil {
		return err
	}
	for _, m := range c.Remember {
		if err := remember(tx, m); err != nil {
			return fmt.Errorf("memory of scripts: %w", err)
		}
	}
	for _, a := range c.Answers {
		if err := putAnswer(tx, a); err != nil {
			return fmt.Errorf("answer of a script: %w", err)
		}
	}
	return nil
}

// remember fails with intake.ErrSame where something is remembered that was not to be so far.
func remember(tx *Tx, m mailbox.Memory) error {
	over := int64(math.MaxInt64)
	if m.New {
		over = m.Time.UnixMicro()
	}
	done, err := tx.Exec(`INSERT INTO sieve_memory (box, id, expires) VALUES (?, ?, ?)
		ON CONFLICT (box, id) DO UPDATE SET expires = excluded.expires WHERE sieve_memory.expires <= ? OR sieve_memory.expires > ?`,
		m.Box, m.ID, m.Expires.UnixMicro(), over, m.Time.Add(mailbox.MemoryMost).UnixMicro())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); n == 0 || err != nil {
		return errors.Join(err, intake.ErrSame)
	}
	return nil
}

// putAnswer queues a letter unless the box remembers that one went out.
func putAnswer(tx *Tx, a intake.Answer) error {
	if a.Once.ID != "" {
		done, err := tx.Exec(`INSERT INTO sieve_memory (box, id, expires) VALUES (?, ?, ?)
			ON CONFLICT (box, id) DO UPDATE SET expires = excluded.expires WHERE sieve_memory.expires <= ? OR sieve_memory.expires > ?`,
			a.Once.Box, a.Once.ID, a.Once.Expires.UnixMicro(), a.Once.Time.UnixMicro(), a.Once.Time.Add(mailbox.MemoryMost).UnixMicro())
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); n == 0 || err != nil {
			return err
		}
	}
	return putTransfers(tx, []*queue.Transfer{a.Transfer})
}
