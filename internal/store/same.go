package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/intake"
	"gatepost/quarantine"
)

// Sames remembers what was held, so that the same message is known when it comes again.
type Sames struct{ db *DB }

var _ intake.Sames = Sames{}

// Sames returns the store's memory of held messages.
func (db *DB) Sames() Sames { return Sames{db} }

// Heard implements intake.Sames.
func (s Sames) Heard(ctx context.Context, origin string) (found bool, err error) {
	err = s.db.look(ctx, func(tx *Tx) (err error) {
		found, err = heard(tx, origin)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: held messages by origin: %w", err)
	}
	return found, nil
}

func heard(tx *Tx, origin string) (bool, error) {
	var one int
	err := tx.Row(`SELECT 1 FROM held_same WHERE origin = ? AND origin <> '' LIMIT 1`, []any{origin}, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Same implements intake.Sames.
func (s Sames) Same(ctx context.Context, keys []string) (known map[string]intake.Known, err error) {
	known = map[string]intake.Known{}
	err = s.db.View(ctx, func(tx *Tx) error {
		for _, key := range keys {
			var k intake.Known
			var expires, when int64
			err := tx.Row(`SELECT s.held, s.origin, s.time, COALESCE(h.tx, ''), COALESCE(h.expires, 0), COALESCE(h.state, '')
				FROM held_same s LEFT JOIN held h ON h.id = s.held WHERE s.same = ?`, []any{key}, &k.ID, &k.Origin, &when, &k.Tx, &expires, &k.State)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			k.Time, k.Expires = fromMicros(when), fromMicros(expires)
			if tx, given := strings.CutPrefix(k.ID, intake.SameGiven); given {
				k.Tx, k.State = tx, intake.SameGiven
			}
			known[key] = k
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: same held messages: %w", err)
	}
	return known, nil
}

// Forget removes what was held before then from the memory.
func (s Sames) Forget(ctx context.Context, before time.Time) error {
	for {
		var n int64
		err := s.db.Update(ctx, func(tx *Tx) error {
			done, err := tx.Exec(`DELETE FROM held_same WHERE same IN (SELECT same FROM held_same WHERE time < ? ORDER BY time LIMIT ?)`, toMicros(before), chunk)
			if err != nil {
				return err
			}
			n, err = done.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("store: forget held messages: %w", err)
		}
		if n < chunk {
			return nil
		}
	}
}

// putSame does what a commit says of messages that came before. It comes first in the
// commit: held messages are locked by id, then what they are remembered by.
func putSame(tx *Tx, c *intake.Commit) error {
	if c.Unheard != "" {
		if found, err := heard(tx, c.Unheard); err != nil || found {
			return errors.Join(err, intake.ErrSame)
		}
	}
	if len(c.Ends)+len(c.Again) > 0 {
		if err := putAgain(tx, c); err != nil {
			return err
		}
	}
	type name struct {
		same, held string
		time       time.Time
	}
	var named []name
	for _, h := range c.Held {
		if h.Same != "" {
			named = append(named, name{h.Same, h.ID, h.Time})
		}
	}
	for _, key := range c.Given {
		named = append(named, name{key, intake.SameGiven + c.Row.ID, c.Row.Time})
	}
	slices.SortFunc(named, func(a, b name) int { return cmp.Compare(a.same, b.same) })
	for _, n := range named {
		done, err := tx.Exec(`INSERT INTO held_same (same, held, origin, time) VALUES (?, ?, ?, ?)
			ON CONFLICT (same) DO UPDATE SET held = excluded.held, origin = excluded.origin, time = excluded.time WHERE held_same.held = ?`,
			n.same, n.held, c.Origin, toMicros(n.time), c.Saw[n.same])
		if err != nil {
			return fmt.Errorf("remember %s: %w", n.held, err)
		}
		if changed, err := done.RowsAffected(); err != nil || changed == 0 {
			return errors.Join(err, intake.ErrSame)
		}
	}
	return nil
}

// putAgain ends holds, and notes of others what their sender hears now. All of them must
// be held.
func putAgain(tx *Tx, c *intake.Commit) error {
	type change struct {
		id    string
		apply func() error
	}
	var all []change
	for _, e := range c.Ends {
		all = append(all, change{e.ID, func() error { return settleHeld(tx, e.ID, e.Act) }})
	}
	for _, a := range c.Again {
		all = append(all, change{a.ID, func() error { return tellHeld(tx, a) }})
	}
	slices.SortFunc(all, func(a, b change) int { return cmp.Compare(a.id, b.id) })
	for _, one := range all {
		err := one.apply()
		if errors.Is(err, quarantine.ErrNotHeld) || errors.Is(err, quarantine.ErrUnknown) {
			return intake.ErrSame
		}
		if err != nil {
			return fmt.Errorf("held message %s, come again: %w", one.id, err)
		}
	}
	return nil
}

func tellHeld(tx *Tx, a intake.Again) error {
	done, err := tx.Exec(`UPDATE held SET told = CASE WHEN ? = '' THEN told ELSE ? END WHERE id = ? AND state = 'held'`, a.Told, a.Told, a.ID)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, quarantine.ErrNotHeld)
	}
	return nil
}
