package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/collector"
	"gatepost/internal/directory"
)

// What owners of mailboxes do with accounts elsewhere that they set up is noted in the commit that does it.

// OfBox returns the accounts of one mailbox, whoever set them up, by name.
func (c Collectors) OfBox(ctx context.Context, box int64) ([]collector.Account, error) {
	return c.accounts(ctx, func(tx *Tx) (*sql.Rows, error) {
		return tx.Query(`SELECT `+collectorColumns+` FROM collector WHERE box = ? ORDER BY name`, box)
	})
}

// AddOwned is Add for an owner, whose mailbox may have most such accounts. It fails with collector.ErrMany.
func (c Collectors) AddOwned(ctx context.Context, a *collector.Account, most int, n directory.Note) error {
	a.Owned = true
	err := c.db.Update(ctx, func(tx *Tx) error {
		if err := tx.lock(`SELECT id FROM mailbox WHERE id = ?`, a.Box); err != nil { // of two requests the second counts the first
			return err
		}
		if err := standing(tx, a.Box); err != nil {
			return err
		}
		var had int
		if err := tx.Row(`SELECT COUNT(*) FROM collector WHERE box = ? AND owned = 1`, []any{a.Box}, &had); err != nil {
			return err
		}
		if had >= most {
			return collector.ErrMany
		}
		if err := addCollector(tx, a); err != nil {
			return err
		}
		return putNote(tx, &n)
	})
	if err != nil {
		return fmt.Errorf("store: add collector %s: %w", a.Name, err)
	}
	return nil
}

// ChangeOwned is Change for an owner. Where the account's address is another the owner may not send as it before it is confirmed.
func (c Collectors) ChangeOwned(ctx context.Context, a *collector.Account, n directory.Note) error {
	return c.touch(ctx, "change", a.ID, func(tx *Tx) error {
		if err := changeCollector(tx, a); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE collector SET identity = CAST(? AS TEXT), confirmed = 0 WHERE id = ? AND identity <> CAST(? AS TEXT)`, a.Identity, a.ID, a.Identity)
		if err != nil {
			return err
		}
		return putNote(tx, &n)
	})
}

// RemoveOwned is Remove for an owner.
func (c Collectors) RemoveOwned(ctx context.Context, id int64, n directory.Note) error {
	return c.touch(ctx, "remove", id, func(tx *Tx) error {
		if err := removeCollector(tx, id); err != nil {
			return err
		}
		return putNote(tx, &n)
	})
}

// SendsAs reports whether the owner of a mailbox has confirmed that an address is that of an account of his.
func (c Collectors) SendsAs(ctx context.Context, box int64, address string) (is bool, err error) {
	err = c.db.look(ctx, func(tx *Tx) error {
		var one int
		err := tx.Row(`SELECT 1 FROM collector WHERE box = ? AND owned = 1 AND identity = ? AND confirmed > 0 LIMIT 1`, []any{box, address}, &one)
		if is = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: may mailbox %d send as %s: %w", box, address, err)
	}
	return is, nil
}

// confirmIdentity has the owner of a mailbox send as an address from now on, and notes it. It fails with access.ErrNoLink where he has no
// account of that address any more.
func confirmIdentity(tx *Tx, box int64, address string, now time.Time) error {
	n, err := changed(tx.Exec(`UPDATE collector SET confirmed = ? WHERE box = ? AND owned = 1 AND identity = ?`, toMicros(now), box, address))
	if err == nil && n == 0 {
		err = access.ErrNoLink
	}
	if err != nil {
		return err
	}
	var owner string
	if err := tx.Row(`SELECT address FROM mailbox WHERE id = ?`, []any{box}, &owner); err != nil {
		return err
	}
	return putNote(tx, &directory.Note{Time: now, Who: owner, What: directory.NoteIdentity, Whom: owner, About: address})
}
