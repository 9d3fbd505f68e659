package store

import (
	"context"
	"fmt"

	"gatepost/mailbox"
)

// Gone implements mailbox.Reader.
func (m Mailboxes) Gone(ctx context.Context, folder int64, after mailbox.ModSeq) (d mailbox.Delta, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		d, err = since(tx, folder, after, false)
		return err
	})
	if err != nil {
		return d, fmt.Errorf("store: what is gone of folder %d: %w", folder, err)
	}
	return d, nil
}

const (
	fewChanged  = `SELECT COUNT(*) FROM (SELECT 1 FROM mailbox_message WHERE folder = ? AND modseq > ? LIMIT ?) AS few`
	changedFew  = `SELECT uid, modseq, flags, keywords FROM mailbox_message WHERE folder = ? AND modseq > ? AND uid >= ? ORDER BY uid LIMIT ?`
	changedMany = `SELECT uid, modseq, flags, keywords FROM mailbox_message WHERE folder = ? AND +modseq > ? AND uid >= ? ORDER BY uid LIMIT ?`
)

// Changed implements mailbox.Reader. Few are found by their ModSeq and put in order; many are read in
// the order of UIDs (the + keeps the engines from the other index), each page from where the last
// one ended.
func (m Mailboxes) Changed(ctx context.Context, folder int64, after mailbox.ModSeq, from mailbox.UID, limit int) (list []mailbox.Entry, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		list = nil
		box, use, err := boxAndUse(tx, folder)
		if err != nil {
			return err
		}
		add := func(e mailbox.Entry) {
			if e.UID >= from && len(list) < limit {
				list = append(list, e)
			}
		}
		if use == mailbox.Quarantine {
			return eachHeldEntry(tx, box, after, add)
		}
		if err := settled(tx, folder); err != nil {
			return err
		}
		var n int
		if err := tx.Row(fewChanged, []any{folder, after, limit + 1}, &n); err != nil {
			return err
		}
		query := changedFew
		if n > limit {
			query = changedMany
		}
		return eachEntry(tx, add, query, folder, after, from, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("store: what changed in folder %d: %w", folder, err)
	}
	return list, nil
}
