package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/queue"
)

// Accounts keeps log-ins, recovery addresses and links of mailboxes' owners.
type Accounts struct{ db *DB }

var (
	_ access.LoginRows    = Accounts{}
	_ access.RecoveryRows = Accounts{}
)

// Accounts returns the store's.
func (db *DB) Accounts() Accounts { return Accounts{db} }

func (a Accounts) update(ctx context.Context, what string, f func(*Tx) error) error {
	if err := a.db.Update(ctx, f); err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	return nil
}

// AddLogins implements access.LoginRows.
func (a Accounts) AddLogins(ctx context.Context, list []access.Login, most int) error {
	list = slices.SortedFunc(slices.Values(list), func(a, b access.Login) int {
		return cmp.Or(cmp.Compare(a.Box, b.Box), cmp.Compare(a.Door, b.Door), a.Client.Compare(b.Client))
	})
	return a.update(ctx, "log-ins", func(tx *Tx) error {
		for i, l := range list { // in one order, since nodes write at once
			_, err := tx.Exec(`INSERT INTO account_login (box, door, network, client, first, last, count)
				SELECT CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT)
				WHERE EXISTS (SELECT 1 FROM mailbox WHERE id = ?) OR EXISTS (SELECT 1 FROM admin WHERE id = ?)
				ON CONFLICT (box, door, network) DO UPDATE SET count = account_login.count + excluded.count,
				client = CASE WHEN excluded.last < account_login.last THEN account_login.client ELSE excluded.client END,
				last = CASE WHEN excluded.last < account_login.last THEN account_login.last ELSE excluded.last END`,
				l.Box, l.Door, access.NetworkOf(l.Client).String(), addrText(l.Client), toMicros(l.First), toMicros(l.Last), l.Count, l.Box, l.Box)
			if err != nil {
				return err
			}
			if i+1 < len(list) && list[i+1].Box == l.Box {
				continue
			}
			_, err = tx.Exec(`DELETE FROM account_login WHERE box = ? AND last < (SELECT last FROM account_login WHERE box = ? ORDER BY last DESC LIMIT 1 OFFSET ?)`, l.Box, l.Box, most-1)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Logins implements access.LoginRows.
func (a Accounts) Logins(ctx context.Context, box int64) (list []access.Login, err error) {
	err = a.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT door, client, first, last, count FROM account_login WHERE box = ? ORDER BY last DESC, door, network`, box)
		return each(rows, err, func(rows *sql.Rows) error {
			l := access.Login{Box: box}
			var client string
			var first, last int64
			if err := rows.Scan(&l.Door, &client, &first, &last, &l.Count); err != nil {
				return err
			}
			var err error
			l.Client, err = netip.ParseAddr(client)
			l.First, l.Last = fromMicros(first), fromMicros(last)
			list = append(list, l)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: log-ins of %d: %w", box, err)
	}
	return list, nil
}

// ExpireLogins implements access.LoginRows.
func (a Accounts) ExpireLogins(ctx context.Context, before time.Time) error {
	return a.update(ctx, "old log-ins", func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM account_login WHERE last < ?`, toMicros(before))
		return err
	})
}

// dropAccount forgets what is kept of the owner of a mailbox that goes.
func dropAccount(tx *Tx, address string) error {
	for _, table := range [...]string{"account_login", "account_recovery", "account_link"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE box IN (SELECT id FROM mailbox WHERE address = ?)`, address); err != nil {
			return err
		}
	}
	return nil
}

// Recovery implements access.RecoveryRows.
func (a Accounts) Recovery(ctx context.Context, box int64, now time.Time) (r access.Recovery, err error) {
	err = a.db.View(ctx, func(tx *Tx) error {
		r = access.Recovery{}
		var since int64
		err := tx.Row(`SELECT address, since FROM account_recovery WHERE box = ?`, []any{box}, &r.Address, &since)
		if err == nil {
			r.Since = fromMicros(since)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = tx.Row(`SELECT address FROM account_link WHERE box = ? AND kind = ? AND used = 0 AND expires > ? ORDER BY created DESC, id LIMIT 1`,
			[]any{box, string(access.LinkConfirm), toMicros(now)}, &r.Waiting)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return r, fmt.Errorf("store: recovery address of %d: %w", box, err)
	}
	return r, nil
}

// SetRecovery implements access.RecoveryRows.
func (a Accounts) SetRecovery(ctx context.Context, box int64, address string, now time.Time) error {
	return a.update(ctx, "recovery address", func(tx *Tx) error {
		if err := lockBox(tx, box); err != nil {
			return err
		}
		if err := endLinks(tx, box, access.LinkConfirm, access.LinkReset); err != nil {
			return err
		}
		return setRecovery(tx, box, address, now)
	})
}

func setRecovery(tx *Tx, box int64, address string, now time.Time) (err error) {
	if address == "" {
		_, err = tx.Exec(`DELETE FROM account_recovery WHERE box = ?`, box)
		return err
	}
	_, err = tx.Exec(`INSERT INTO account_recovery (box, address, since) SELECT id, CAST(? AS TEXT), CAST(? AS BIGINT) FROM mailbox WHERE id = ?
		ON CONFLICT (box) DO UPDATE SET address = excluded.address, since = excluded.since`, address, toMicros(now), box)
	return err
}

func endLinks(tx *Tx, box int64, kinds ...access.LinkKind) error {
	for _, k := range kinds {
		if _, err := tx.Exec(`UPDATE account_link SET used = 1 WHERE box = ? AND kind = ? AND used = 0`, box, string(k)); err != nil {
			return err
		}
	}
	return nil
}

// PutLink keeps a link, and the letter in which it is sent, if there is one. One that confirms ends those before it. It fails
// with access.ErrManyLinks where most of its kind were made since a time; 0 is no limit.
func (a Accounts) PutLink(ctx context.Context, l access.Link, most int, since time.Time, letter *queue.Transfer) error {
	return a.update(ctx, "link", func(tx *Tx) error {
		if err := lockBox(tx, l.Box); err != nil { // of two requests the second counts the first
			return err
		}
		var made int
		if err := tx.Row(`SELECT COUNT(*) FROM account_link WHERE box = ? AND kind = ? AND created > ?`, []any{l.Box, string(l.Kind), toMicros(since)}, &made); err != nil {
			return err
		}
		if most > 0 && made >= most {
			return access.ErrManyLinks
		}
		if l.Kind == access.LinkConfirm {
			if err := endLinks(tx, l.Box, l.Kind); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO account_link (id, box, kind, address, mark, created, expires, used) VALUES (?, ?, ?, ?, ?, ?, ?, 0)`,
			l.ID, l.Box, string(l.Kind), l.Address, l.Mark, toMicros(l.Created), toMicros(l.Expires))
		if err != nil || letter == nil {
			return err
		}
		return putTransfers(tx, []*queue.Transfer{letter})
	})
}

// Link implements access.RecoveryRows.
func (a Accounts) Link(ctx context.Context, id string, now time.Time) (l access.Link, err error) {
	err = a.db.View(ctx, func(tx *Tx) error {
		l, err = link(tx, id, now)
		return err
	})
	if err != nil && !errors.Is(err, access.ErrNoLink) {
		err = fmt.Errorf("store: link: %w", err)
	}
	return l, err
}

func link(tx *Tx, id string, now time.Time) (l access.Link, err error) {
	var created, expires int64
	err = tx.Row(`SELECT id, box, kind, address, mark, created, expires FROM account_link WHERE id = ? AND used = 0 AND expires > ?`, []any{id, toMicros(now)},
		&l.ID, &l.Box, &l.Kind, &l.Address, &l.Mark, &created, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		err = access.ErrNoLink
	}
	l.Created, l.Expires = fromMicros(created), fromMicros(expires)
	return l, err
}

// TakeLink implements access.RecoveryRows.
func (a Accounts) TakeLink(ctx context.Context, id string, now time.Time) (l access.Link, err error) {
	err = a.db.Update(ctx, func(tx *Tx) error {
		if l, err = link(tx, id, now); err != nil {
			return err
		}
		done, err := tx.Exec(`UPDATE account_link SET used = 1 WHERE id = ? AND used = 0`, id)
		n, err := affected(done, err)
		switch {
		case err != nil:
			return err
		case n == 0: // somebody was faster
			return access.ErrNoLink
		case l.Kind == access.LinkConfirm:
			if err := setRecovery(tx, l.Box, l.Address, now); err != nil {
				return err
			}
		case l.Kind == access.LinkSend:
			return confirmIdentity(tx, l.Box, l.Address, now)
		}
		return endLinks(tx, l.Box, access.LinkReset) // those to another address, too
	})
	if err != nil && !errors.Is(err, access.ErrNoLink) {
		err = fmt.Errorf("store: use a link: %w", err)
	}
	return l, err
}

// ExpireLinks implements access.RecoveryRows.
func (a Accounts) ExpireLinks(ctx context.Context, now, before time.Time) error {
	return a.update(ctx, "old links", func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM account_link WHERE created < ? AND (used = 1 OR expires <= ?)`, toMicros(before), toMicros(now))
		return err
	})
}
