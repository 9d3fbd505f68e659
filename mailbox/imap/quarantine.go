package imap

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// The folder of what is held for the mailbox can be read as any other. All that changes
// something is refused, but for a MOVE to the inbox: it releases. COPY is refused, too:
// it would leave the message held, to be delivered a second time.

// A Releaser delivers held messages to the inbox, past all filters, because the owner
// of the mailbox, who is known by its address, wants it. It fails with ErrNotHeld where
// somebody was first.
type Releaser interface {
	Release(ctx context.Context, id, address string) error
}

// ErrNotHeld is the cause of a Releaser's error when the hold has ended.
var ErrNotHeld = errors.New("imap: not held any more")

// Refusals. NOPERM is of RFC 5530 §3.
var (
	errHeld  = no("NOPERM", "What is held can only be read, or moved to INBOX, which releases it")
	errInto  = no("NOPERM", "Nothing can be put among what is held")
	errCopy  = no("CANNOT", "Move it to INBOX, which releases it; a copy would leave it held")
	errWhere = no("CANNOT", "What is held can be moved to INBOX only, which releases it")
)

// releases reports whether what is selected is the folder of what is held.
func (v *view) releases() bool { return v.folder.Use == mailbox.Quarantine }

// gather has the folder of what is held say what is held now, and returns it as it is
// then; others as they are.
func (c *conn) gather(ctx context.Context, f mailbox.Folder) (mailbox.Folder, error) {
	if f.Use != mailbox.Quarantine {
		return f, nil
	}
	c.gathered(ctx, f.ID)
	return c.folder(ctx, f.Name)
}

// gathered has the folder brought up to date. Where nothing can be written now, it is
// served as it was.
func (c *conn) gathered(ctx context.Context, folder int64) {
	if err := c.srv.Store.Gather(ctx, folder); err != nil && ctx.Err() == nil {
		c.log.Error("the folder of what is held is not up to date", "error", err)
	}
}

// since asks the store what happened in the selected folder after what the view has.
func (c *conn) since(ctx context.Context) (mailbox.Delta, error) {
	if c.view.releases() {
		c.gathered(ctx, c.view.folder.ID)
	}
	if err := c.recheck(ctx); err != nil {
		return mailbox.Delta{}, err
	}
	return c.srv.Store.Since(ctx, c.view.folder.ID, c.view.modseq)
}

// releaseBatch is how many messages are released before the client hears of them.
const releaseBatch = 32

// release is MOVE out of the folder of what is held. Each message is moved or left
// alone (RFC 9051 §6.4.8). There is no COPYUID: what arrives in the inbox is another
// message, with a field more. The news tell what is gone.
func (c *conn) release(ctx context.Context, spans []span, to string) (reply, error) {
	switch {
	case to != mailbox.Inbox:
		return reply{}, errWhere
	case c.view.examined:
		return reply{}, errReadOnly
	case c.srv.Releaser == nil:
		return reply{}, errHeld
	}
	set := c.view.uids(spans) // places change while the client is told
	released, failed := 0, 0
	for rest := spans; len(rest) > 0; {
		front, _ := take(rest, releaseBatch)
		last := c.view.entries[front[len(front)-1].end-1].uid
		n, err := c.releaseSome(ctx, c.view.uids(front))
		released, failed = released+n.released, failed+n.failed
		if err != nil {
			return reply{}, err
		}
		if err := c.sync(ctx, true, true); err != nil || c.view == nil {
			return reply{}, err
		}
		if err := c.settle(); err != nil {
			return reply{}, err
		}
		rest = c.view.places(above(set, last))
	}
	if failed > 0 {
		return reply{}, no("SERVERBUG", "%d could not be released and are held still, %d were released; it was logged", failed, released)
	}
	return reply{}, nil
}

// above leaves of set what is above u.
func above(set mailbox.UIDSet, u mailbox.UID) (rest mailbox.UIDSet) {
	for _, r := range set {
		if r.Last > u {
			rest = append(rest, mailbox.Range{First: max(r.First, u+1), Last: r.Last})
		}
	}
	return rest
}

// outcome counts what a release came to. What somebody was first with counts for nothing.
type outcome struct{ released, failed int }

func (c *conn) releaseSome(ctx context.Context, set mailbox.UIDSet) (n outcome, err error) {
	list, err := c.srv.Store.Messages(ctx, c.view.folder.ID, set, mailbox.Row)
	if err != nil {
		return n, err
	}
	for _, m := range list {
		switch err := c.srv.Releaser.Release(ctx, m.Held, c.user); {
		case err == nil:
			n.released++
		case errors.Is(err, ErrNotHeld):
		case ctx.Err() != nil:
			return n, ctx.Err()
		default:
			n.failed++
			c.log.Error("held message not released", "held", m.Held, "uid", m.UID, "error", err)
		}
	}
	return n, nil
}

// prepare works out what the store has of other messages, and not of held ones: few of
// them are ever looked at.
func (c *conn) prepare(ctx context.Context, m *mailbox.Message) error {
	if m.Held == "" || m.Envelope != nil {
		return nil
	}
	content, err := c.srv.Bodies.Open(ctx, blob.ID(m.Blob))
	if err != nil {
		return err
	}
	defer content.Close()
	served := m.View.Message(mail.NewSpooled(content, content.Size()))
	d := mailbox.Prepare(c.box, "", served, m.InternalDate)
	if err := served.Err(); err != nil {
		return fmt.Errorf("imap: prepare held message %s: %w", m.Held, err)
	}
	m.Envelope, m.BodyStructure = d.Envelope, d.BodyStructure
	m.Preview, m.Previewed = d.Preview, true
	return nil
}
