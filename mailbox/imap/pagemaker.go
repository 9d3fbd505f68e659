package imap

import (
	"context"
	"fmt"

	"gatepost/mailbox"
)

// A PageMaker makes the pages that FETCH answers from ahead of who asks: of each block that can get no more messages, what ENVELOPE,
// BODYSTRUCTURE and most programs' header fields want, and where contents are. Where it has made none FETCH does, so nothing depends on it.
type PageMaker struct {
	Store interface {
		mailbox.Pager
		mailbox.PageFinder
		Messages(ctx context.Context, folder int64, uids mailbox.UIDSet, part mailbox.Part) ([]mailbox.Message, error)
	}
	Bodies Bodies
}

// madeAhead are the kinds that it makes.
var madeAhead = [...]mailbox.PageKind{envelopePage, structurePage, placePage, fieldsPage}

// Make makes the pages of those blocks to which the messages of a batch belong. A block that has a message that can't be
// read is passed over; the error of the last one is returned.
func (p PageMaker) Make(ctx context.Context, b mailbox.TextBatch) error {
	blocks, err := p.Store.Unpaged(ctx, b, fieldsPage)
	if err != nil {
		return err
	}
	var failed error
	for _, at := range blocks {
		if err := p.block(ctx, at); err != nil {
			failed = fmt.Errorf("imap: pages of block %d of folder %d: %w", at.Block, at.Folder, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return failed
}

func (p PageMaker) block(ctx context.Context, at mailbox.FolderBlock) error {
	first := mailbox.UID(at.Block) * mailbox.PageUIDs
	uids := mailbox.UIDSet{{First: max(first, 1), Last: first + mailbox.PageUIDs - 1}}
	rows, err := p.Store.Messages(ctx, at.Folder, uids, mailbox.Origin|mailbox.Content|mailbox.Envelope|mailbox.Structure)
	if err != nil || len(rows) == 0 {
		return err
	}
	all := make([]listed, len(rows))
	for i, m := range rows {
		all[i].Message = m
		if err := all[i].read(ctx, p.Bodies, ^fieldSet(signedFields)); err != nil {
			return err
		}
	}
	findPlaces(all)
	var pages []mailbox.Page
	for _, kind := range madeAhead {
		if page, ok := writePage(kind, all); ok {
			pages = append(pages, page)
		}
	}
	return p.Store.KeepPages(ctx, at.Folder, pages)
}
