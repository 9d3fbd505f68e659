package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/mailbox"
)

const folderColumns = `f.id, f.box, f.name, f.special_use, f.uidvalidity, f.uidnext, f.modseq, f.messages, f.unseen, f.deleted, f.bytes, s.name IS NOT NULL
	FROM mailbox_folder f LEFT JOIN mailbox_subscription s ON s.box = f.box AND s.name = f.name`

func folderFields(f *mailbox.Folder) []any {
	return []any{&f.ID, &f.Box, &f.Name, &f.Use, &f.UIDValidity, &f.UIDNext, &f.HighestModSeq, &f.Messages, &f.Unseen, &f.Deleted, &f.Size, &f.Subscribed}
}

// folderByID returns a folder, or mailbox.ErrNoFolder.
func folderByID(tx *Tx, id int64) (f mailbox.Folder, err error) {
	err = tx.Row(`SELECT `+folderColumns+` WHERE f.id = ?`, []any{id}, folderFields(&f)...)
	return f, noFolder(err)
}

func folderByName(tx *Tx, box int64, name string) (f mailbox.Folder, err error) {
	err = tx.Row(`SELECT `+folderColumns+` WHERE f.box = ? AND f.name = ?`, []any{box, name}, folderFields(&f)...)
	return f, noFolder(err)
}

func noFolder(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return mailbox.ErrNoFolder
	}
	return err
}

func foldersOf(tx *Tx, box int64) (all []mailbox.Folder, err error) {
	rows, err := tx.Query(`SELECT `+folderColumns+` WHERE f.box = ? ORDER BY f.name`, box)
	err = each(rows, err, func(r *sql.Rows) error {
		var f mailbox.Folder
		if err := r.Scan(folderFields(&f)...); err != nil {
			return err
		}
		all = append(all, f)
		return nil
	})
	return all, err
}

// Folders returns the box's folders by name.
func (m Mailboxes) Folders(ctx context.Context, box int64) (all []mailbox.Folder, err error) {
	err = m.db.View(ctx, func(tx *Tx) (err error) {
		all, err = foldersOf(tx, box)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: folders of box %d: %w", box, err)
	}
	return all, nil
}

// Folder returns one folder by name.
func (m Mailboxes) Folder(ctx context.Context, box int64, name string) (f mailbox.Folder, err error) {
	err = m.db.look(ctx, func(tx *Tx) (err error) {
		f, err = folderByName(tx, box, name)
		return err
	})
	if err != nil {
		return f, fmt.Errorf("store: folder %q of box %d: %w", name, box, err)
	}
	return f, nil
}

// CreateFolder makes a folder and those missing above it.
func (m Mailboxes) CreateFolder(ctx context.Context, box int64, name string, use mailbox.Use) (f mailbox.Folder, err error) {
	err = m.db.Update(ctx, func(tx *Tx) (err error) {
		f, err = makeFolder(tx, box, name, use)
		return err
	})
	if err != nil {
		return f, fmt.Errorf("store: create folder %q in box %d: %w", name, box, err)
	}
	return f, nil
}

func makeFolder(tx *Tx, box int64, name string, use mailbox.Use) (mailbox.Folder, error) {
	if err := lockBox(tx, box); err != nil {
		return mailbox.Folder{}, err
	}
	var same, used, all int
	err := tx.Row(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN name = ? THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN special_use <> '' AND special_use = ? THEN 1 ELSE 0 END), 0) FROM mailbox_folder WHERE box = ?`,
		[]any{name, use, box}, &all, &same, &used)
	switch {
	case err != nil:
		return mailbox.Folder{}, err
	case same > 0:
		return mailbox.Folder{}, mailbox.ErrFolderExists
	case used > 0:
		return mailbox.Folder{}, mailbox.ErrUseTaken
	case all+len(mailbox.Parents(name)) >= mailbox.MaxFolders:
		return mailbox.Folder{}, fmt.Errorf("%w: %d folders", mailbox.ErrTooMany, all)
	}
	if _, err := nextModSeq(tx, box); err != nil { // who watches the names hears of it, see Latest
		return mailbox.Folder{}, err
	}
	if err := makeParents(tx, box, name); err != nil {
		return mailbox.Folder{}, err
	}
	return putFolder(tx, box, name, use)
}

// makeParents makes the folders that are missing above name (RFC 9051 §6.3.4).
func makeParents(tx *Tx, box int64, name string) error {
	for _, parent := range mailbox.Parents(name) {
		f, err := folderByName(tx, box, parent)
		switch {
		case errors.Is(err, mailbox.ErrNoFolder):
			_, err = putFolder(tx, box, parent, "")
		default:
			err = f.Use.Fixed()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func putFolder(tx *Tx, box int64, name string, use mailbox.Use) (f mailbox.Folder, err error) {
	f = mailbox.Folder{Box: box, Name: name, Use: use, UIDNext: 1}
	err = tx.Row(`UPDATE mailbox_folder_id SET last = last + 1 RETURNING last`, nil, &f.ID)
	if err != nil {
		return f, fmt.Errorf("next folder number: %w", err)
	}
	err = tx.Row(`UPDATE mailbox_box SET uidvalidity = uidvalidity + 1 WHERE box = ? RETURNING uidvalidity, modseq`, []any{box}, &f.UIDValidity, &f.HighestModSeq)
	if err != nil {
		return f, fmt.Errorf("next uidvalidity of box %d: %w", box, err)
	}
	_, err = tx.Exec(`INSERT INTO mailbox_folder (id, box, name, special_use, uidvalidity, uidnext, modseq, messages, unseen, deleted, bytes) VALUES (?, ?, ?, ?, ?, 1, ?, 0, 0, 0, 0)`,
		f.ID, box, name, use, f.UIDValidity, f.HighestModSeq)
	if err != nil {
		return f, fmt.Errorf("insert folder %q: %w", name, err)
	}
	return f, inherit(tx, f)
}

// RenameFolder renames a folder and all beneath it. What has no rights of its own has those of its new place.
func (m Mailboxes) RenameFolder(ctx context.Context, box int64, from, to string) error {
	return m.rename(ctx, box, from, to, !slices.Equal(mailbox.Parents(from), mailbox.Parents(to)))
}

// RenameKept implements mailbox.Granter.
func (m Mailboxes) RenameKept(ctx context.Context, box int64, from, to string) error {
	return m.rename(ctx, box, from, to, false)
}

func (m Mailboxes) rename(ctx context.Context, box int64, from, to string, settles bool) error {
	err := m.db.Update(ctx, func(tx *Tx) error { return renameFolder(tx, box, from, to, settles) })
	if err != nil {
		return fmt.Errorf("store: rename folder %q of box %d to %q: %w", from, box, to, err)
	}
	return nil
}

func renameFolder(tx *Tx, box int64, from, to string, settles bool) error {
	if from == mailbox.Inbox {
		return mailbox.ErrInbox
	}
	if strings.HasPrefix(to, from+mailbox.Separator) {
		return fmt.Errorf("%w: %q is beneath %q", mailbox.ErrFolderName, to, from)
	}
	if err := lockBox(tx, box); err != nil {
		return err
	}
	all, err := foldersOf(tx, box)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, f := range all {
		names[f.Name] = true
	}
	if len(all)+len(mailbox.Parents(to)) >= mailbox.MaxFolders {
		return fmt.Errorf("%w: %d folders", mailbox.ErrTooMany, len(all))
	}
	top, err := folderByName(tx, box, from)
	if err != nil {
		return err
	}
	var rights resettling
	if settles {
		if rights, err = unsettle(tx, top); err != nil {
			return err
		}
	}
	for _, f := range all {
		rest, beneath := strings.CutPrefix(f.Name, from)
		if !beneath || rest != "" && rest[0] != mailbox.Separator[0] {
			continue
		}
		if names[to+rest] {
			return mailbox.ErrFolderExists
		}
		if err := f.Use.Fixed(); err != nil {
			return err
		}
		if _, err := mailbox.CleanName(to + rest); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE mailbox_folder SET name = ? WHERE id = ?`, to+rest, f.ID); err != nil {
			return err
		}
	}
	if _, err := nextModSeq(tx, box); err != nil {
		return err
	}
	if err := makeParents(tx, box, to); err != nil {
		return err
	}
	return rights.settle(tx, box, to)
}

// DeleteFolder expunges a folder's messages and removes it.
func (m Mailboxes) DeleteFolder(ctx context.Context, box int64, name string) error {
	if err := m.deleteFolder(ctx, box, name); err != nil {
		return fmt.Errorf("store: delete folder %q of box %d: %w", name, box, err)
	}
	return nil
}

func (m Mailboxes) deleteFolder(ctx context.Context, box int64, name string) error {
	if name == mailbox.Inbox {
		return mailbox.ErrInbox
	}
	f, err := m.Folder(ctx, box, name)
	if err != nil {
		return err
	}
	if err := f.Use.Fixed(); err != nil {
		return err
	}
	everything := mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}
	for {
		if err := m.expunge(ctx, f.ID, everything, false); err != nil {
			return err
		}
		gone := false
		err := m.db.Update(ctx, func(tx *Tx) (err error) {
			gone, err = dropFolder(tx, box, f.ID)
			return err
		})
		if gone || err != nil {
			return err
		}
	}
}

// dropFolder removes a folder that is empty; a message that came meanwhile keeps it.
func dropFolder(tx *Tx, box, id int64) (bool, error) {
	if err := lockBox(tx, box); err != nil {
		return false, err
	}
	r, err := tx.Exec(`DELETE FROM mailbox_folder WHERE id = ? AND messages = 0`, id)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	if n == 0 || err != nil {
		return false, err
	}
	if _, err := tx.Exec(`DELETE FROM mailbox_expunged WHERE folder = ?`, id); err != nil {
		return false, err
	}
	// Pages are left only by a release that does not know them.
	if _, err := tx.Exec(`DELETE FROM mailbox_page WHERE folder = ?`, id); err != nil {
		return false, err
	}
	if _, err := tx.Exec(`DELETE FROM mailbox_noted WHERE folder = ?`, id); err != nil {
		return false, err
	}
	if _, err := nextModSeq(tx, box); err != nil {
		return false, err
	}
	return true, forgetFolder(tx, id)
}

// Subscriptions returns the subscribed names in order.
func (m Mailboxes) Subscriptions(ctx context.Context, box int64) (names []string, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT name FROM mailbox_subscription WHERE box = ? ORDER BY name`, box)
		return each(rows, err, func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			names = append(names, name)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: subscriptions of box %d: %w", box, err)
	}
	return names, nil
}

// Subscribe adds a name to the subscriptions, or takes it off.
func (m Mailboxes) Subscribe(ctx context.Context, box int64, name string, on bool) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if on {
			return addSubscription(tx, box, name)
		}
		if _, err := nextModSeq(tx, box); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM mailbox_subscription WHERE box = ? AND name = ?`, box, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: subscribe to %q in box %d: %w", name, box, err)
	}
	return nil
}

// addSubscription keeps the bound that a client could pass, since names need not exist.
func addSubscription(tx *Tx, box int64, name string) error {
	if err := lockBox(tx, box); err != nil {
		return err
	}
	var n int
	if err := tx.Row(`SELECT COUNT(*) FROM mailbox_subscription WHERE box = ?`, []any{box}, &n); err != nil {
		return err
	}
	if n >= mailbox.MaxFolders {
		return fmt.Errorf("%w: %d subscriptions", mailbox.ErrTooMany, n)
	}
	if _, err := nextModSeq(tx, box); err != nil {
		return err
	}
	return putSubscription(tx, box, name)
}

func putSubscription(tx *Tx, box int64, name string) error {
	_, err := tx.Exec(`INSERT INTO mailbox_subscription (box, name) VALUES (?, ?) ON CONFLICT (box, name) DO NOTHING`, box, name)
	return err
}
