package store

import (
	"context"
	"database/sql"
	"fmt"

	"gatepost/mailbox"
)

// Pages implements mailbox.Pager.
func (m Mailboxes) Pages(ctx context.Context, folder int64, kind mailbox.PageKind, first, last uint32) (pages []mailbox.Page, err error) {
	err = m.db.look(ctx, func(tx *Tx) error {
		pages = nil
		rows, err := tx.Query(`SELECT block, messages, data FROM mailbox_page WHERE folder = ? AND block BETWEEN ? AND ? AND kind = ? ORDER BY block`,
			folder, int64(first), int64(last), int64(kind))
		return each(rows, err, func(rows *sql.Rows) error {
			p := mailbox.Page{Kind: kind}
			err := rows.Scan(&p.Block, &p.Messages, &p.Data)
			pages = append(pages, p)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: pages of folder %d: %w", folder, err)
	}
	return pages, nil
}

// Unpaged implements mailbox.PageFinder.
func (m Mailboxes) Unpaged(ctx context.Context, b mailbox.TextBatch, kind mailbox.PageKind) (list []mailbox.FolderBlock, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT DISTINCT m.folder, m.uid / ? FROM mailbox_folder f JOIN mailbox_message m ON m.folder = f.id AND m.email > ? AND m.email <= ?
			WHERE f.box = ? AND m.uid / ? < f.uidnext / ?
			AND NOT EXISTS (SELECT 1 FROM mailbox_page p WHERE p.folder = m.folder AND p.block = m.uid / ? AND p.kind = ?) ORDER BY 1, 2`,
			mailbox.PageUIDs, b.From, b.To, b.Box, mailbox.PageUIDs, mailbox.PageUIDs, mailbox.PageUIDs, int64(kind))
		return each(rows, err, func(rows *sql.Rows) error {
			var at mailbox.FolderBlock
			err := rows.Scan(&at.Folder, &at.Block)
			list = append(list, at)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: blocks of box %d without pages: %w", b.Box, err)
	}
	return list, nil
}

// KeepPages implements mailbox.Pager.
func (m Mailboxes) KeepPages(ctx context.Context, folder int64, pages []mailbox.Page) error {
	err := m.db.engine.soon(ctx, func(tx *Tx) error {
		for _, p := range pages {
			if err := keepPage(tx, folder, p); err != nil {
				return fmt.Errorf("block %d: %w", p.Block, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: keep pages of folder %d: %w", folder, err)
	}
	return nil
}

// keepPage: no message comes into a block that is below the next UID, so that it has what it had if it
// has as many.
func keepPage(tx *Tx, folder int64, p mailbox.Page) error {
	if err := lockBoxOf(tx, folder); err != nil {
		return err
	}
	first := int64(p.Block) * mailbox.PageUIDs
	var there int
	err := tx.Row(`SELECT COUNT(*) FROM mailbox_message m JOIN mailbox_folder f ON f.id = m.folder WHERE m.folder = ? AND m.uid BETWEEN ? AND ? AND f.uidnext > ?`,
		[]any{folder, first, first + mailbox.PageUIDs - 1, first + mailbox.PageUIDs - 1}, &there)
	if err != nil || there != p.Messages || there == 0 {
		return err
	}
	_, err = tx.Exec(`INSERT INTO mailbox_page (folder, block, kind, messages, data) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (folder, block, kind) DO UPDATE SET messages = excluded.messages, data = excluded.data`,
		folder, int64(p.Block), int64(p.Kind), p.Messages, p.Data)
	return err
}

// dropPages removes the pages of a range from which messages go, in the commit by which they go:
// a page would still have what their headers said.
func dropPages(tx *Tx, folder int64, r mailbox.Range) error {
	_, err := tx.Exec(`DELETE FROM mailbox_page WHERE folder = ? AND block BETWEEN ? AND ?`,
		folder, int64(mailbox.BlockOf(r.First)), int64(mailbox.BlockOf(r.Last)))
	if err != nil {
		return fmt.Errorf("drop pages of %d:%d: %w", r.First, r.Last, err)
	}
	return nil
}
