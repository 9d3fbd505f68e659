package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gatepost/internal/privacy"
	"gatepost/quarantine"
)

// allBehind has all nodes load the directory anew (Directory.Load): of what is removed they hear by its name, which is
// not to be kept.
const allBehind = `UPDATE directory_counter SET value = value + 10001 WHERE name = 'revision'` // goneKept, and one

// blankJournal leaves of a line what counts in statistics, and to whom it was.
func blankJournal(tx *Tx, row map[string]any) error {
	if err := noteScrub(tx, row); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE journal SET client = '', helo = '', login = CASE WHEN login = '' THEN '' ELSE 'erased' END, sender = 'erased',
		subject = '', subject_key = '', message_id = '', reason = '' WHERE id = ? AND line = ?`, row["id"], row["line"])
	return err
}

func dropJournal(tx *Tx, row map[string]any) error {
	if err := noteScrub(tx, row); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM journal WHERE id = ? AND line = ?`, row["id"], row["line"])
	return err
}

// noteScrub notes, with the commit that erases a transaction's line, that its evidence is to go.
func noteScrub(tx *Tx, row map[string]any) error {
	if row["evidence"] == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO privacy_scrub (evidence, tx) VALUES (?, ?) ON CONFLICT (evidence) DO NOTHING`, row["evidence"], row["id"])
	return err
}

// dropPersonalHeld ends a hold, and removes all that is known of it.
func dropPersonalHeld(tx *Tx, row map[string]any) error {
	id := fmt.Sprint(row["id"])
	if row["state"] == string(quarantine.StateHeld) {
		act := quarantine.Act{Who: "erasure", What: quarantine.StateDeleted, When: fromMicros(tx.now())}
		if err := settleHeld(tx, id, act); err != nil && !errors.Is(err, quarantine.ErrNotHeld) && !errors.Is(err, quarantine.ErrUnknown) {
			return err
		}
	}
	return purgeHeld(tx, []string{id})
}

func dropPersonalEntry(tx *Tx, row map[string]any) error {
	_, err := tx.Exec(`DELETE FROM list_entry WHERE id = ?`, row["id"])
	return err
}

// Note implements privacy.Rows.
func (p Privacy) Note(ctx context.Context, a privacy.Act) error {
	err := p.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO privacy_act (id, time, who, what, subject, found, ended) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET found = excluded.found, ended = excluded.ended`,
			a.ID, toMicros(a.Time), a.Who, a.What, a.Subject, a.Found, momentMicros(a.Ended))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: note %s: %w", a.What, err)
	}
	return nil
}

// Acts implements privacy.Rows.
func (p Privacy) Acts(ctx context.Context, subject string, limit int) (list []privacy.Act, err error) {
	err = p.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT id, time, who, what, subject, found, ended FROM privacy_act WHERE (? = '' OR subject = ?) ORDER BY time DESC, id DESC LIMIT ?`, subject, subject, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var a privacy.Act
			var when, ended int64
			err := rows.Scan(&a.ID, &when, &a.Who, &a.What, &a.Subject, &a.Found, &ended)
			a.Time, a.Ended = fromMicros(when), moment(ended)
			list = append(list, a)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: acts on people's data: %w", err)
	}
	return list, nil
}

// Scrubs implements privacy.Rows.
func (p Privacy) Scrubs(ctx context.Context, after string, limit int) (list []privacy.Scrub, err error) {
	err = p.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT evidence, tx FROM privacy_scrub WHERE evidence > ? ORDER BY evidence LIMIT ?`, after, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var one privacy.Scrub
			err := rows.Scan(&one.Evidence, &one.Tx)
			list = append(list, one)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: evidence to erase: %w", err)
	}
	return list, nil
}

// Scrubbed implements privacy.Rows.
func (p Privacy) Scrubbed(ctx context.Context, done []privacy.Scrub) error {
	for some := range slices.Chunk(done, chunk) {
		err := p.db.Update(ctx, func(tx *Tx) error {
			for _, one := range some {
				if _, err := tx.Exec(`DELETE FROM privacy_scrub WHERE evidence = ?`, one.Evidence); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("store: note erased evidence: %w", err)
		}
	}
	return nil
}
