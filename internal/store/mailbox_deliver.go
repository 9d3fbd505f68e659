package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

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

// DeliverAll takes some messages into their folders, all or none.
func (m Mailboxes) DeliverAll(ctx context.Context, list []*mailbox.Delivery) error {
	err := m.db.Update(ctx, func(tx *Tx) error { return putDeliveries(tx, list) })
	if err != nil {
		return fmt.Errorf("store: deliver %d messages: %w", len(list), err)
	}
	return nil
}

// putDeliveries is putDelivery for some.
func putDeliveries(tx *Tx, list []*mailbox.Delivery) error {
	if err := lockBoxes(tx, list); err != nil {
		return err
	}
	for i, d := range list {
		var err error
		if d.Again && i > 0 {
			err = putBeside(tx, d, list[:i])
		} else {
			err = putDelivery(tx, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putBeside is putDelivery into one more folder for the e-mail of the last of those before it.
func putBeside(tx *Tx, d *mailbox.Delivery, before []*mailbox.Delivery) error {
	flags, err := mailbox.ParseFlags(d.Flags)
	if err != nil {
		return err
	}
	if d.FolderID, err = deliveryFolder(tx, d); err != nil {
		return err
	}
	first := len(before) - 1
	for ; ; first-- {
		if before[first].FolderID == d.FolderID { // two names for one, or both were missing
			d.EmailID, d.UID = before[first].EmailID, 0
			return nil
		}
		if !before[first].Again || first == 0 {
			break
		}
	}
	d.EmailID = before[first].EmailID
	var seq mailbox.ModSeq
	var domain int64
	err = tx.Row(`UPDATE mailbox_box SET modseq = modseq + 1, messages = messages + 1, bytes = bytes + ? WHERE box = ? RETURNING modseq, `+domainOfBox, []any{d.Size, d.Box}, &seq, &domain)
	if err != nil {
		return fmt.Errorf("count in box %d: %w", d.Box, err)
	}
	tx.used(domain, d.Box, mailbox.Usage{Messages: 1, Bytes: d.Size})
	if err := fillFolder(tx, d, flags, seq); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE mailbox_email SET refs = refs + 1 WHERE box = ? AND id = ?`, d.Box, d.EmailID); err != nil {
		return fmt.Errorf("count email: %w", err)
	}
	return putMessageRow(tx, d, flags, seq)
}

// fillFolder takes the UID and counts the message in its folder.
func fillFolder(tx *Tx, d *mailbox.Delivery, flags mailbox.Flags, seq mailbox.ModSeq) (err error) {
	var t tally
	var next int64
	t.count(1, flags.System, d.Size)
	err = tx.Row(`UPDATE mailbox_folder SET uidnext = uidnext + 1, modseq = ?, messages = messages + ?, unseen = unseen + ?, deleted = deleted + ?, bytes = bytes + ? WHERE id = ? RETURNING uidnext`,
		[]any{seq, t.messages, t.unseen, t.deleted, t.bytes, d.FolderID}, &next)
	if err != nil {
		return fmt.Errorf("next uid of folder %d: %w", d.FolderID, noFolder(err))
	}
	d.UID, err = givenUID(d.FolderID, next, 1)
	return err
}

// putDelivery makes the rows of one message, takes its UID, counts it and its
// content's reference, and fills in FolderID and UID.
func putDelivery(tx *Tx, d *mailbox.Delivery) error {
	flags, err := mailbox.ParseFlags(d.Flags)
	if err != nil {
		return err
	}
	var seq mailbox.ModSeq
	var domain int64
	count := func() error {
		return tx.Row(`UPDATE mailbox_box SET modseq = modseq + 1, email = email + 1, messages = messages + 1, bytes = bytes + ? WHERE box = ? RETURNING modseq, email, `+domainOfBox,
			[]any{d.Size, d.Box}, &seq, &d.EmailID, &domain)
	}
	err = count()
	if errors.Is(err, sql.ErrNoRows) { // its first message
		if err := deliveryBox(tx, d); err != nil {
			return err
		}
		err = count()
	}
	if err != nil {
		return fmt.Errorf("count in box %d: %w", d.Box, err)
	}
	tx.used(domain, d.Box, mailbox.Usage{Messages: 1, Bytes: d.Size})
	if d.FolderID, err = deliveryFolder(tx, d); err != nil { // under the box's lock: it stays
		return err
	}
	if err := fillFolder(tx, d, flags, seq); err != nil {
		return err
	}
	return putMessage(tx, d, flags, seq)
}

func putMessage(tx *Tx, d *mailbox.Delivery, f mailbox.Flags, seq mailbox.ModSeq) error {
	var preview any // NULL
	if d.Previewed {
		preview = d.Preview
	}
	_, err := tx.Exec(`INSERT INTO mailbox_email (box, id, blob, prefix, skip, envelope, structure, preview, refs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)`,
		d.Box, d.EmailID, d.Blob, notNil(d.View.Prefix), d.View.Skip, notNil(d.Envelope), notNil(d.BodyStructure), preview)
	if err != nil {
		return fmt.Errorf("insert email: %w", err)
	}
	tx.ref(d.Blob, d.Size-int64(len(d.View.Prefix))+d.View.Skip)
	return putMessageRow(tx, d, f, seq)
}

func putMessageRow(tx *Tx, d *mailbox.Delivery, f mailbox.Flags, seq mailbox.ModSeq) error {
	_, err := tx.Exec(`INSERT INTO mailbox_message (folder, uid, modseq, flags, keywords, internal_date, size, email, saved) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		d.FolderID, d.UID, seq, f.System, f.Keywords, d.Time.UnixMicro(), d.Size, d.EmailID, savedNow())
	if err != nil {
		return fmt.Errorf("insert message: %w", err)
	}
	return nil
}

// savedNow is the time at which a message comes into its folder, in microseconds, by this
// node's clock: nobody decides by it, and the store's own would cost a statement.
func savedNow() int64 { return time.Now().UnixMicro() }

// notNil: the columns are NOT NULL, and a nil slice would be NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// deliveryBox makes the box of a delivery where it is not there.
func deliveryBox(tx *Tx, d *mailbox.Delivery) error {
	if d.Record {
		_, err := insertBox(tx, d.Box, d.Time)
		return err
	}
	return putBox(tx, d.Box, "", d.Time)
}

// deliveryFolder finds the folder that a Delivery names, or makes it; mail is never lost for
// want of one, nor put where only what is held is shown.
func deliveryFolder(tx *Tx, d *mailbox.Delivery) (id int64, err error) {
	if d.Into != 0 {
		err = tx.Row(`SELECT id FROM mailbox_folder WHERE id = ? AND box = ? AND special_use <> ?`, []any{d.Into, d.Box, mailbox.Quarantine}, &id)
		if err != nil {
			return 0, fmt.Errorf("folder %d of box %d: %w", d.Into, d.Box, noFolder(err))
		}
		return id, nil
	}
	if d.Record {
		return recordFolder(tx, d.Box, d.Folder)
	}
	id, err = findFolder(tx, d.Box, d.Folder)
	if errors.Is(err, sql.ErrNoRows) && d.Create {
		if id, err = createFolder(tx, d.Box, d.Folder); err != nil {
			return 0, err
		}
	}
	if errors.Is(err, sql.ErrNoRows) || err == nil && id == 0 {
		id, err = findFolder(tx, d.Box, mailbox.Inbox)
	}
	if err != nil {
		return 0, fmt.Errorf("folder %q of box %d: %w", d.Folder, d.Box, noFolder(err))
	}
	return id, nil
}

// createFolder makes a folder for mail that comes; 0 where it can't be made under that name, or
// would stand where clients see others' folders, and its mail be out of reach.
func createFolder(tx *Tx, box int64, name string) (int64, error) {
	clean, err := mailbox.CleanName(name)
	if _, _, _, others := mailbox.CutShared(clean); err != nil || others {
		return 0, nil
	}
	f, err := makeFolder(tx, box, clean, "")
	for _, cause := range []error{mailbox.ErrFolderExists, mailbox.ErrTooMany, mailbox.ErrQuarantine, mailbox.ErrRecord} {
		if errors.Is(err, cause) {
			return 0, nil
		}
	}
	if err != nil {
		return 0, err
	}
	return f.ID, putSubscription(tx, box, clean)
}

// findFolder finds a folder by name or use; sql.ErrNoRows where there is none.
func findFolder(tx *Tx, box int64, name string) (id int64, err error) {
	switch {
	case name == "":
		name = mailbox.Inbox
	case mailbox.Use(name).Fixed() != nil:
		return 0, sql.ErrNoRows
	case name[0] == '\\':
		err = tx.Row(`SELECT id FROM mailbox_folder WHERE box = ? AND special_use = ?`, []any{box, name}, &id)
	default:
		if clean, err := mailbox.CleanName(name); err == nil {
			name = clean
		}
	}
	if name[0] != '\\' {
		err = tx.Row(`SELECT id FROM mailbox_folder WHERE box = ? AND name = ? AND special_use NOT IN (?, ?)`, []any{box, name, mailbox.Quarantine, mailbox.Record}, &id)
	}
	return id, err
}

// takeUIDs takes the folder's next n UIDs and returns the first.
func takeUIDs(tx *Tx, folder, n int64) (mailbox.UID, error) {
	var next int64
	if err := tx.Row(`UPDATE mailbox_folder SET uidnext = uidnext + ? WHERE id = ? RETURNING uidnext`, []any{n, folder}, &next); err != nil {
		return 0, fmt.Errorf("next uid of folder %d: %w", folder, noFolder(err))
	}
	return givenUID(folder, next, n)
}

// givenUID is the first of n UIDs that were taken, next is the one after them.
func givenUID(folder, next, n int64) (mailbox.UID, error) {
	if next > int64(^mailbox.UID(0)) {
		return 0, fmt.Errorf("folder %d: %w: its UIDs are used up", folder, mailbox.ErrTooMany)
	}
	return mailbox.UID(next - n), nil
}
