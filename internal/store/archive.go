package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

var _ mailbox.Archives = Mailboxes{}

// isArchive reports whether a box is the archive of a domain.
func isArchive(tx *Tx, box int64) (bool, error) {
	var state directory.State
	err := tx.Row(`SELECT state FROM mailbox WHERE id = ?`, []any{box}, &state)
	return state == directory.Archive, orNothing(err)
}

// recordFolder finds a folder of an archive, or makes it and the one above it, under the lock of
// its box.
func recordFolder(tx *Tx, box int64, name string) (id int64, err error) {
	err = tx.Row(`SELECT id FROM mailbox_folder WHERE box = ? AND name = ?`, []any{box, name}, &id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	for _, name := range append(mailbox.Parents(name), name) {
		f, err := folderByName(tx, box, name)
		if errors.Is(err, mailbox.ErrNoFolder) {
			f, err = putFolder(tx, box, name, mailbox.Record)
		}
		if err != nil {
			return 0, fmt.Errorf("folder %q of archive %d: %w", name, box, err)
		}
		id = f.ID
	}
	return id, nil
}

// OpenArchive implements mailbox.Archives.
func (m Mailboxes) OpenArchive(ctx context.Context, o mailbox.Opening, a mailbox.Act) error {
	return m.OpenArchiveTold(ctx, o, a, nil)
}

// OpenArchiveTold is OpenArchive, and queues letters about it in the same commit.
func (m Mailboxes) OpenArchiveTold(ctx context.Context, o mailbox.Opening, a mailbox.Act, letters []*queue.Transfer) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := openArchive(tx, o, a); err != nil {
			return err
		}
		return putTransfers(tx, letters)
	})
	if err != nil {
		return fmt.Errorf("store: open archive %d to box %d: %w", o.Box, o.Reader, err)
	}
	return nil
}

// mayReadArchive are the rights of readers: with them no flag can be set.
const mayReadArchive = mailbox.MayLookUp | mailbox.MayRead

func openArchive(tx *Tx, o mailbox.Opening, a mailbox.Act) error {
	if err := standing(tx, o.Reader); err != nil {
		return err
	}
	archive, err := isArchive(tx, o.Box)
	if err == nil && !archive {
		err = mailbox.ErrNoFolder
	}
	if err != nil {
		return err
	}
	if _, err := insertBox(tx, o.Box, o.Since); err != nil { // no mail has come yet
		return err
	}
	if _, err := nextModSeq(tx, o.Box); err != nil { // who watches hears of it; the box is locked
		return err
	}
	if err := roomForGrant(tx, o.Box, 0); err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO archive_opening (box, reader, since, until, why) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (box, reader) DO UPDATE SET until = excluded.until, why = excluded.why`, o.Box, o.Reader, toMicros(o.Since), untilMicros(o.Until), o.Why)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO mailbox_grant (box, folder, who, rights) VALUES (?, 0, ?, ?) ON CONFLICT (box, folder, who) DO UPDATE SET rights = excluded.rights`,
		o.Box, mailbox.BoxWho(o.Reader), mayReadArchive)
	if err != nil {
		return err
	}
	return putAct(tx, a)
}

// untilMicros: 0 is no end.
func untilMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return toMicros(t)
}

// CloseArchive implements mailbox.Archives.
func (m Mailboxes) CloseArchive(ctx context.Context, box, reader int64, a mailbox.Act) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := lockBox(tx, box); err != nil {
			return err
		}
		done, err := tx.Exec(`DELETE FROM archive_opening WHERE box = ? AND reader = ?`, box, reader)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); n == 0 || err != nil {
			return errors.Join(err, mailbox.ErrNoGrant)
		}
		if _, err := tx.Exec(`DELETE FROM mailbox_grant WHERE box = ? AND who = ?`, box, mailbox.BoxWho(reader)); err != nil {
			return err
		}
		if _, err := nextModSeq(tx, box); err != nil {
			return err
		}
		return putAct(tx, a)
	})
	if err != nil {
		return fmt.Errorf("store: close archive %d to box %d: %w", box, reader, err)
	}
	return nil
}

// Openings implements mailbox.Archives.
func (m Mailboxes) Openings(ctx context.Context, box int64) (all []mailbox.Opening, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		all = nil
		rows, err := tx.Query(`SELECT box, reader, since, until, why FROM archive_opening WHERE box = ? OR ? = 0 ORDER BY box, reader`, box, box)
		return each(rows, err, func(rows *sql.Rows) error {
			var o mailbox.Opening
			var since, until int64
			err := rows.Scan(&o.Box, &o.Reader, &since, &until, &o.Why)
			if o.Since = fromMicros(since); until != 0 {
				o.Until = fromMicros(until)
			}
			all = append(all, o)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: openings of archives: %w", err)
	}
	return all, nil
}

// Note implements mailbox.Archives.
func (m Mailboxes) Note(ctx context.Context, a mailbox.Act) error {
	if err := m.db.Update(ctx, func(tx *Tx) error { return putAct(tx, a) }); err != nil {
		return fmt.Errorf("store: note %s in the archive of %s: %w", a.What, a.Domain, err)
	}
	return nil
}

func putAct(tx *Tx, a mailbox.Act) error {
	_, err := tx.Exec(`INSERT INTO archive_act (domain, id, time, who, what, about) VALUES (?, ?, ?, ?, ?, ?)`,
		a.Domain, mail.NewID(a.Time), toMicros(a.Time), a.Who, a.What, a.About)
	if err != nil {
		return fmt.Errorf("note what was done: %w", err)
	}
	return nil
}

// Acts implements mailbox.Archives.
func (m Mailboxes) Acts(ctx context.Context, q mailbox.ActQuery) (all []mailbox.Act, err error) {
	limit := q.Limit
	if limit <= 0 || limit > mailbox.MaxActs {
		limit = mailbox.MaxActs
	}
	var w where
	w.add(`domain = ?`, q.Domain)
	w.addIf(q.Before != "", `id < ?`, q.Before)
	err = m.db.View(ctx, func(tx *Tx) error {
		all = nil
		rows, err := tx.Query(`SELECT id, domain, time, who, what, about FROM archive_act`+w.String()+` ORDER BY id DESC LIMIT ?`, append(w.args, limit)...)
		return each(rows, err, func(rows *sql.Rows) error {
			var a mailbox.Act
			var at int64
			err := rows.Scan(&a.ID, &a.Domain, &at, &a.Who, &a.What, &a.About)
			a.Time = fromMicros(at)
			all = append(all, a)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: what was done with the archive of %s: %w", q.Domain, err)
	}
	return all, nil
}

// ThinActs implements mailbox.Archives.
func (m Mailboxes) ThinActs(ctx context.Context, before time.Time) error {
	err := m.thin(ctx, before, `DELETE FROM archive_act WHERE time < ? AND (domain, id) IN (SELECT domain, id FROM archive_act WHERE time < ? ORDER BY time LIMIT ?)`)
	if err != nil {
		return fmt.Errorf("store: forget what was done with archives: %w", err)
	}
	return nil
}

// thin deletes what is older than a time, some at a time; query has that time twice, and how many.
func (m Mailboxes) thin(ctx context.Context, before time.Time, query string) error {
	return m.untilDone(ctx, func(tx *Tx) (bool, error) {
		r, err := tx.Exec(query, toMicros(before), toMicros(before), 10*chunk)
		if err != nil {
			return false, err
		}
		n, err := r.RowsAffected()
		return n == 0, err
	})
}

// DropMonth implements mailbox.Archives. Nothing of it is kept to be brought back.
func (m Mailboxes) DropMonth(ctx context.Context, box, folder int64) error {
	err := m.db.View(ctx, func(tx *Tx) error {
		owner, use, err := boxAndUse(tx, folder)
		if err == nil && (owner != box || use != mailbox.Record) {
			err = mailbox.ErrNoFolder
		}
		return err
	})
	if err == nil {
		err = m.untilDone(ctx, func(tx *Tx) (bool, error) { return dropMessages(tx, box, folder) })
	}
	if err == nil {
		err = m.untilDone(ctx, func(tx *Tx) (bool, error) { // gone on with where mail came meanwhile
			if _, err := dropMessages(tx, box, folder); err != nil {
				return false, err
			}
			return dropFolder(tx, box, folder)
		})
	}
	if err != nil {
		return fmt.Errorf("store: drop folder %d of archive %d: %w", folder, box, err)
	}
	return nil
}
