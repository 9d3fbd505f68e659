package store

import (
	"context"
	"fmt"

	"gatepost/mailbox"
)

// SetUse implements mailbox.FolderEditor.
func (m Mailboxes) SetUse(ctx context.Context, box int64, name string, use mailbox.Use) error {
	err := m.db.Update(ctx, func(tx *Tx) error { return setUse(tx, box, name, use) })
	if err != nil {
		return fmt.Errorf("store: use %q for folder %q of box %d: %w", use, name, box, err)
	}
	return nil
}

func setUse(tx *Tx, box int64, name string, use mailbox.Use) error {
	if name == mailbox.Inbox {
		return mailbox.ErrInbox
	}
	if err := lockBox(tx, box); err != nil {
		return err
	}
	f, err := folderByName(tx, box, name)
	if err != nil || f.Use == use {
		return err
	}
	if err := f.Use.Fixed(); err != nil {
		return err
	}
	if (use == mailbox.Junk || use == mailbox.Trash) && f.Messages > 0 { // its mail would go within a day
		return mailbox.ErrUseFilled
	}
	var taken int
	if err := tx.Row(`SELECT COUNT(*) FROM mailbox_folder WHERE box = ? AND special_use <> '' AND special_use = ?`, []any{box, use}, &taken); err != nil {
		return err
	}
	if taken > 0 {
		return mailbox.ErrUseTaken
	}
	if _, err := nextModSeq(tx, box); err != nil { // who watches the names hears of it, see Latest
		return err
	}
	_, err = tx.Exec(`UPDATE mailbox_folder SET special_use = ? WHERE id = ?`, use, f.ID)
	return err
}
