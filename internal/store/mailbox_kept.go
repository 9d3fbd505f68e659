package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatepost/mailbox"
)

// Kept implements mailbox.Keeper.
func (m Mailboxes) Kept(ctx context.Context, box int64, q mailbox.KeptQuery) (list []mailbox.Kept, err error) {
	if q.Limit <= 0 || q.Limit > mailbox.MaxKept {
		q.Limit = mailbox.MaxKept
	}
	err = m.db.View(ctx, func(tx *Tx) error {
		list = nil
		last := int64(1<<63 - 1) // the time of the row before
		if q.After != 0 {
			err := tx.Row(`SELECT time FROM mailbox_deleted WHERE box = ? AND email = ?`, []any{box, q.After}, &last)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		} else {
			q.After = last
		}
		rows, err := tx.Query(`SELECT d.email, d.time, d.name, d.internal_date, d.size, e.envelope FROM mailbox_deleted d JOIN mailbox_email e ON e.box = d.box AND e.id = d.email
			WHERE d.box = ? AND d.time >= ? AND d.time > 0 AND (d.time < ? OR (d.time = ? AND d.email < ?)) ORDER BY d.time DESC, d.email DESC LIMIT ?`,
			box, toMicros(q.Since), last, last, q.After, q.Limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var d mailbox.Kept
			var when, date int64
			err := rows.Scan(&d.EmailID, &when, &d.Folder, &date, &d.Size, &d.Envelope)
			d.When, d.InternalDate = fromMicros(when), fromMicros(date)
			list = append(list, d)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: deleted mail of box %d: %w", box, err)
	}
	return list, nil
}

// KeptBytes returns how many octets a box keeps of what was expunged.
func (m Mailboxes) KeptBytes(ctx context.Context, box int64) (n int64, err error) {
	err = m.db.look(ctx, func(tx *Tx) error {
		return orNothing(tx.Row(`SELECT kept_bytes FROM mailbox_box WHERE box = ?`, []any{box}, &n))
	})
	if err != nil {
		return 0, fmt.Errorf("store: what box %d keeps: %w", box, err)
	}
	return n, nil
}

// Recover implements mailbox.Keeper. A commit takes some hundred of them.
func (m Mailboxes) Recover(ctx context.Context, box int64, ids []int64, other string) (done mailbox.Recovered, err error) {
	names := map[string]bool{}
	for some := range slices.Chunk(ids, chunk) {
		var n int64
		var into []string
		err := m.db.Update(ctx, func(tx *Tx) (err error) {
			n, into, err = recoverSome(tx, box, some, other)
			return err
		})
		if err != nil {
			return done, fmt.Errorf("store: recover in box %d: %w", box, err)
		}
		done.Messages += n
		for _, name := range into {
			names[name] = true
		}
	}
	done.Folders = slices.Sorted(maps.Keys(names))
	return done, nil
}

// A kept is a row of mailbox_deleted.
type kept struct {
	box, email, folder, date, size int64
	time                           int64 // when it was expunged, where it is to be forgotten
	flags                          mailbox.Flags
	name                           string
	use                            mailbox.Use
}

func recoverSome(tx *Tx, box int64, ids []int64, other string) (n int64, into []string, err error) {
	if err := lockBox(tx, box); err != nil {
		return 0, nil, err
	}
	list, err := keptRows(tx, box, ids)
	if len(list) == 0 || err != nil {
		return 0, nil, err
	}
	seq, err := nextModSeq(tx, box)
	if err != nil {
		return 0, nil, err
	}
	byFolder := map[mailbox.Folder][]kept{}
	for _, k := range list {
		f, err := folderBack(tx, k, other)
		if err != nil {
			return 0, nil, err
		}
		byFolder[f] = append(byFolder[f], k)
	}
	var all tally
	for _, f := range slices.SortedFunc(maps.Keys(byFolder), func(a, b mailbox.Folder) int { return cmp.Compare(a.ID, b.ID) }) {
		t, err := putKept(tx, f.ID, seq, byFolder[f])
		if err != nil {
			return 0, nil, err
		}
		if err := touchFolder(tx, f.ID, seq, t); err != nil {
			return 0, nil, err
		}
		all.messages, all.bytes = all.messages+t.messages, all.bytes+t.bytes
		into = append(into, f.Name)
	}
	if err := keptMore(tx, box, -all.bytes); err != nil {
		return 0, nil, err
	}
	return all.messages, into, touchBox(tx, box, all)
}

// keptRows reads what is kept of some emails of a box, which is locked, in the order in which
// they came to the box.
func keptRows(tx *Tx, box int64, ids []int64) (list []kept, err error) {
	in, args := amongNumbers(ids)
	rows, err := tx.Query(`SELECT box, email, folder, internal_date, size, flags, keywords, name, special_use FROM mailbox_deleted
		WHERE box = ? AND email`+in+` ORDER BY email`, slices.Concat([]any{box}, args)...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var k kept
		err := rows.Scan(&k.box, &k.email, &k.folder, &k.date, &k.size, &k.flags.System, &k.flags.Keywords, &k.name, &k.use)
		list = append(list, k)
		return err
	})
	return list, err
}

// folderBack finds the folder that a message goes back to: its own, whatever that is called
// now, or one of the same name. What was in the trash would soon be gone again there.
func folderBack(tx *Tx, k kept, other string) (mailbox.Folder, error) {
	f, err := folderByID(tx, k.folder)
	if errors.Is(err, mailbox.ErrNoFolder) {
		f, err = folderByName(tx, k.box, k.name)
	}
	switch {
	case err == nil && k.use != mailbox.Trash && f.Use != mailbox.Trash && f.Use.Fixed() == nil:
		return f, nil
	case err != nil && !errors.Is(err, mailbox.ErrNoFolder):
		return f, err
	}
	if f, err = folderByName(tx, k.box, other); errors.Is(err, mailbox.ErrNoFolder) {
		if _, err = makeFolder(tx, k.box, other, ""); err == nil {
			err = putSubscription(tx, k.box, other)
		}
		if errors.Is(err, mailbox.ErrTooMany) {
			return folderByName(tx, k.box, mailbox.Inbox)
		}
		if err == nil {
			f, err = folderByName(tx, k.box, other)
		}
	}
	return f, err
}

// putKept makes the messages' rows. \Deleted is taken off: a mail program would expunge them
// at once.
func putKept(tx *Tx, folder int64, seq mailbox.ModSeq, list []kept) (t tally, err error) {
	next, err := takeUIDs(tx, folder, int64(len(list)))
	if err != nil {
		return t, err
	}
	for i, k := range list {
		flags := k.flags.System &^ mailbox.Deleted
		_, err := tx.Exec(`INSERT INTO mailbox_message (folder, uid, modseq, flags, keywords, internal_date, size, email, saved) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			folder, int64(next)+int64(i), seq, flags, k.flags.Keywords, k.date, k.size, k.email, savedNow())
		if err != nil {
			return t, fmt.Errorf("put back %d: %w", k.email, err)
		}
		if _, err := tx.Exec(`UPDATE mailbox_email SET refs = refs + 1 WHERE box = ? AND id = ?`, k.box, k.email); err != nil {
			return t, err
		}
		if _, err := tx.Exec(`DELETE FROM mailbox_deleted WHERE box = ? AND email = ?`, k.box, k.email); err != nil {
			return t, err
		}
		t.count(1, flags, k.size)
	}
	return t, nil
}

// PurgeDeleted implements mailbox.Keeper, some hundred messages in a commit.
func (m Mailboxes) PurgeDeleted(ctx context.Context, before time.Time) error {
	err := m.untilDone(ctx, func(tx *Tx) (bool, error) {
		return forget(tx, `SELECT box, email, size, time FROM mailbox_deleted WHERE time < ? ORDER BY time, box, email LIMIT ?`, toMicros(before), chunk)
	})
	if err != nil {
		return fmt.Errorf("store: purge deleted mail: %w", err)
	}
	return nil
}

// TrimDeleted implements mailbox.Keeper.
func (m Mailboxes) TrimDeleted(ctx context.Context, most int64) error {
	most = max(most, mailbox.MinKept)
	var boxes []int64
	err := m.db.View(ctx, func(tx *Tx) (err error) {
		boxes, err = tx.numbers(`SELECT box FROM mailbox_box WHERE kept_bytes > 1073741824 AND kept_bytes > ? ORDER BY box`, most)
		return err
	})
	for _, box := range boxes {
		err = errors.Join(err, m.untilDone(ctx, func(tx *Tx) (done bool, err error) { return trim(tx, box, most) }))
	}
	if err != nil {
		return fmt.Errorf("store: trim deleted mail: %w", err)
	}
	return nil
}

// trim ends the keeping of a box's oldest deleted messages.
func trim(tx *Tx, box, most int64) (done bool, err error) {
	if err := lockBox(tx, box); err != nil {
		return false, err
	}
	var octets int64
	if err := tx.Row(`SELECT kept_bytes FROM mailbox_box WHERE box = ?`, []any{box}, &octets); err != nil || octets <= most {
		return true, orNothing(err)
	}
	n, last := 0, int64(0)
	rows, err := tx.Query(`SELECT time, size FROM mailbox_deleted WHERE box = ? ORDER BY time, email LIMIT ?`, box, chunk)
	err = each(rows, err, func(rows *sql.Rows) error {
		var when, size int64
		err := rows.Scan(&when, &size)
		if octets > most {
			n, octets, last = n+1, octets-size, when
		}
		return err
	})
	if n == 0 || err != nil {
		return true, err
	}
	return forget(tx, `SELECT box, email, size, time FROM mailbox_deleted WHERE box = ? AND time <= ? ORDER BY time, email LIMIT ?`, box, last, n)
}

// YieldDeleted implements mailbox.Keeper.
func (m Mailboxes) YieldDeleted(ctx context.Context, octets int64) (gone mailbox.Usage, err error) {
	err = m.db.Update(ctx, func(tx *Tx) (err error) {
		gone, err = yield(tx, octets)
		return err
	})
	if err != nil {
		return gone, fmt.Errorf("store: yield deleted mail: %w", err)
	}
	return gone, nil
}

func yield(tx *Tx, octets int64) (gone mailbox.Usage, err error) {
	rows, err := tx.Query(`SELECT size FROM mailbox_deleted ORDER BY time, box, email LIMIT ?`, chunk)
	err = each(rows, err, func(rows *sql.Rows) error {
		var size int64
		err := rows.Scan(&size)
		if gone.Bytes < octets {
			gone.Messages, gone.Bytes = gone.Messages+1, gone.Bytes+size
		}
		return err
	})
	if gone.Messages == 0 || err != nil {
		return gone, err
	}
	_, err = forget(tx, `SELECT box, email, size, time FROM mailbox_deleted ORDER BY time, box, email LIMIT ?`, gone.Messages)
	return gone, err
}

func orNothing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// forget ends the keeping of the messages that a query finds: their emails go, and their
// contents have a reference less. It is done where there are none. Rows that somebody
// recovers meanwhile are gone when their boxes are locked, or are later ones, where the message was
// expunged anew: those stay.
func forget(tx *Tx, query string, args ...any) (done bool, err error) {
	var list []kept
	rows, err := tx.Query(query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var k kept
		err := rows.Scan(&k.box, &k.email, &k.size, &k.time)
		list = append(list, k)
		return err
	})
	if len(list) == 0 || err != nil {
		return true, err
	}
	slices.SortFunc(list, func(a, b kept) int { return cmp.Or(cmp.Compare(a.box, b.box), cmp.Compare(a.email, b.email)) })
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].box == list[0].box {
			n++
		}
		if err := forgetOf(tx, list[:n]); err != nil {
			return false, fmt.Errorf("box %d: %w", list[0].box, err)
		}
		list = list[n:]
	}
	return false, nil
}

// forgetOf is forget for messages of one box.
func forgetOf(tx *Tx, list []kept) error {
	box := list[0].box
	if err := lockBox(tx, box); err != nil {
		return err
	}
	emails, latest := make([]int64, len(list)), int64(0)
	for i, k := range list {
		emails[i], latest = k.email, max(latest, k.time)
	}
	in, args := amongNumbers(emails)
	var gone []int64
	var octets int64
	rows, err := tx.Query(`DELETE FROM mailbox_deleted WHERE box = ? AND time <= ? AND email`+in+` RETURNING email, size`, slices.Concat([]any{box, latest}, args)...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var email, size int64
		err := rows.Scan(&email, &size)
		gone, octets = append(gone, email), octets+size
		return err
	})
	if err != nil {
		return err
	}
	for _, email := range gone {
		var blob string
		err := tx.Row(`DELETE FROM mailbox_email WHERE box = ? AND id = ? AND refs <= 0 RETURNING blob`, []any{box, email}, &blob)
		if errors.Is(err, sql.ErrNoRows) { // it has copies again, or is gone: nothing of it is this row's, and others wait behind it
			continue
		}
		if err != nil {
			return fmt.Errorf("email %d: %w", email, err)
		}
		tx.unref(blob)
		if err := forgetText(tx, box, email); err != nil {
			return fmt.Errorf("email %d: forget its text: %w", email, err)
		}
	}
	return keptMore(tx, box, -octets)
}

// amongNumbers is " IN (…)" for at most chunk numbers with its arguments. The last one is
// repeated, so that the texts stay a small set (see Tx).
func amongNumbers(list []int64) (in string, args []any) {
	args = anys(list)
	for _, size := range [...]int{1, 16, 128, chunk} {
		if len(list) <= size {
			for len(args) < size {
				args = append(args, list[len(list)-1])
			}
			break
		}
	}
	return ` IN (` + marks(len(args)) + `)`, args
}
