package app

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/blob"
	"gatepost/internal/directory"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/web"
	"gatepost/quarantine"
)

// heldPages is what the pages of held messages ask, as web wants it. Its searches and
// selections are the quarantine's own.
type heldPages struct {
	*quarantine.Quarantine
	app *App
}

var _ web.Held = heldPages{}

// Act implements web.HeldActor: acts of pages and of commands are the same.
func (p heldPages) Act(ctx context.Context, id string, by quarantine.By, act web.HeldAct) (quarantine.Held, error) {
	switch act.What {
	case "release":
		return p.app.releaseHeld(ctx, id, by)
	case "allow":
		return p.app.allowHeld(act.Choice)(ctx, id, by)
	case "delete":
		return p.app.deleteHeld(ctx, id, by)
	case "block":
		return p.app.blockHeld(act.Choice)(ctx, id, by)
	case "ask":
		return p.app.askHeld(ctx, id, by)
	}
	return quarantine.Held{}, fmt.Errorf("quarantine: %q is no act", act.What)
}

// Open implements web.HeldContent. The content of a message that was given up may be gone.
func (p heldPages) Open(ctx context.Context, h quarantine.Held) (*mail.Message, func(), error) {
	content, err := p.app.blobs.Open(ctx, blob.ID(h.Blob))
	if errors.Is(err, blob.ErrNotFound) && h.State != quarantine.StateHeld {
		return nil, nil, web.ErrGone
	}
	if err != nil {
		return nil, nil, fmt.Errorf("content %s: %w", h.Blob, err)
	}
	return h.View.Message(mail.NewSpooled(content, content.Size())), func() { content.Close() }, nil
}

// Walks implements web.HeldContent.
func (p heldPages) Walks(ctx context.Context, h quarantine.Held) ([]journal.Walk, error) {
	record, _, err := p.app.journal.Show(ctx, h.Tx)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, web.ErrGone
	}
	if err != nil {
		p.app.log.Warn("walk of a held message not found", "held", h.ID, "id", h.Tx, "error", err)
		return nil, web.ErrGone
	}
	var list []journal.Walk
	for _, w := range record.Walks {
		if w.Recipient == "" || w.Recipient.Fold() == h.Recipient.Fold() {
			list = append(list, w)
		}
	}
	return list, nil
}

// Passes implements web.HeldContent.
func (p heldPages) Passes(h quarantine.Held) []string {
	e := directory.Entry{
		List: directory.Allow, Kind: directory.Address, Value: string(h.Sender), Scope: directory.Scope{Kind: directory.DomainScope, Name: h.Domain},
	}
	above, always, _ := p.app.reach(e)
	return append(above, always...)
}
