package queue

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/mail"
)

// A Letter is a message that the node writes to somebody by itself and of which it wants
// to hear nothing again: a digest, a notice.
type Letter struct {
	To      mail.Path
	Content []byte        // the whole message, header and all, with CRLF line ends
	Kind    string        // by which it is counted (Observer.Notice): "digest", "notice"
	Life    time.Duration // how long it is tried; 0: as long as all mail
	// RequireTLS: it tells of a message that came with REQUIRETLS (RFC 8689), and goes so or not at all.
	RequireTLS bool
}

// Letter stores a letter's content and returns the transfer that carries it, for the
// caller's commit. It leaves under the null reverse-path (RFC 5321 §4.5.5, RFC 3834
// §3.3): nobody is told where it can't be delivered. From, To, Date, Message-ID and
// Auto-Submitted are the content's own. It fails where the content can't be stored, where
// To is null, and with ErrMany.
func (q *Queue) Letter(ctx context.Context, l Letter) (*Transfer, error) {
	if l.To.IsNull() {
		return nil, fmt.Errorf("queue: a %s to nobody", l.Kind)
	}
	now := q.c.Now()
	id := mail.NewID(now)
	t, err := q.letter(ctx, l, id, id, now)
	if err != nil {
		return nil, fmt.Errorf("queue: %s to %s: %w", l.Kind, l.To, err)
	}
	return t, nil
}

// ErrMany: an address was sent so many letters within the hour that it gets no more.
var ErrMany = errors.New("too many letters to one address")

// A Sheet is a letter that is stored: where, and with the fields that sign it in front.
type Sheet struct {
	Blob string
	View mail.View
	Mark []byte // in the ledger of what was sent; nil: there is none
}

// Write stores a letter which the caller's commit brings into a mailbox here, without the queue: what is
// urgent for its owner, or must not wait for room there. It is signed, counted and limited as all letters are.
func (q *Queue) Write(ctx context.Context, l Letter) (Sheet, error) {
	s, err := q.sheet(ctx, l, mail.NewID(q.c.Now()))
	if err != nil {
		return Sheet{}, fmt.Errorf("queue: %s to %s: %w", l.Kind, l.To, err)
	}
	return s, nil
}

// sheet stores a letter about the transaction tx. All that the node writes by itself comes through
// here, and is counted.
func (q *Queue) sheet(ctx context.Context, l Letter, tx string) (s Sheet, err error) {
	if !q.letters.allow(l.To) {
		q.c.Observer.Notice("suppressed")
		q.c.Log.Warn("queue: too many letters to one address; this one is not sent", "about", tx, "to", l.To, "kind", l.Kind)
		return s, ErrMany
	}
	if s.Blob, err = q.c.Contents.Put(ctx, bytes.NewReader(l.Content), int64(len(l.Content))); err != nil {
		return s, err
	}
	q.c.Observer.Notice(l.Kind)
	written := mail.NewMessage(l.Content)
	if q.c.Mark != nil {
		s.Mark = q.c.Mark(written)
	}
	if q.c.Sign != nil {
		s.View.Prefix = q.c.Sign(ctx, written)
	}
	return s, nil
}

// letter makes the transfer of what we write under an id, about the transaction tx.
func (q *Queue) letter(ctx context.Context, l Letter, id, tx string, now time.Time) (*Transfer, error) {
	s, err := q.sheet(ctx, l, tx)
	if err != nil {
		return nil, err
	}
	size := s.View.Size(int64(len(l.Content)))
	return &Transfer{
		Message: &Message{
			ID: id, Tx: tx, Blob: s.Blob, View: s.View, Size: size, Created: now, Expires: now.Add(cmp.Or(l.Life, q.set.Load().Lifetime)),
			Params: mail.Params{
				Size: size, Body: "8BITMIME", SMTPUTF8: l.To.NeedsUTF8() || mail.NewMessage(l.Content).NeedsUTF8(), RequireTLS: l.RequireTLS,
			}, Mark: s.Mark,
		},
		Recipient: l.To, Params: mail.RcptParams{Notify: mail.NotifyNever}, Destination: q.c.Router.Destination(l.To),
	}, nil
}
