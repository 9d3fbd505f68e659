package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gatepost/internal/directory"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

const selectGrants = `SELECT g.box, g.folder, COALESCE(f.name, ''), g.who, g.rights FROM mailbox_grant g LEFT JOIN mailbox_folder f ON f.id = g.folder `

func (m Mailboxes) grants(ctx context.Context, what string, query string, args ...any) (all []mailbox.Grant, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		all = nil
		rows, err := tx.Query(selectGrants+query, args...)
		return each(rows, err, func(rows *sql.Rows) error {
			var g mailbox.Grant
			err := rows.Scan(&g.Box, &g.Folder, &g.Name, &g.Who, &g.Rights)
			all = append(all, g)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: grants %s: %w", what, err)
	}
	return all, nil
}

// Grants implements mailbox.Granter.
func (m Mailboxes) Grants(ctx context.Context, box, folder int64) ([]mailbox.Grant, error) {
	return m.grants(ctx, fmt.Sprint("of folder ", folder), `WHERE g.box = ? AND g.folder IN (0, ?) ORDER BY g.folder, g.who`, box, folder)
}

// BoxGrants implements mailbox.Granter.
func (m Mailboxes) BoxGrants(ctx context.Context, box int64) ([]mailbox.Grant, error) {
	return m.grants(ctx, fmt.Sprint("of box ", box), `WHERE g.box = ? ORDER BY g.folder, g.who`, box)
}

// Given implements mailbox.Granter.
func (m Mailboxes) Given(ctx context.Context, v mailbox.Visitor) ([]mailbox.Grant, error) {
	if len(v.Names) == 0 {
		return nil, nil
	}
	return m.grants(ctx, fmt.Sprint("to box ", v.Box), `WHERE g.who IN (`+marks(len(v.Names))+`) AND g.box <> ? ORDER BY g.box, g.folder, g.who LIMIT ?`,
		slices.Concat(whos(v), []any{v.Box, mailbox.MaxShared})...)
}

// SetGrant implements mailbox.Granter.
func (m Mailboxes) SetGrant(ctx context.Context, box, folder int64, who mailbox.Who, how mailbox.How, r mailbox.Rights) (before, after mailbox.Rights, err error) {
	return m.SetGrantTold(ctx, mailbox.Giving{Grant: mailbox.Grant{Box: box, Folder: folder, Who: who, Rights: r}, How: how}, nil, nil, nil)
}

// SetGrantTold is SetGrant, as far as it is to reach, that notes it in the same commit, where n is not nil and the folder's own rights change; and it queues letters, and keeps
// the invitations in them, if it has somebody begin to see the folder.
func (m Mailboxes) SetGrantTold(ctx context.Context, g mailbox.Giving, n *directory.Note, letters []*queue.Transfer, in []mailbox.Invitation) (before, after mailbox.Rights, err error) {
	err = m.db.Update(ctx, func(tx *Tx) (err error) {
		before, after, err = setGrant(tx, g)
		if err == nil && n != nil && before != after {
			err = putNote(tx, n)
		}
		if err != nil || before.Has(mailbox.MayLookUp) || !after.Has(mailbox.MayLookUp) {
			return err
		}
		if err := putInvitations(tx, in); err != nil {
			return err
		}
		return putTransfers(tx, letters)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("store: grant to %s in folder %d of box %d: %w", g.Who, g.Folder, g.Box, err)
	}
	return before, after, nil
}

func setGrant(tx *Tx, g mailbox.Giving) (before, after mailbox.Rights, err error) {
	if g.Who == mailbox.BoxWho(g.Box) {
		return 0, 0, mailbox.ErrOwner
	}
	if err := lockBox(tx, g.Box); err != nil {
		return 0, 0, err
	}
	if err := grantable(tx, g.Box, g.Folder); err != nil {
		return 0, 0, err
	}
	beneath, err := reached(tx, g)
	if err != nil {
		return 0, 0, err
	}
	if before, after, err = setOneGrant(tx, g.Box, g.Folder, g.Who, g.How, g.Rights); err != nil {
		return 0, 0, err
	}
	for _, f := range beneath {
		if _, _, err := setOneGrant(tx, g.Box, f, g.Who, g.How, g.Rights); err != nil {
			return 0, 0, err
		}
	}
	return before, after, nil
}

func setOneGrant(tx *Tx, box, folder int64, who mailbox.Who, how mailbox.How, r mailbox.Rights) (before, after mailbox.Rights, err error) {
	err = tx.Row(`SELECT rights FROM mailbox_grant WHERE box = ? AND folder = ? AND who = ?`, []any{box, folder, who}, &before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, 0, err
	}
	if after = how.Of(before, r); after == 0 {
		_, err = tx.Exec(`DELETE FROM mailbox_grant WHERE box = ? AND folder = ? AND who = ?`, box, folder, who)
		return before, after, err
	}
	if before == 0 {
		if err := roomForGrant(tx, box, folder); err != nil {
			return 0, 0, err
		}
	}
	if !before.Has(mailbox.MayLookUp) && after.Has(mailbox.MayLookUp) {
		if err := askAnew(tx, box, folder, who.Box()); err != nil {
			return 0, 0, err
		}
	}
	_, err = tx.Exec(`INSERT INTO mailbox_grant (box, folder, who, rights) VALUES (?, ?, ?, ?) ON CONFLICT (box, folder, who) DO UPDATE SET rights = excluded.rights`, box, folder, who, after)
	return before, after, err
}

// grantable refuses what nobody can be given anything in.
func grantable(tx *Tx, box, folder int64) error {
	if folder == 0 {
		known, err := hasBox(tx, box)
		if err == nil && !known {
			return mailbox.ErrNoFolder
		}
		if archive, err := isArchive(tx, box); archive || err != nil { // see openArchive
			return cmp.Or(err, mailbox.ErrRecord)
		}
		return err
	}
	owner, use, err := boxAndUse(tx, folder)
	switch {
	case err != nil:
		return err
	case owner != box:
		return mailbox.ErrNoFolder
	}
	return use.Fixed()
}

func roomForGrant(tx *Tx, box, folder int64) error {
	var n int
	if err := tx.Row(`SELECT COUNT(*) FROM mailbox_grant WHERE box = ? AND folder = ?`, []any{box, folder}, &n); err != nil {
		return err
	}
	if n >= mailbox.MaxGrants {
		return fmt.Errorf("%w: %d have rights there", mailbox.ErrTooMany, n)
	}
	return nil
}

// ForgetWho implements mailbox.Granter.
func (m Mailboxes) ForgetWho(ctx context.Context, who mailbox.Who) error {
	if err := m.db.Update(ctx, func(tx *Tx) error { return forgetWho(tx, who) }); err != nil {
		return fmt.Errorf("store: forget %s: %w", who, err)
	}
	return nil
}

func isGroup(tx *Tx, box int64) (bool, error) {
	var n int
	err := tx.Row(`SELECT COUNT(*) FROM mailbox_group WHERE box = ?`, []any{box}, &n)
	return n > 0, err
}

// SetGroup implements mailbox.Groups.
func (m Mailboxes) SetGroup(ctx context.Context, box int64, on bool) error {
	query := `DELETE FROM mailbox_group WHERE box = ?`
	if on {
		query = `INSERT INTO mailbox_group (box) VALUES (?) ON CONFLICT (box) DO NOTHING`
	}
	err := m.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(query, box)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: group %d: %w", box, err)
	}
	return nil
}

// GroupBoxes implements mailbox.Groups.
func (m Mailboxes) GroupBoxes(ctx context.Context) (boxes []int64, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		boxes, err = tx.numbers(`SELECT box FROM mailbox_group ORDER BY box`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: groups: %w", err)
	}
	return boxes, nil
}

// Senders implements mailbox.Groups.
func (m Mailboxes) Senders(ctx context.Context, box int64) (all []mailbox.Sender, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		all, err = senders(tx, `WHERE box = ? ORDER BY who`, box)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: who sends for box %d: %w", box, err)
	}
	return all, nil
}

func senders(tx *Tx, where string, args ...any) (all []mailbox.Sender, err error) {
	rows, err := tx.Query(`SELECT who, how FROM mailbox_sender `+where, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var s mailbox.Sender
		err := rows.Scan(&s.Who, &s.How)
		all = append(all, s)
		return err
	})
	return all, err
}

// SetSender implements mailbox.Groups.
func (m Mailboxes) SetSender(ctx context.Context, box int64, who mailbox.Who, how mailbox.Sending) error {
	return m.SetSenderNoted(ctx, box, who, how, nil)
}

// SetSenderNoted is SetSender that notes it in the same commit; nil: it does not.
func (m Mailboxes) SetSenderNoted(ctx context.Context, box int64, who mailbox.Who, how mailbox.Sending, note *directory.Note) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := lockBox(tx, box); err != nil {
			return err
		}
		if err := setSender(tx, box, who, how); err != nil {
			return err
		}
		if note == nil {
			return nil
		}
		return putNote(tx, note)
	})
	if err != nil {
		return fmt.Errorf("store: sender %s of box %d: %w", who, box, err)
	}
	return nil
}

// setSender says how one may send for a box, which is locked.
func setSender(tx *Tx, box int64, who mailbox.Who, how mailbox.Sending) error {
	if how == mailbox.NoSending {
		_, err := tx.Exec(`DELETE FROM mailbox_sender WHERE box = ? AND who = ?`, box, who)
		return err
	}
	all, err := senders(tx, `WHERE box = ?`, box)
	if err == nil && len(all) >= mailbox.MaxGrants {
		err = fmt.Errorf("%w: %d may send for it", mailbox.ErrTooMany, len(all))
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO mailbox_sender (box, who, how) VALUES (?, ?, ?) ON CONFLICT (box, who) DO UPDATE SET how = excluded.how`, box, who, how)
	return err
}

// MaySend implements mailbox.Groups.
func (m Mailboxes) MaySend(ctx context.Context, v mailbox.Visitor, box int64) (most mailbox.Sending, err error) {
	if v.Box == box {
		return mailbox.SendAs, nil
	}
	if len(v.Names) == 0 {
		return mailbox.NoSending, nil
	}
	err = m.db.View(ctx, func(tx *Tx) error {
		all, err := senders(tx, `WHERE box = ? AND who IN (`+marks(len(v.Names))+`)`, append([]any{box}, whos(v)...)...)
		for _, s := range all {
			if most != mailbox.SendAs {
				most = s.How
			}
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("store: may box %d send for box %d: %w", v.Box, box, err)
	}
	return most, nil
}
