package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gatepost/mailbox"
)

// The folder of what is held.
//
// It has a row like other folders, and no messages: those are rows of held, to which
// Gather gives a UID and a MODSEQ when somebody looks. So a hold costs no more for being
// shown, and may end anywhere in any way: the row's state and its UID say what is still
// to be done about it. A row with a UID is in the folder, whatever its state, until a
// Gather, or the row's removal, logs that it is expunged. A row that is held again after
// that gets another UID.
//
// Rows are locked before the box, and passed over where others have them: what those do
// to it is seen the next time.

// OpenHeld implements mailbox.Held.
func (m Mailboxes) OpenHeld(ctx context.Context, box int64) error {
	known := false
	err := m.db.View(ctx, func(tx *Tx) (err error) {
		known, err = hasHeldFolder(tx, box)
		return err
	})
	if err == nil && !known {
		err = m.db.Update(ctx, func(tx *Tx) error { return putHeldFolder(tx, box) })
	}
	if err != nil {
		return fmt.Errorf("store: open the quarantine of box %d: %w", box, err)
	}
	return nil
}

func hasHeldFolder(tx *Tx, box int64) (bool, error) {
	var n int
	err := tx.Row(`SELECT COUNT(*) FROM mailbox_folder WHERE box = ? AND special_use = '\Quarantine'`, []any{box}, &n)
	return n > 0, err
}

// putHeldFolder makes the folder under the first name that is free: somebody may have
// made one called so himself.
func putHeldFolder(tx *Tx, box int64) error {
	if err := lockBox(tx, box); err != nil {
		return err
	}
	if known, err := hasHeldFolder(tx, box); known || err != nil {
		return err
	}
	beside, err := foldersOf(tx, box)
	if err != nil {
		return err
	}
	first := mailbox.QuarantineName(beside)
	name := first
	for n := 2; slices.ContainsFunc(beside, func(f mailbox.Folder) bool { return f.Name == name }); n++ {
		name = fmt.Sprint(first, " ", n)
	}
	if _, err := putFolder(tx, box, name, mailbox.Quarantine); err != nil {
		return err
	}
	return putSubscription(tx, box, name)
}

// Gather implements mailbox.Held.
func (m Mailboxes) Gather(ctx context.Context, folder int64) error {
	if err := m.gather(ctx, folder); err != nil {
		return fmt.Errorf("store: gather what is held in folder %d: %w", folder, err)
	}
	return nil
}

func (m Mailboxes) gather(ctx context.Context, folder int64) error {
	var box int64
	some := false
	err := m.db.View(ctx, func(tx *Tx) (err error) {
		use := mailbox.Quarantine
		if box, use, err = boxAndUse(tx, folder); err != nil || use != mailbox.Quarantine {
			return err
		}
		for _, text := range [...]string{selectUnshown, selectEnded} {
			list, err := someShown(tx, text, box, 1)
			if some = some || len(list) > 0; err != nil {
				return err
			}
		}
		return nil
	})
	for n := 0; some && err == nil && n < gatherCommits; n++ {
		err = m.db.Update(ctx, func(tx *Tx) (err error) {
			some, err = gather(tx, box, folder)
			return err
		})
	}
	return err
}

// gatherCommits bounds one Gather: who looks at 100,000 messages for the first time waits
// some seconds, and sees the rest come in.
const gatherCommits = 20

// A shown is a row of held as it is in the folder, or will be.
type shown struct {
	id        string
	box, size int64
	uid       mailbox.UID
}

const (
	selectUnshown = `SELECT id, box, size, uid FROM held WHERE box = ? AND state = 'held' AND guarded = 0 AND uid = 0 AND box > 0 LIMIT ?`
	selectEnded   = `SELECT id, box, size, uid FROM held WHERE box = ? AND state IN ('released', 'expired', 'deleted', 'rejected') AND uid > 0 LIMIT ?`
)

func someShown(tx *Tx, query string, args ...any) (list []shown, err error) {
	rows, err := tx.Query(query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var s shown
		err := rows.Scan(&s.id, &s.box, &s.size, &s.uid)
		list = append(list, s)
		return err
	})
	return list, err
}

// gather takes what is new into the folder, and out of it what is over, some of each,
// and reports whether there may be more.
func gather(tx *Tx, box, folder int64) (more bool, err error) {
	fresh, err := someShown(tx, selectUnshown+tx.speaks.skipLocked, box, chunk)
	if err != nil {
		return false, err
	}
	ended, err := someShown(tx, selectEnded+tx.speaks.skipLocked, box, chunk)
	if err != nil || len(fresh)+len(ended) == 0 {
		return false, err
	}
	if err := lockBox(tx, box); err != nil {
		return false, err
	}
	if _, _, err := boxAndUse(tx, folder); err != nil {
		return false, err
	}
	if err := show(tx, box, folder, fresh); err != nil {
		return false, err
	}
	return len(fresh) == chunk || len(ended) == chunk, unshow(tx, box, folder, ended)
}

// show gives rows their UIDs, in the order in which they were held. (Which rows are looked
// at first is the index's affair: in what order they came, more or less. It is kept narrow,
// since each hold writes to it.)
func show(tx *Tx, box, folder int64, list []shown) error {
	if len(list) == 0 {
		return nil
	}
	var t tally
	for _, s := range list {
		t.count(1, 0, s.size)
	}
	seq, err := nextModSeq(tx, box)
	if err != nil {
		return err
	}
	first, err := takeUIDs(tx, folder, t.messages)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE held SET uid = ? + n.place, modseq = ?
		FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY time, id) AS place FROM held WHERE id IN (`+marks(len(list))+`)) AS n WHERE held.id = n.id`,
		slices.Concat([]any{int64(first) - 1, seq}, shownIDs(list))...)
	if err != nil {
		return fmt.Errorf("give UIDs: %w", err)
	}
	return touchFolder(tx, folder, seq, t)
}

// unshow takes rows out of the folder and logs that they were there.
func unshow(tx *Tx, box, folder int64, list []shown) error {
	if len(list) == 0 {
		return nil
	}
	seq, err := nextModSeq(tx, box)
	if err != nil {
		return err
	}
	var t tally
	for _, s := range list {
		t.count(1, 0, s.size)
	}
	in, ids := ` WHERE id IN (`+marks(len(list))+`)`, shownIDs(list)
	_, err = tx.Exec(`INSERT INTO mailbox_expunged (folder, modseq, uid) SELECT CAST(? AS BIGINT), CAST(? AS BIGINT), uid FROM held`+in, slices.Concat([]any{folder, seq}, ids)...)
	if err != nil {
		return fmt.Errorf("log the end of holds: %w", err)
	}
	if _, err := tx.Exec(`UPDATE held SET uid = 0, modseq = 0`+in, ids...); err != nil {
		return fmt.Errorf("take UIDs: %w", err)
	}
	return touchFolder(tx, folder, seq, t.negative())
}

func shownIDs(list []shown) []any {
	ids := make([]any, len(list))
	for i, s := range list {
		ids[i] = s.id
	}
	return ids
}

// unshowAll is unshow for rows of many boxes that are about to be removed. They are
// locked. A box that is gone has no folder to take them out of.
func unshowAll(tx *Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	list, err := someShown(tx, `SELECT id, box, size, uid FROM held WHERE uid > 0 AND id IN (`+marks(len(ids))+`)`, anys(ids)...)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b shown) int { return cmp.Compare(a.box, b.box) })
	for len(list) > 0 {
		box, n := list[0].box, 1
		for n < len(list) && list[n].box == box {
			n++
		}
		if err := lockBox(tx, box); err != nil {
			return err
		}
		var folder int64
		err := tx.Row(`SELECT id FROM mailbox_folder WHERE box = ? AND special_use = '\Quarantine'`, []any{box}, &folder)
		if err == nil {
			err = unshow(tx, box, folder, list[:n])
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("box %d: %w", box, err)
		}
		list = list[n:]
	}
	return nil
}

// eachHeldEntry calls add for what the folder shows and came there after a ModSeq.
func eachHeldEntry(tx *Tx, box int64, after mailbox.ModSeq, add func(mailbox.Entry)) error {
	return eachEntry(tx, add, `SELECT uid, modseq, 0, '' FROM held WHERE box = ? AND uid > 0 AND modseq > ? ORDER BY uid`, box, after)
}

// heldMessages returns what is held still.
func heldMessages(tx *Tx, all []mailbox.Message, box int64, r mailbox.Range) ([]mailbox.Message, error) {
	rows, err := tx.Query(`SELECT uid, modseq, time, size, blob, prefix, skip, id FROM held WHERE box = ? AND state = 'held' AND uid BETWEEN ? AND ? AND uid > 0 ORDER BY uid`,
		box, r.First, r.Last)
	err = each(rows, err, func(rows *sql.Rows) error {
		var m mailbox.Message
		var when int64
		err := rows.Scan(&m.UID, &m.ModSeq, &when, &m.Size, &m.Blob, &m.View.Prefix, &m.View.Skip, &m.Held)
		m.InternalDate = fromMicros(when).UTC()
		m.EmailID = -int64(m.UID) // the box counts its own from 1 up
		all = append(all, m)
		return err
	})
	return all, err
}
