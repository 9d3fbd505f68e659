package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/directory"
	"gatepost/internal/queue"
	"gatepost/internal/trust"
	"gatepost/mailbox/imap"
	"gatepost/quarantine"
)

// admin is who acts when a command does.
const admin = "admin"

// byCommand is who acts for a context: admin, and who that is by the system's word, where it is known.
func byCommand(ctx context.Context) string {
	if name := control.Person(ctx); name != "" {
		return admin + " (" + name + ")"
	}
	return admin
}

func operator(ctx context.Context) quarantine.By {
	return quarantine.By{Who: byCommand(ctx), Operator: true}
}

// An actOn does something to a held message; all who act, by commands and by pages, do
// it by one of those below. Who may is asked before.
type actOn func(ctx context.Context, id string, by quarantine.By) (quarantine.Held, error)

// actTime bounds an act that was begun.
const actTime = 40 * time.Second

// begun is for what several steps make whole: who asked for it may go away between them.
func begun(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), actTime)
}

// releaseHeld delivers a held message and wakes who watches the mailbox.
func (a *App) releaseHeld(ctx context.Context, id string, by quarantine.By) (quarantine.Held, error) {
	h, err := a.quarantine.Release(ctx, id, by)
	if err == nil {
		a.heldReleased(ctx, h, by)
	}
	return h, err
}

// imapReleases is releaseHeld as imap wants it: what an owner moves out of the folder of
// held messages is his, since no others are in it.
type imapReleases struct{ app *App }

// Release implements imap.Releaser.
func (r imapReleases) Release(ctx context.Context, id, address string) error {
	_, err := r.app.releaseHeld(ctx, id, quarantine.By{Who: address})
	if errors.Is(err, quarantine.ErrNotHeld) || errors.Is(err, quarantine.ErrUnknown) {
		return fmt.Errorf("%w: %w", imap.ErrNotHeld, err)
	}
	return err
}

func (a *App) heldReleased(ctx context.Context, h quarantine.Held, by quarantine.By) {
	a.changes.Notify(h.Box)
	a.trust.Learnt(trust.Key{Scope: trust.Scope(trustScopes{a.directory}.taught(h)), Sender: h.Sender})
	a.scripts.released(h)
	a.wakeFor(ctx, h)
	a.releasedIsHam(ctx, h, by)
	a.log.Info("released", "held", h.ID, "id", h.Tx, "recipient", h.Recipient, "by", by.Who)
}

// wakeFor has the queue look at once for what a release put there.
func (a *App) wakeFor(ctx context.Context, h quarantine.Held) {
	if a.rules.Has(h.Box) {
		a.queue.Wake(queue.Local)
	}
	to, err := a.intake.Onward(ctx, h)
	if err != nil {
		return // it was there a moment ago; the queue finds it by itself
	}
	for _, o := range to {
		a.queue.Wake(queue.Destination(o.Destination))
	}
}

// deleteHeld gives a held message up.
func (a *App) deleteHeld(ctx context.Context, id string, by quarantine.By) (quarantine.Held, error) {
	h, err := a.quarantine.Delete(ctx, id, by)
	if err == nil {
		a.changes.Notify(h.Box)
		a.log.Info("deleted", "held", h.ID, "id", h.Tx, "recipient", h.Recipient, "by", by.Who)
	}
	return h, err
}

// askHeld notes that an owner asks an operator for a message.
func (a *App) askHeld(ctx context.Context, id string, by quarantine.By) (quarantine.Held, error) {
	h, err := a.quarantine.Ask(ctx, id, by)
	if err == nil {
		a.log.Info("asked for", "held", h.ID, "id", h.Tx, "recipient", h.Recipient, "by", by.Who)
	}
	return h, err
}

// allowHeld releases a message and allows its sender.
func (a *App) allowHeld(c quarantine.Choice) actOn {
	return func(ctx context.Context, id string, by quarantine.By) (quarantine.Held, error) {
		ctx, cancel := begun(ctx)
		defer cancel()
		h, err := a.quarantine.Allow(ctx, id, by, c)
		if err == nil {
			a.heldReleased(ctx, h, by)
		}
		return h, err
	}
}

// blockHeld deletes a message and blocks its sender.
func (a *App) blockHeld(c quarantine.Choice) actOn {
	return func(ctx context.Context, id string, by quarantine.By) (quarantine.Held, error) {
		ctx, cancel := begun(ctx)
		defer cancel()
		h, err := a.quarantine.Block(ctx, id, by, c)
		if err == nil {
			a.changes.Notify(h.Box)
			a.log.Info("blocked", "held", h.ID, "id", h.Tx, "recipient", h.Recipient, "sender", h.Sender, "by", by.Who)
		}
		return h, err
	}
}

// heldLists joins the quarantine and the directory's lists.
type heldLists struct{ directory *directory.Directory }

// Own implements quarantine.Lists.
func (l heldLists) Own(h quarantine.Held) bool {
	return !h.Sender.IsNull() && !l.directory.Snapshot().AutoAllowable(h.Recipient, h.Sender)
}

// Listable implements quarantine.Lists.
func (l heldLists) Listable(h quarantine.Held, wide bool) error {
	_, err := l.scope(h, wide)
	return err
}

// scope is for whose mail an entry counts.
func (l heldLists) scope(h quarantine.Held, wide bool) (directory.Scope, error) {
	if wide {
		return directory.ParseScope(h.Domain)
	}
	box, ok := l.directory.Snapshot().Box(h.Box)
	if !ok {
		return directory.Scope{}, fmt.Errorf("%s has no mailbox here; list it for the domain", h.Recipient)
	}
	return directory.ParseScope(string(box.Address))
}

// List implements quarantine.Lists.
func (l heldLists) List(ctx context.Context, entry quarantine.Listing) error {
	e := directory.Entry{List: directory.Block, Value: entry.Value, Origin: entry.Origin, Note: entry.Note}
	if entry.Allow {
		e.List = directory.Allow
	}
	var err error
	if e.Scope, err = l.scope(entry.Held, entry.Wide); err != nil {
		return err
	}
	_, err = l.directory.EnsureEntry(ctx, e)
	return err
}
