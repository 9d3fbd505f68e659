package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/mailbox"
)

var _ mailbox.Invitations = Mailboxes{}

func putInvitations(tx *Tx, list []mailbox.Invitation) error {
	for _, i := range list {
		_, err := tx.Exec(`INSERT INTO mailbox_invitation (id, box, folder, reader, expires) VALUES (?, ?, ?, ?, ?)`, i.ID, i.Box, i.Folder, i.Reader, toMicros(i.Expires))
		if err != nil {
			return fmt.Errorf("invitation of box %d: %w", i.Reader, err)
		}
	}
	return nil
}

func invitation(tx *Tx, id string, now time.Time) (i mailbox.Invitation, err error) {
	var expires int64
	err = tx.Row(`SELECT id, box, folder, reader, expires FROM mailbox_invitation WHERE id = ?`, []any{id}, &i.ID, &i.Box, &i.Folder, &i.Reader, &expires)
	if i.Expires = fromMicros(expires); errors.Is(err, sql.ErrNoRows) || err == nil && !now.Before(i.Expires) {
		err = mailbox.ErrNoInvitation
	}
	return i, err
}

// Invitation implements mailbox.Invitations.
func (m Mailboxes) Invitation(ctx context.Context, id string, now time.Time) (i mailbox.Invitation, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		i, err = invitation(tx, id, now)
		return err
	})
	if err != nil {
		return i, fmt.Errorf("store: %w", err)
	}
	return i, nil
}

// AnswerInvitation implements mailbox.Invitations.
func (m Mailboxes) AnswerInvitation(ctx context.Context, v mailbox.Visitor, id string, now time.Time, a mailbox.Answer, name func(mailbox.Shared) string) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := lockBox(tx, v.Box); err != nil { // of two clicks the second finds none
			return err
		}
		i, err := invitation(tx, id, now)
		if err == nil && i.Reader != v.Box {
			err = mailbox.ErrNoInvitation
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM mailbox_invitation WHERE id = ?`, id); err != nil {
			return err
		}
		top := ""
		if i.Folder != 0 {
			f, err := folderByID(tx, i.Folder)
			if err != nil {
				return err
			}
			top = f.Name
		}
		return answerShare(tx, v, i.Box, top, a, name)
	})
	if err != nil {
		return fmt.Errorf("store: answer of box %d to an invitation: %w", v.Box, err)
	}
	return nil
}

// ThinInvitations removes those that nobody can answer any more.
func (m Mailboxes) ThinInvitations(ctx context.Context, now time.Time) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM mailbox_invitation WHERE expires <= ?`, toMicros(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: old invitations: %w", err)
	}
	return nil
}

// Answers implements mailbox.Invitations.
func (m Mailboxes) Answers(ctx context.Context, box int64) (all []mailbox.Said, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		all = nil
		rows, err := tx.Query(`SELECT f.id, f.name, a.reader, a.answer FROM mailbox_folder f JOIN mailbox_answer a ON a.folder = f.id WHERE f.box = ?`, box)
		return each(rows, err, func(rows *sql.Rows) error {
			var s mailbox.Said
			err := rows.Scan(&s.Folder, &s.Name, &s.Reader, &s.Answer)
			all = append(all, s)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: answers to box %d: %w", box, err)
	}
	return all, nil
}

// askAnew forgets what somebody said to a folder that was shared with him before, or, by 0, to all of a box.
func askAnew(tx *Tx, box, folder, reader int64) (err error) {
	if reader == 0 {
		return nil
	}
	query, args := `DELETE FROM mailbox_answer WHERE reader = ? AND folder = ?`, []any{reader, folder}
	if folder == 0 {
		query, args = `DELETE FROM mailbox_answer WHERE reader = ? AND folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`, []any{reader, box}
	}
	if _, err = tx.Exec(query, args...); err != nil {
		return fmt.Errorf("answers of box %d: %w", reader, err)
	}
	return nil
}
