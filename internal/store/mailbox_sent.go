package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gatepost/mailbox"
)

// SentOf implements mailbox.Groups.
func (m Mailboxes) SentOf(ctx context.Context, box int64) (folder int64, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		return tx.Row(`SELECT mailbox_folder.id FROM mailbox_group JOIN mailbox_folder ON mailbox_folder.box = mailbox_group.box
			WHERE mailbox_group.box = ? AND special_use = ?`, []any{box, mailbox.Sent}, &folder)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("store: where group %d has what is sent: %w", box, err)
	}
	return folder, nil
}

// lookback is at how many messages Lately looks.
const lookback = 100

// Lately implements mailbox.Lookback.
func (m Mailboxes) Lately(ctx context.Context, folder int64, messageID string) (found mailbox.UID, err error) {
	if messageID == "" {
		return 0, nil
	}
	err = m.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT uid, envelope FROM mailbox_message
			JOIN mailbox_folder ON mailbox_folder.id = mailbox_message.folder
			JOIN mailbox_email ON mailbox_email.box = mailbox_folder.box AND mailbox_email.id = mailbox_message.email
			WHERE mailbox_message.folder = ? ORDER BY uid DESC LIMIT ?`, folder, lookback)
		return each(rows, err, func(rows *sql.Rows) error {
			var uid mailbox.UID
			var envelope []byte
			err := rows.Scan(&uid, &envelope)
			if found == 0 && mailbox.MessageIDOf(envelope) == messageID {
				found = uid
			}
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("store: look for a message in folder %d: %w", folder, err)
	}
	return found, nil
}
