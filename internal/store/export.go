package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// exportLimit bounds an export on a server: contents of what it names are removed a day after
// they are nobody's.
const exportLimit = 20 * time.Hour

// FileName is the SQLite file's name in a data directory, and in an export.
const FileName = "gatepost.db"

// Engine names what the rows are in: "sqlite" or "postgresql".
func (db *DB) Engine() string { return db.engine.name() }

// Export writes all rows as they are at one moment after the call into new files below dir,
// while others go on writing, and returns the files' names. The files are not synced. Of
// SQLite it is one, FileName, which is a database; of PostgreSQL there is one for each table
// beneath "rows", which Import reads.
func (db *DB) Export(ctx context.Context, dir string) ([]string, error) {
	names, err := db.engine.export(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("store: export: %w", err)
	}
	return names, nil
}

func (db *file) name() string { return "sqlite" }

// export makes the copy from one snapshot (https://sqlite.org/lang_vacuum.html#vacuuminto);
// the log that is written beside it can't be cut before that ends.
func (db *file) export(ctx context.Context, dir string) ([]string, error) {
	c, err := db.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { db.readers <- c }()
	if _, err := c.c.ExecContext(ctx, `VACUUM INTO ?`, filepath.Join(dir, FileName)); err != nil {
		return nil, err
	}
	return []string{FileName}, nil
}

// What a restore leaves free. Of what came after the backup nobody knows how much it was.
const (
	leapUIDs     = 1 << 20 // of each folder
	leapNumbers  = 1 << 32 // MODSEQs and emails of each box
	leapValidity = 1 << 16 // UIDVALIDITYs of each box
)

// restored are the statements that make rows fit for clients who have seen what came after
// them. No UID is given again, and no MODSEQ: all folders go on a leap further, and so do the
// numbers of new ones. All messages are changed after anything that a client may know, so that
// it reads their flags again, and the log of expunges knows nothing from before, so that it is told
// what is there. UIDVALIDITY stays: else POP3 clients would take the whole inbox for new, and mbsync refuse to go on.
//
// Sessions end. What was queued may have been carried on since, so it is held for an operator.
var restored = [...]string{
	fmt.Sprintf(`UPDATE mailbox_box SET modseq = modseq + %d, email = email + %d, uidvalidity = uidvalidity + %d`, int64(leapNumbers), int64(leapNumbers), leapValidity),
	fmt.Sprintf(`UPDATE mailbox_folder SET uidnext = uidnext + %d, modseq = (SELECT b.modseq FROM mailbox_box b WHERE b.box = mailbox_folder.box),
		expunged_floor = (SELECT b.modseq FROM mailbox_box b WHERE b.box = mailbox_folder.box)`, leapUIDs),
	`UPDATE mailbox_message SET modseq = (SELECT f.modseq FROM mailbox_folder f WHERE f.id = mailbox_message.folder)
		WHERE EXISTS (SELECT 1 FROM mailbox_folder f WHERE f.id = mailbox_message.folder)`,
	`UPDATE held SET modseq = (SELECT b.modseq FROM mailbox_box b WHERE b.box = held.box) WHERE uid > 0 AND EXISTS (SELECT 1 FROM mailbox_box b WHERE b.box = held.box)`,
	fmt.Sprintf(`UPDATE mailbox_folder_id SET last = last + %d`, leapUIDs),
	`DELETE FROM web_session`,
	`UPDATE queue_transfer SET state = 'held', claimed = 0 WHERE state = 'waiting' AND destination <> 'local'`,
}

// Restored is called once with rows that came from a backup, before anybody reads them: see
// restored. Import has done it already.
func (db *DB) Restored(ctx context.Context) error {
	if db.Engine() != "sqlite" {
		return errors.New("store: restored: only a file is made fit so")
	}
	err := db.Update(ctx, func(tx *Tx) error {
		for _, query := range restored {
			if _, err := tx.Exec(query); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: make restored rows fit: %w", err)
	}
	return nil
}
