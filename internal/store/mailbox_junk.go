package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/mailbox"
)

// When mail came into a folder is not known of each message: its date is that of its
// arrival in the mailbox, and moves with it. But UIDs rise, so it does to note now and then
// how far they have come.

// MarkJunk notes up to which UID the mail in folders for junk and for trash has arrived by
// now. It is to be called about once a day.
func (m Mailboxes) MarkJunk(ctx context.Context, now time.Time) error {
	for after := int64(0); ; {
		var n int
		last := after
		err := m.db.Update(ctx, func(tx *Tx) error {
			folders, err := tx.numbers(`SELECT id FROM mailbox_folder WHERE special_use IN ('\Junk', '\Trash') AND id > ? ORDER BY id LIMIT ?`, after, chunk)
			if n = len(folders); n == 0 || err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO mailbox_junk (folder, time, next) SELECT id, CAST(? AS BIGINT), uidnext FROM mailbox_folder f
				WHERE special_use IN ('\Junk', '\Trash') AND id > ? AND id <= ? AND uidnext > COALESCE((SELECT MAX(next) FROM mailbox_junk WHERE folder = f.id), 1)
				ON CONFLICT (folder, time) DO NOTHING`, toMicros(now), after, folders[n-1])
			last = folders[n-1]
			return err
		})
		if err != nil {
			return fmt.Errorf("store: mark junk: %w", err)
		}
		after = last // not before: the update may have run again
		if n < chunk {
			return nil
		}
	}
}

// SweepJunk expunges what came into folders for junk and trash before some time, as far as
// MarkJunk has noted it, a few hundred messages in a commit, and calls cleaned for each box
// after that. before says from what time on mail of a box's folder for a use stays; the zero
// time: all does. It is asked where mail came before latest.
func (m Mailboxes) SweepJunk(ctx context.Context, latest time.Time, before func(box int64, use mailbox.Use) time.Time, cleaned func(box int64)) error {
	for after := int64(0); ; {
		list, err := m.markedFolders(ctx, after, latest)
		if err != nil {
			return fmt.Errorf("store: sweep junk: %w", err)
		}
		for _, j := range list {
			after = j.folder
			if err := m.sweepFolder(ctx, j, before(j.box, j.use), cleaned); err != nil {
				return fmt.Errorf("store: sweep junk of box %d: %w", j.box, err)
			}
		}
		if len(list) < chunk {
			return nil
		}
	}
}

// A junkFolder is one whose mail was marked, first at oldest.
type junkFolder struct {
	folder, box int64
	oldest      time.Time
	use         mailbox.Use // "" where the folder is gone
}

// is reports whether mail goes out of the folder by itself.
func (j junkFolder) is() bool { return j.use == mailbox.Junk || j.use == mailbox.Trash }

func (m Mailboxes) markedFolders(ctx context.Context, after int64, latest time.Time) (list []junkFolder, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT j.folder, MIN(j.time), COALESCE(f.box, 0), COALESCE(f.special_use, '') FROM mailbox_junk j LEFT JOIN mailbox_folder f ON f.id = j.folder
			WHERE j.folder > ? AND j.time < ? GROUP BY j.folder, f.box, f.special_use ORDER BY j.folder LIMIT ?`, after, toMicros(latest), chunk)
		return each(rows, err, func(rows *sql.Rows) error {
			var j junkFolder
			var oldest int64
			err := rows.Scan(&j.folder, &oldest, &j.box, &j.use)
			j.oldest = fromMicros(oldest)
			list = append(list, j)
			return err
		})
	})
	return list, err
}

// sweepFolder expunges what is old enough in a folder, if it is one for junk or trash still,
// and then forgets what said so; of another, everything that was noted.
func (m Mailboxes) sweepFolder(ctx context.Context, j junkFolder, before time.Time, cleaned func(box int64)) error {
	forget, args := `DELETE FROM mailbox_junk WHERE folder = ?`, []any{j.folder}
	if j.is() {
		if before.IsZero() || !j.oldest.Before(before) {
			return nil
		}
		forget, args = forget+` AND time < ?`, append(args, toMicros(before))
		next := int64(0)
		err := m.db.View(ctx, func(tx *Tx) error {
			return tx.Row(`SELECT COALESCE(MAX(next), 0) FROM mailbox_junk WHERE folder = ? AND time < ?`, args, &next)
		})
		if err == nil && next > 1 {
			err = m.expunge(ctx, j.folder, mailbox.UIDSet{{First: 1, Last: mailbox.UID(next - 1)}}, false)
		}
		if errors.Is(err, mailbox.ErrNoFolder) {
			return nil // its owner deleted it just now; the next sweep forgets it
		}
		if err != nil {
			return err
		}
		cleaned(j.box)
	}
	return m.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(forget, args...)
		return err
	})
}
