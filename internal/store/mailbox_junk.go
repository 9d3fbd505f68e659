package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gatepost/mailbox"
)

// When mail came into a folder is not known of each message: its date is that of its
// arrival in the mailbox, and moves with it. But UIDs rise, so it does to note now and then
// how far they have come.

// MarkJunk notes up to which UID the mail in folders for junk has arrived by now. It is to
// be called about once a day.
func (m Mailboxes) MarkJunk(ctx context.Context, now time.Time) error {
	for after := int64(0); ; {
		var n int
		err := m.db.Update(ctx, func(tx *Tx) error {
			folders, err := tx.numbers(`SELECT id FROM mailbox_folder WHERE special_use = '\Junk' AND id > ? ORDER BY id LIMIT ?`, after, chunk)
			if n = len(folders); n == 0 || err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO mailbox_junk (folder, time, next) SELECT id, CAST(? AS BIGINT), uidnext FROM mailbox_folder f
				WHERE special_use = '\Junk' AND id > ? AND id <= ? AND uidnext > COALESCE((SELECT MAX(next) FROM mailbox_junk WHERE folder = f.id), 1)
				ON CONFLICT (folder, time) DO NOTHING`, toMicros(now), after, folders[n-1])
			after = folders[n-1]
			return err
		})
		if err != nil {
			return fmt.Errorf("store: mark junk: %w", err)
		}
		if n < chunk {
			return nil
		}
	}
}

// SweepJunk expunges what came into folders for junk before then, as far as MarkJunk has
// noted it, a few hundred messages in a commit, and calls cleaned for each box after that.
func (m Mailboxes) SweepJunk(ctx context.Context, before time.Time, cleaned func(box int64)) error {
	for {
		list, err := m.oldJunk(ctx, before)
		if err != nil {
			return fmt.Errorf("store: sweep junk: %w", err)
		}
		for _, j := range list {
			if err := m.sweepFolder(ctx, j, before); err != nil {
				return fmt.Errorf("store: sweep junk of box %d: %w", j.box, err)
			}
			cleaned(j.box)
		}
		if len(list) < chunk {
			return nil
		}
	}
}

// A junkFolder is one with mail that is old enough: all below a UID.
type junkFolder struct {
	folder, next, box int64
	use               mailbox.Use // "" where the folder is gone
}

func (m Mailboxes) oldJunk(ctx context.Context, before time.Time) (list []junkFolder, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT j.folder, MAX(j.next), COALESCE(f.box, 0), COALESCE(f.special_use, '') FROM mailbox_junk j LEFT JOIN mailbox_folder f ON f.id = j.folder
			WHERE j.time < ? GROUP BY j.folder, f.box, f.special_use ORDER BY j.folder LIMIT ?`, toMicros(before), chunk)
		return each(rows, err, func(rows *sql.Rows) error {
			var j junkFolder
			err := rows.Scan(&j.folder, &j.next, &j.box, &j.use)
			list = append(list, j)
			return err
		})
	})
	return list, err
}

// sweepFolder expunges what is old enough in a folder, if it is one for junk still, and
// then forgets what said so.
func (m Mailboxes) sweepFolder(ctx context.Context, j junkFolder, before time.Time) error {
	if j.use == mailbox.Junk && j.next > 1 {
		if err := m.expunge(ctx, j.folder, mailbox.UIDSet{{First: 1, Last: mailbox.UID(j.next - 1)}}, false); err != nil {
			return err
		}
	}
	return m.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM mailbox_junk WHERE folder = ? AND time < ?`, j.folder, toMicros(before))
		return err
	})
}
