package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"gatepost/mailbox"
)

var _ interface {
	mailbox.Shares
	mailbox.Granter
	mailbox.Groups
	mailbox.Carrier
	mailbox.Annotations
	mailbox.Lookback
} = Mailboxes{}

// whos are a visitor's names as arguments.
func whos(v mailbox.Visitor) []any {
	args := make([]any, len(v.Names))
	for i, w := range v.Names {
		args[i] = w
	}
	return args
}

// Rights implements mailbox.Shares.
func (m Mailboxes) Rights(ctx context.Context, v mailbox.Visitor, folder int64) (r mailbox.Rights, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		box, use, err := boxAndUse(tx, folder)
		switch {
		case err != nil:
			return err
		case box == v.Box:
			r = mailbox.AllRights
			return nil
		case use == mailbox.Quarantine:
			return nil
		}
		r, err = granted(tx, v, box, folder)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: rights of box %d in folder %d: %w", v.Box, folder, err)
	}
	return r, nil
}

// granted adds up what a visitor has been given in one folder, and in all of its box.
func granted(tx *Tx, v mailbox.Visitor, box, folder int64) (all mailbox.Rights, err error) {
	if len(v.Names) == 0 {
		return 0, nil
	}
	rows, err := tx.Query(`SELECT rights FROM mailbox_grant WHERE box = ? AND folder IN (0, ?) AND who IN (`+marks(len(v.Names))+`)`,
		append([]any{box, folder}, whos(v)...)...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var r mailbox.Rights
		err := rows.Scan(&r)
		all |= r
		return err
	})
	return all, err
}

// BoxRights implements mailbox.Shares.
func (m Mailboxes) BoxRights(ctx context.Context, v mailbox.Visitor, box int64) (r mailbox.Rights, group bool, err error) {
	err = m.db.View(ctx, func(tx *Tx) (err error) {
		if group, err = isGroup(tx, box); err != nil {
			return err
		}
		if r = mailbox.AllRights; box != v.Box {
			r, err = granted(tx, v, box, 0)
		}
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("store: rights of box %d in box %d: %w", v.Box, box, err)
	}
	return r, group, nil
}

// selectShared has a row for each grant that reaches a folder.
const selectShared = `SELECT f.id, f.box, f.name, f.special_use, f.uidvalidity, f.uidnext, f.modseq, f.messages, f.unseen, f.deleted, f.bytes,
	g.rights, p.box IS NOT NULL, COALESCE(a.answer, '')
	FROM mailbox_grant g JOIN mailbox_folder f ON f.box = g.box AND (g.folder = 0 OR g.folder = f.id)
	LEFT JOIN mailbox_group p ON p.box = f.box LEFT JOIN mailbox_answer a ON a.folder = f.id AND a.reader = ?
	WHERE g.box <> ? AND f.special_use <> '\Quarantine' AND g.who IN (`

// sharedFolders reads what selectShared finds, by box and name.
func sharedFolders(tx *Tx, v mailbox.Visitor, where string, args ...any) (all []mailbox.Shared, err error) {
	if len(v.Names) == 0 {
		return nil, nil
	}
	query := selectShared + marks(len(v.Names)) + `)` + where + ` ORDER BY f.box, f.name LIMIT ?`
	values := slices.Concat([]any{v.Box, v.Box}, whos(v), args, []any{mailbox.MaxShared * 4})
	rows, err := tx.Query(query, values...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var s mailbox.Shared
		err := rows.Scan(&s.ID, &s.Box, &s.Name, &s.Use, &s.UIDValidity, &s.UIDNext, &s.HighestModSeq, &s.Messages, &s.Unseen, &s.Deleted, &s.Size,
			&s.Rights, &s.Group, &s.Answer)
		if n := len(all); err == nil && n > 0 && all[n-1].ID == s.ID {
			all[n-1].Rights |= s.Rights
			return nil
		}
		all = append(all, s)
		return err
	})
	if len(all) > mailbox.MaxShared {
		all = all[:mailbox.MaxShared]
	}
	return all, err
}

// SharedFolders implements mailbox.Shares.
func (m Mailboxes) SharedFolders(ctx context.Context, v mailbox.Visitor) (all []mailbox.Shared, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		all, err = sharedFolders(tx, v, "")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: folders shared with box %d: %w", v.Box, err)
	}
	return all, nil
}

// SharedFolder implements mailbox.Shares.
func (m Mailboxes) SharedFolder(ctx context.Context, v mailbox.Visitor, box int64, name string) (s mailbox.Shared, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		list, err := sharedFolders(tx, v, ` AND f.box = ? AND f.name = ?`, box, name)
		if err == nil && len(list) == 0 {
			err = mailbox.ErrNoFolder
		}
		if err != nil {
			return err
		}
		s = list[0]
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("store: folder %q of box %d for box %d: %w", name, box, v.Box, err)
	}
	return s, nil
}

// AnswerShare implements mailbox.Shares.
func (m Mailboxes) AnswerShare(ctx context.Context, v mailbox.Visitor, folder int64, a mailbox.Answer, name func(mailbox.Shared) string) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := lockBox(tx, v.Box); err != nil {
			return err
		}
		top, err := folderByID(tx, folder)
		if err != nil {
			return err
		}
		return answerShare(tx, v, top.Box, top.Name, a, name)
	})
	if err != nil {
		return fmt.Errorf("store: answer of box %d to folder %d: %w", v.Box, folder, err)
	}
	return nil
}

// AnswerBox implements mailbox.Shares.
func (m Mailboxes) AnswerBox(ctx context.Context, v mailbox.Visitor, box int64, a mailbox.Answer, name func(mailbox.Shared) string) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := lockBox(tx, v.Box); err != nil {
			return err
		}
		return answerShare(tx, v, box, "", a, name)
	})
	if err != nil {
		return fmt.Errorf("store: answer of box %d to all of box %d: %w", v.Box, box, err)
	}
	return nil
}

// answerShare notes an answer to a folder and all beneath it, or, by the name "", to all of a box, and has
// those who watch the visitor's box hear of it. The visitor's box is locked.
func answerShare(tx *Tx, v mailbox.Visitor, box int64, top string, a mailbox.Answer, name func(mailbox.Shared) string) error {
	where, args := ` AND f.box = ?`, []any{box}
	if top != "" {
		prefix := top + mailbox.Separator
		where, args = where+` AND (f.name = ? OR SUBSTR(f.name, 1, LENGTH(CAST(? AS TEXT))) = ?)`, append(args, top, prefix, prefix)
	}
	list, err := sharedFolders(tx, v, where, args...)
	if err == nil && len(list) == 0 {
		err = mailbox.ErrNoFolder
	}
	if err != nil {
		return err
	}
	// Who watches the names hears of it, see Latest.
	if _, err := tx.Exec(`UPDATE mailbox_box SET modseq = modseq + 1 WHERE box = ?`, v.Box); err != nil {
		return err
	}
	for _, s := range list {
		if name(s) == "" {
			continue
		}
		if err := putShareAnswer(tx, v.Box, s.ID, a); err != nil {
			return err
		}
		if a == mailbox.Accepted {
			err = addSubscription(tx, v.Box, name(s))
		} else {
			_, err = tx.Exec(`DELETE FROM mailbox_subscription WHERE box = ? AND name = ?`, v.Box, name(s))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func putShareAnswer(tx *Tx, reader, folder int64, a mailbox.Answer) error {
	if a == mailbox.Offered {
		_, err := tx.Exec(`DELETE FROM mailbox_answer WHERE folder = ? AND reader = ?`, folder, reader)
		return err
	}
	_, err := tx.Exec(`INSERT INTO mailbox_answer (folder, reader, answer) VALUES (?, ?, ?) ON CONFLICT (folder, reader) DO UPDATE SET answer = excluded.answer`, folder, reader, a)
	return err
}

// forgetFolder takes away what was said of a folder that is gone.
func forgetFolder(tx *Tx, folder int64) error {
	for _, text := range [...]string{
		`DELETE FROM mailbox_grant WHERE folder = ?`,
		`DELETE FROM mailbox_answer WHERE folder = ?`,
		`DELETE FROM mailbox_invitation WHERE folder = ?`,
		`DELETE FROM mailbox_annotation WHERE folder = ?`,
	} {
		if _, err := tx.Exec(text, folder); err != nil {
			return err
		}
	}
	return nil
}

// forgetBox takes away all that was shared of a box, or with it, while its folders are there.
func forgetBox(tx *Tx, box int64) error {
	for _, text := range [...]string{
		`DELETE FROM mailbox_answer WHERE folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`,
		`DELETE FROM mailbox_annotation WHERE folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`,
		`DELETE FROM mailbox_annotation WHERE reader = ?`,
		`DELETE FROM mailbox_answer WHERE reader = ?`,
		`DELETE FROM mailbox_grant WHERE box = ?`,
		`DELETE FROM mailbox_invitation WHERE box = ?`,
		`DELETE FROM mailbox_invitation WHERE reader = ?`,
		`DELETE FROM archive_opening WHERE box = ?`,
		`DELETE FROM archive_opening WHERE reader = ?`,
		`DELETE FROM mailbox_sender WHERE box = ?`,
		`DELETE FROM mailbox_send_request WHERE box = ?`,
		`DELETE FROM mailbox_send_request WHERE asker = ?`,
		`DELETE FROM mailbox_group WHERE box = ?`,
	} {
		if _, err := tx.Exec(text, box); err != nil {
			return err
		}
	}
	return forgetWho(tx, mailbox.BoxWho(box))
}

func forgetWho(tx *Tx, who mailbox.Who) error {
	for _, text := range [...]string{`DELETE FROM mailbox_grant WHERE who = ?`, `DELETE FROM mailbox_sender WHERE who = ?`} {
		if _, err := tx.Exec(text, who); err != nil {
			return err
		}
	}
	return nil
}
