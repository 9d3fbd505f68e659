package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

// A preparer joins quarantine and mailstore: it makes of a held message the
// delivery that a release commits.
type preparer struct {
	intake    *intake.Intake
	lifetime  func() time.Duration
	directory *directory.Directory
	blobs     blob.Store
	now       func() time.Time
	quotas    quotas
}

// Prepare implements quarantine.Preparer. The content is as it was received; one
// field tells when it was released. A mailbox that is gone or closed since takes
// nothing any more.
func (p preparer) Prepare(ctx context.Context, h quarantine.Held) (quarantine.Delivery, error) {
	if h.Box <= 0 {
		return p.onward(ctx, h)
	}
	if box, ok := p.directory.Snapshot().Box(h.Box); !ok || !box.State.Takes() {
		return quarantine.Delivery{}, fmt.Errorf("mailbox of %s: %w", h.Recipient, directory.ErrNoMailbox)
	}
	content, err := p.blobs.Open(ctx, blob.ID(h.Blob))
	if err != nil {
		return quarantine.Delivery{}, fmt.Errorf("content %s: %w", h.Blob, err)
	}
	defer content.Close()
	now := p.now()
	view := released(h, now)
	served := view.Message(mail.NewSpooled(content, content.Size()))
	d := mailbox.Prepare(h.Box, mailbox.Inbox, served, now)
	if err := p.quotas.Room(ctx, h.Box, d.Size); err != nil {
		if errors.Is(err, mailbox.ErrOverQuota) {
			err = quarantine.ErrFull
		}
		return quarantine.Delivery{}, fmt.Errorf("mailbox of %s: %w", h.Recipient, err)
	}
	copies, err := p.intake.Onward(ctx, h)
	if err != nil { // its recipient is no address any more; the mailbox is there
		copies = nil
	}
	ruled := p.intake.Rules != nil && p.intake.Rules.Has(h.Box)
	if ruled {
		copies = append(copies, quarantine.Onward{To: h.Recipient, Sender: h.Sender, Destination: string(queue.Local), Boxes: []int64{h.Box}})
	}
	p.sign(ctx, served, copies)
	return quarantine.Delivery{
		Queued: ruled,
		View:   view, Size: d.Size, Time: now, Envelope: d.Envelope, BodyStructure: d.BodyStructure, Onward: copies, Expires: now.Add(p.lifetime()),
		Teach: trustScopes{p.directory}.taught(h),
	}, nil
}

// released is how a held message is served after its release.
func released(h quarantine.Held, now time.Time) mail.View {
	view := h.View
	view.Prefix = mail.AppendField(nil, "X-Gatepost-Released", now.UTC().Format(time.RFC1123Z)+" from quarantine, held by "+h.Filter)
	view.Prefix = append(view.Prefix, h.View.Prefix...)
	return view
}

// sign puts signatures on top of what leaves, as the intake does where nothing was held.
func (p preparer) sign(ctx context.Context, served *mail.Message, to []quarantine.Onward) {
	for i := range to {
		if o := &to[i]; o.Destination != string(queue.Local) {
			leaves := mail.View{Prefix: o.Mark}.Message(served)
			o.Mark = append(p.intake.Signatures(ctx, leaves, o.By), o.Mark...)
		}
	}
}

// onward prepares what goes by the queue: to another server, or to many mailboxes.
func (p preparer) onward(ctx context.Context, h quarantine.Held) (quarantine.Delivery, error) {
	to, err := p.intake.Onward(ctx, h)
	if err != nil {
		return quarantine.Delivery{}, fmt.Errorf("recipient %s: %w", h.Recipient, err)
	}
	content, err := p.blobs.Open(ctx, blob.ID(h.Blob))
	if err != nil {
		return quarantine.Delivery{}, fmt.Errorf("content %s: %w", h.Blob, err)
	}
	defer content.Close()
	now := p.now()
	view := released(h, now)
	p.sign(ctx, view.Message(mail.NewSpooled(content, content.Size())), to)
	d := quarantine.Delivery{View: view, Time: now, Onward: to, Expires: now.Add(p.lifetime()), Teach: trustScopes{p.directory}.taught(h)}
	d.Size = h.Size + int64(len(d.View.Prefix)-len(h.View.Prefix))
	return d, nil
}
