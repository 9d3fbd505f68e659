package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gatepost/mailbox"
)

// Deliver takes one message into its folder.
func (m Mailboxes) Deliver(ctx context.Context, d *mailbox.Delivery) error {
	err := m.db.Update(ctx, func(tx *Tx) error { return putDelivery(tx, d) })
	if err != nil {
		return fmt.Errorf("store: deliver to box %d: %w", d.Box, err)
	}
	return nil
}

// putDeliveries is putDelivery for some.
func putDeliveries(tx *Tx, list []*mailbox.Delivery) error {
	if err := lockBoxes(tx, list); err != nil {
		return err
	}
	for _, d := range list {
		if err := putDelivery(tx, d); err != nil {
			return err
		}
	}
	return nil
}

// putDelivery makes the rows of one message, takes its UID, counts it and its
// content's reference, and fills in FolderID and UID.
func putDelivery(tx *Tx, d *mailbox.Delivery) error {
	flags, err := mailbox.ParseFlags(d.Flags)
	if err != nil {
		return err
	}
	if err := putBox(tx, d.Box, "", d.Time); err != nil {
		return err
	}
	var seq mailbox.ModSeq
	var email int64
	err = tx.Row(`UPDATE mailbox_box SET modseq = modseq + 1, email = email + 1, messages = messages + 1, bytes = bytes + ? WHERE box = ? RETURNING modseq, email`,
		[]any{d.Size, d.Box}, &seq, &email)
	if err != nil {
		return fmt.Errorf("count in box %d: %w", d.Box, err)
	}
	if d.FolderID, err = deliveryFolder(tx, d.Box, d.Folder); err != nil { // under the box's lock: it stays
		return err
	}
	if d.UID, err = takeUIDs(tx, d.FolderID, 1); err != nil {
		return err
	}
	var t tally
	t.count(1, flags.System, d.Size)
	if err := touchFolder(tx, d.FolderID, seq, t); err != nil {
		return err
	}
	return putMessage(tx, d, flags, seq, email)
}

func putMessage(tx *Tx, d *mailbox.Delivery, f mailbox.Flags, seq mailbox.ModSeq, email int64) error {
	_, err := tx.Exec(`INSERT INTO mailbox_email (box, id, blob, prefix, skip, envelope, structure, refs) VALUES (?, ?, ?, ?, ?, ?, ?, 1)`,
		d.Box, email, d.Blob, notNil(d.View.Prefix), d.View.Skip, notNil(d.Envelope), notNil(d.BodyStructure))
	if err != nil {
		return fmt.Errorf("insert email: %w", err)
	}
	_, err = tx.Exec(`INSERT INTO mailbox_message (folder, uid, modseq, flags, keywords, internal_date, size, email) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		d.FolderID, d.UID, seq, f.System, f.Keywords, d.Time.UnixMicro(), d.Size, email)
	if err != nil {
		return fmt.Errorf("insert message: %w", err)
	}
	content := d.Size - int64(len(d.View.Prefix)) + d.View.Skip
	tx.ref(d.Blob, content)
	return nil
}

// notNil: the columns are NOT NULL, and a nil slice would be NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// deliveryFolder finds the folder that a Delivery names; mail is never lost for
// want of one, nor put where only what is held is shown.
func deliveryFolder(tx *Tx, box int64, name string) (id int64, err error) {
	switch {
	case name == "":
		name = mailbox.Inbox
	case name == string(mailbox.Quarantine):
		return deliveryFolder(tx, box, mailbox.Inbox)
	case name[0] == '\\':
		err = tx.Row(`SELECT id FROM mailbox_folder WHERE box = ? AND special_use = ?`, []any{box, name}, &id)
	default:
		if clean, err := mailbox.CleanName(name); err == nil {
			name = clean
		}
	}
	if name[0] != '\\' {
		err = tx.Row(`SELECT id FROM mailbox_folder WHERE box = ? AND name = ? AND special_use <> ?`, []any{box, name, mailbox.Quarantine}, &id)
	}
	if errors.Is(err, sql.ErrNoRows) && name != mailbox.Inbox {
		return deliveryFolder(tx, box, mailbox.Inbox)
	}
	if err != nil {
		return 0, fmt.Errorf("folder %q of box %d: %w", name, box, noFolder(err))
	}
	return id, nil
}

// takeUIDs takes the folder's next n UIDs and returns the first.
func takeUIDs(tx *Tx, folder, n int64) (mailbox.UID, error) {
	var next int64
	if err := tx.Row(`UPDATE mailbox_folder SET uidnext = uidnext + ? WHERE id = ? RETURNING uidnext`, []any{n, folder}, &next); err != nil {
		return 0, fmt.Errorf("next uid of folder %d: %w", folder, noFolder(err))
	}
	if next > int64(^mailbox.UID(0)) {
		return 0, fmt.Errorf("folder %d: %w: its UIDs are used up", folder, mailbox.ErrTooMany)
	}
	return mailbox.UID(next - n), nil
}
