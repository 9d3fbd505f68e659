package imap

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// previewItem reads PREVIEW or PREVIEW (LAZY) (RFC 8970 §6).
func (p *parser) previewItem(f *fetchItems) {
	f.preview = true
	if strings.HasPrefix(string(p.b), " (") {
		p.space()
		p.list(func() {
			if p.word() != "LAZY" {
				p.fail("Unknown PREVIEW modifier")
			}
			f.lazy = true
		})
	}
}

// previewItem appends a preview: NIL where it is not at hand and the client does not want to wait
// (RFC 8970 §3.2).
func (f *fetcher) previewItem(m *mailbox.Message) {
	f.out.text("PREVIEW ")
	switch {
	case !m.Previewed:
		f.out.text("NIL ")
		return
	case f.utf8 || f.rev2:
		f.out.utf8(m.Preview)
	default:
		f.out.quoted(m.Preview)
	}
	f.out.text(" ")
}

// readPreview works out what was not worked out when the message arrived.
func (c *conn) readPreview(ctx context.Context, m *mailbox.Message) error {
	content, err := c.srv.Bodies.Open(ctx, blob.ID(m.Blob))
	if err != nil {
		return err
	}
	defer content.Close()
	served := m.View.Message(mail.NewSpooled(content, content.Size()))
	m.Preview, m.Previewed = mailbox.Preview(served), true
	if err := served.Err(); err != nil {
		return fmt.Errorf("imap: preview of message %d: %w", m.UID, err)
	}
	return nil
}

// savedItem appends SAVEDATE, NIL of messages that came before it was noted (RFC 8514 §4.2).
func (f *fetcher) savedItem(m *mailbox.Message) {
	if m.Saved.IsZero() {
		f.out.text("SAVEDATE NIL ")
		return
	}
	f.out.text(`SAVEDATE "`, m.Saved.Format(dateTime), `" `)
}

// savedKey compares the date of saving, or that of arrival where there is none (RFC 8514 §4.3).
func savedKey(name string, d time.Time) func(m *mailbox.Message) bool {
	return func(m *mailbox.Message) bool {
		saved := m.Saved
		if saved.IsZero() {
			saved = m.InternalDate
		}
		switch saved = saved.Truncate(day); name {
		case "SAVEDBEFORE":
			return saved.Before(d)
		case "SAVEDON":
			return saved.Equal(d)
		}
		return !saved.Before(d)
	}
}
