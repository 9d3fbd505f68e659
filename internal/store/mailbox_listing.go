package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/directory"
	"gatepost/mailbox"
)

// noteListing notes what was brought into a folder that lists senders, in the commit that brought
// it. The boxes are locked.
func noteListing(tx *Tx, src, dst mailbox.Folder, c mailbox.Carriage, done mailbox.Copied) error {
	if _, lists := mailbox.ListingOf(dst); !c.Lists || !lists || src.ID == dst.ID || len(done.From) == 0 {
		return nil
	}
	before := src.UIDNext
	if c.Move {
		before = 0
	}
	_, err := tx.Exec(`INSERT INTO mailbox_listing_move (box, modseq, source, target, uid, number, before, due, tries)
		SELECT b.box, b.modseq, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), 0, 0 FROM mailbox_box b WHERE b.box = ?`,
		src.ID, dst.ID, done.First, done.From.Count(), before, dst.Box)
	if err != nil {
		return fmt.Errorf("note a move into %q: %w", dst.Name, err)
	}
	return nil
}

// ListingMoves implements mailbox.ListingMover.
func (m Mailboxes) ListingMoves(ctx context.Context, now time.Time) (list []mailbox.ListingMove, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT l.box, l.modseq, l.source, l.target, l.uid, l.number, l.before, l.tries FROM mailbox_listing_move l
			WHERE l.due <= ? AND NOT EXISTS (SELECT 1 FROM mailbox_listing_move o WHERE o.box = l.box AND o.modseq < l.modseq) ORDER BY l.box LIMIT ?`, toMicros(now), chunk)
		return each(rows, err, func(rows *sql.Rows) error {
			var l mailbox.ListingMove
			err := rows.Scan(&l.Box, &l.ModSeq, &l.From, &l.To, &l.First, &l.Number, &l.Before, &l.Tries)
			list = append(list, l)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: moves into folders that list senders: %w", err)
	}
	return list, nil
}

// PostponeListing implements mailbox.ListingMover.
func (m Mailboxes) PostponeListing(ctx context.Context, l mailbox.ListingMove, until time.Time) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE mailbox_listing_move SET tries = tries + 1, due = ? WHERE box = ? AND modseq = ?`, toMicros(until), l.Box, l.ModSeq)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: postpone a listing of box %d: %w", l.Box, err)
	}
	return nil
}

// SettleListing implements mailbox.ListingMover.
func (m Mailboxes) SettleListing(ctx context.Context, l mailbox.ListingMove, listed mailbox.UIDSet, to int64) error {
	err := m.db.Update(ctx, func(tx *Tx) error { return settleListing(tx, l, listed, to) })
	if err != nil {
		return fmt.Errorf("store: settle a listing of box %d: %w", l.Box, err)
	}
	return nil
}

func settleListing(tx *Tx, l mailbox.ListingMove, listed mailbox.UIDSet, to int64) error {
	if err := lockBox(tx, l.Box); err != nil {
		return err
	}
	n, err := changed(tx.Exec(`DELETE FROM mailbox_listing_move WHERE box = ? AND modseq = ?`, l.Box, l.ModSeq))
	if n == 0 || err != nil || len(listed) == 0 || to == 0 {
		return err
	}
	done, err := transfer(tx, l.To, listed, to, true)
	if errors.Is(err, mailbox.ErrNoFolder) { // deleted meanwhile: what is there stays
		return nil
	}
	if err != nil || l.Before == 0 || to != l.From {
		return err
	}
	originals, err := originalsOf(tx, to, done.To(), l.Before)
	if err != nil || len(originals) == 0 {
		return err
	}
	src, err := folderByID(tx, to)
	if err != nil {
		return err
	}
	var there mailbox.UIDSet
	t, err := measure(tx, src.ID, originals, &there)
	if err != nil {
		return err
	}
	return leave(tx, src, there, t)
}

// originalsOf finds the messages, one each, from which those of set were copied that are in
// the same folder now.
func originalsOf(tx *Tx, folder int64, set mailbox.UIDSet, before mailbox.UID) (list mailbox.UIDSet, err error) {
	for _, r := range set {
		rows, err := tx.Query(`SELECT MAX(o.uid) FROM mailbox_message m JOIN mailbox_message o ON o.folder = m.folder AND o.email = m.email
			WHERE m.folder = ? AND m.uid BETWEEN ? AND ? AND o.uid < ? GROUP BY m.email ORDER BY 1`, folder, r.First, r.Last, before)
		err = each(rows, err, func(rows *sql.Rows) error {
			var u mailbox.UID
			err := rows.Scan(&u)
			list = list.Add(u)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Unlisted returns boxes that were not given the folders yet that list senders, some at a time.
func (m Mailboxes) Unlisted(ctx context.Context) (boxes []int64, err error) {
	err = m.db.View(ctx, func(tx *Tx) (err error) {
		boxes, err = tx.numbers(`SELECT box FROM mailbox_box WHERE listings = 0 ORDER BY box LIMIT ?`, chunk)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: boxes without listings: %w", err)
	}
	return boxes, nil
}

// GiveListings makes the folders of a language that list senders where they are missing, and notes that the box was given them, so that an owner who
// deletes them does not get them again.
func (m Mailboxes) GiveListings(ctx context.Context, box int64, lang string) error {
	err := m.db.Update(ctx, func(tx *Tx) error { return giveListings(tx, box, lang) })
	if err != nil {
		return fmt.Errorf("store: folders of box %d that list senders: %w", box, err)
	}
	return nil
}

func giveListings(tx *Tx, box int64, lang string) error {
	if err := lockBox(tx, box); err != nil {
		return err
	}
	n, err := changed(tx.Exec(`UPDATE mailbox_box SET listings = 1 WHERE box = ? AND listings = 0`, box))
	if n == 0 || err != nil {
		return err
	}
	var archive int
	err = tx.Row(`SELECT COUNT(*) FROM mailbox WHERE id = ? AND state = ?`, []any{box, directory.Archive}, &archive)
	if archive > 0 || err != nil { // nobody moves anything there
		return err
	}
	all, err := foldersOf(tx, box)
	if err != nil {
		return err
	}
	for _, f := range all {
		if _, has := mailbox.ListingOf(f); has {
			return nil
		}
	}
	for _, l := range mailbox.Listings(lang) {
		_, err := makeFolder(tx, box, l.Name, "")
		if errors.Is(err, mailbox.ErrTooMany) || errors.Is(err, mailbox.ErrFolderExists) || errors.Is(err, mailbox.ErrQuarantine) {
			continue
		}
		if err == nil {
			err = putSubscription(tx, box, l.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
