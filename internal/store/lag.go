package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"gatepost/mailbox"
)

// Flags lag: what a client changes of them is seen by all at once, and is durable within a
// second. When the host falls the last second of them may be lost; whatever else is
// committed makes durable all that was committed before, flags too, since both engines
// keep one log in order.
//
// Clients remember MODSEQs (RFC 7162). One that saw number 20, which was lost, must
// not miss what is given 20 again, and must learn that what it saw at 20 is not so. So a
// folder is marked, by a commit that is durable, before its flags lag (mailbox_lag); and
// when commits may have been lost, all numbers of the boxes of marked folders go on a leap
// further, and all messages of those folders get a new one (renew). No UID ever lags.
//
// Whether commits may have been lost is known by the row of store_alive. On SQLite it holds
// the number of the host's boot: a process that is killed leaves its writes to the kernel.
// On PostgreSQL its table is not logged, and so empty after a fall of the server
// (https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-UNLOGGED);
// each update looks at it, on the way of the node's fence.

// Times of what lags.
const (
	lagLimit = 500 * time.Millisecond // on SQLite, until a sync begins
	markLife = time.Minute            // until a mark is taken away, and the next change makes it anew
	leapLost = 1 << 24                // MODSEQs of a box that a fall leaves free: more than any second can take
)

// errUnmarked: the folder has no mark, and its change may not lag.
var errUnmarked = errors.New("store: flags of an unmarked folder")

// errFell: commits may have been lost since the last renew.
var errFell = errors.New("store: the database fell and its last commits may be lost")

// lagging is Update for a change of flags: durable within a second.
func (db *DB) lagging(ctx context.Context, f func(*Tx) error) error {
	err := db.engine.soon(ctx, f)
	if !errors.Is(err, errUnmarked) {
		return err
	}
	if err = db.engine.update(ctx, f); err == nil {
		db.marks.plan(markLife, db.unmark) // where that fails the marks stay, and cost nothing but a renewal
	}
	return err
}

// nextLagging is nextModSeq for a commit that may lag, which it makes sure of.
func nextLagging(tx *Tx, box, folder int64) (seq mailbox.ModSeq, err error) {
	var marked bool
	err = tx.Row(`UPDATE mailbox_box SET modseq = modseq + 1 WHERE box = ? RETURNING modseq, EXISTS (SELECT 1 FROM mailbox_lag WHERE folder = ?)`, []any{box, folder}, &seq, &marked)
	if err != nil {
		return 0, fmt.Errorf("next modseq of box %d: %w", box, err)
	}
	return seq, markFolder(tx, folder, marked)
}

// markFolder marks a folder that is not marked, in a commit that may not lag; one that may needs the mark before.
func markFolder(tx *Tx, folder int64, marked bool) error {
	switch {
	case marked:
		return nil
	case tx.lags:
		return errUnmarked
	}
	if _, err := tx.Exec(`INSERT INTO mailbox_lag (folder) VALUES (?) ON CONFLICT (folder) DO NOTHING`, folder); err != nil {
		return fmt.Errorf("mark folder %d: %w", folder, err)
	}
	return nil
}

// unmark takes all marks away that there are, in a commit that makes durable what has lagged. A mark
// that is made while boxes are locked stays: its own box is not, and what lags in it may be committed later.
func (db *DB) unmark(ctx context.Context) error {
	return db.engine.update(ctx, func(tx *Tx) error {
		if tx.speaks.forUpdate == "" {
			_, err := tx.Exec(`DELETE FROM mailbox_lag`)
			return err
		}
		var folders string
		if err := tx.Row(`SELECT COALESCE(string_agg(CAST(folder AS TEXT), ','), '') FROM mailbox_lag`, nil, &folders); err != nil {
			return err
		}
		return unmarkLocked(tx, folders)
	})
}

// unmarkLocked locks the boxes of folders, and takes their marks away.
func unmarkLocked(tx *Tx, folders string) error {
	const these = ` = ANY (CAST(string_to_array(?, ',') AS BIGINT[]))`
	if err := tx.lock(`SELECT box FROM mailbox_box WHERE box IN (SELECT box FROM mailbox_folder WHERE id`+these+`) ORDER BY box`, folders); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM mailbox_lag WHERE folder`+these, folders)
	return err
}

// lockMarked locks the boxes of marked folders: what lags in them is committed, or waits.
func lockMarked(tx *Tx) error {
	return tx.lock(`SELECT box FROM mailbox_box WHERE box IN (SELECT box FROM mailbox_folder WHERE id IN (SELECT folder FROM mailbox_lag)) ORDER BY box`)
}

// renewal are the statements that make marked folders fit for clients who have seen what was lost.
var renewal = [...]string{
	fmt.Sprintf(`UPDATE mailbox_box SET modseq = modseq + %d WHERE box IN (SELECT box FROM mailbox_folder WHERE id IN (SELECT folder FROM mailbox_lag))`, int64(leapLost)),
	`UPDATE mailbox_folder SET modseq = (SELECT b.modseq FROM mailbox_box b WHERE b.box = mailbox_folder.box) WHERE id IN (SELECT folder FROM mailbox_lag)`,
	`UPDATE mailbox_message SET modseq = (SELECT f.modseq FROM mailbox_folder f WHERE f.id = mailbox_message.folder)
		WHERE folder IN (SELECT f.id FROM mailbox_folder f JOIN mailbox_lag l ON l.folder = f.id)`,
	`DELETE FROM mailbox_lag`,
}

// renew is done once after a fall, before any other update.
func renew(tx *Tx, boot string) error {
	if _, err := tx.Exec(`DELETE FROM store_alive WHERE boot <> ?`, boot); err != nil {
		return fmt.Errorf("renew after a fall: %w", err)
	}
	done, err := tx.Exec(`INSERT INTO store_alive (boot) VALUES (?) ON CONFLICT (boot) DO NOTHING`, boot)
	if err != nil {
		return fmt.Errorf("renew after a fall: %w", err)
	}
	if n, err := done.RowsAffected(); n == 0 || err != nil { // another was first
		return err
	}
	if err := lockMarked(tx); err != nil {
		return err
	}
	for _, query := range renewal {
		if _, err := tx.Exec(query); err != nil {
			return fmt.Errorf("renew after a fall: %w", err)
		}
	}
	return nil
}

// bootID is the host's boot, or "" where it can't be known; then each start is one after a fall.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
