package app

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

// A preparer joins quarantine and mailstore: it makes of a held message the
// delivery that a release commits.
type preparer struct {
	directory *directory.Directory
	blobs     blob.Store
	now       func() time.Time
}

// Prepare implements quarantine.Preparer. The content is as it was received; one
// field tells when it was released. A mailbox that is gone or closed since takes
// nothing any more.
func (p preparer) Prepare(ctx context.Context, h quarantine.Held) (quarantine.Delivery, error) {
	if box, ok := p.directory.Snapshot().Box(h.Box); !ok || box.State == directory.Closed {
		return quarantine.Delivery{}, fmt.Errorf("mailbox of %s: %w", h.Recipient, directory.ErrNoMailbox)
	}
	content, err := p.blobs.Open(ctx, blob.ID(h.Blob))
	if err != nil {
		return quarantine.Delivery{}, fmt.Errorf("content %s: %w", h.Blob, err)
	}
	defer content.Close()
	now := p.now()
	view := h.View
	view.Prefix = mail.AppendField(nil, "X-Gatepost-Released", now.UTC().Format(time.RFC1123Z)+" from quarantine, held by "+h.Filter)
	view.Prefix = append(view.Prefix, h.View.Prefix...)
	served := view.Message(mail.NewSpooled(content, content.Size()))
	d := mailbox.Prepare(h.Box, mailbox.Inbox, served, now)
	return quarantine.Delivery{View: view, Size: d.Size, Time: now, Envelope: d.Envelope, BodyStructure: d.BodyStructure}, nil
}
