package app

import (
	"context"
	"log/slog"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

const (
	indexEvery = 5 * time.Second // how often new e-mails are looked for
	indexBatch = 128             // e-mails whose signatures one commit keeps
	indexBoxes = 50              // boxes of one look
	packEvery  = 512             // e-mails of a box until it is asked whether they fill a block: that reads all that wait for one
)

// A textIndexer takes the texts of new e-mails into the index that SEARCH asks, and then makes the pages that FETCH asks, beside the
// mail: what it has not come to is read by who asks. It works a fifth of the time at most: that keeps up with
// some hundred e-mails a second, and leaves the processors to who brings them.
type textIndexer struct {
	rows  mailbox.TextRows
	pages imap.PageMaker
	blobs blob.Store
	log   *slog.Logger
}

func (a *App) textIndexer() textIndexer {
	return textIndexer{a.mailboxes, imap.PageMaker{Store: a.mailboxes, Bodies: a.blobs}, a.blobs, a.log}
}

// indexTexts goes on for as long as the node serves.
func (a *App) indexTexts(ctx context.Context) error {
	x := a.textIndexer()
	wait := time.NewTimer(indexEvery)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return nil
		}
		begin := time.Now()
		more, err := x.work(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.Error("texts not indexed", "error", err)
		}
		if more && err == nil {
			wait.Reset(4 * time.Since(begin))
		} else {
			wait.Reset(indexEvery)
		}
	}
}

// work takes a batch of each of some boxes, and reports whether there may be more to do.
func (x textIndexer) work(ctx context.Context) (more bool, err error) {
	boxes, err := x.rows.Unindexed(ctx, indexBoxes)
	if err != nil {
		return false, err
	}
	for _, box := range boxes {
		if err := x.batch(ctx, box); err != nil {
			return false, err
		}
	}
	return len(boxes) > 0, nil
}

func (x textIndexer) batch(ctx context.Context, box int64) error {
	b, err := x.rows.TextBatch(ctx, box, indexBatch)
	if err != nil {
		return err
	}
	list := make([]mailbox.Signature, len(b.Emails))
	for i := range b.Emails {
		if list[i], err = x.signature(ctx, &b.Emails[i]); err != nil {
			// Its signature is empty: SEARCH tells its reader what is wrong with it.
			x.log.Error("message can't be indexed", "box", box, "blob", b.Emails[i].Blob, "error", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := x.rows.PutSignatures(ctx, b, list); err != nil {
		return err
	}
	if err := x.pages.Make(ctx, b); err != nil && ctx.Err() == nil { // who lists them makes them
		x.log.Error("pages of messages not made", "box", box, "error", err)
	}
	if b.From/packEvery == b.To/packEvery {
		return nil
	}
	_, err = x.rows.Pack(ctx, box)
	return err
}

func (x textIndexer) signature(ctx context.Context, e *mailbox.Message) (mailbox.Signature, error) {
	c, err := x.blobs.Open(ctx, blob.ID(e.Blob))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	m := e.View.Message(mail.NewSpooled(c, c.Size()))
	s := mailbox.SignatureOf(m, e.Envelope)
	return s, m.Err()
}
