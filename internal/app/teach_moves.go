package app

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// moves make lessons of what owners put into the folder Junk, and take out of it. They are looked at
// beside the work, one after the other; when too many come at once, some teach nothing.
type moves struct {
	messages mailbox.Reader
	teach    func(ctx context.Context, content string, l lesson)
	listed   func() // something is put into a folder that lists senders: the lister learns from it, too
	log      *slog.Logger
	jobs     chan imap.Sorted
}

// Bounds of moves: how many wait, how many messages of one are looked at, and how long that may take.
const (
	maxMoves = 256
	maxMoved = 200
	moveTime = 2 * time.Minute
)

func (a *App) newMoves() *moves {
	return &moves{messages: a.mailboxes, teach: a.teachContent, listed: a.lister.hint, log: a.log, jobs: make(chan imap.Sorted, maxMoves)}
}

// Sorted implements imap.Sorter.
func (m *moves) Sorted(s imap.Sorted) {
	if s.Lists {
		m.listed()
		return
	}
	if _, says := isJunk(s.From.Use, s.To.Use); !says {
		return
	}
	select {
	case m.jobs <- s:
	default:
		m.log.Warn("not learnt: too many messages are moved at once", "mailbox", s.Address)
	}
}

// isJunk tells what an owner says of messages that he brings from a folder of one use into one of another: that they are spam, or
// ham. Throwing away what is in Junk says nothing.
func isJunk(from, to mailbox.Use) (spam, says bool) {
	switch {
	case from == to, from == mailbox.Junk && to == mailbox.Trash:
		return false, false
	case to == mailbox.Junk:
		return true, true
	}
	return false, from == mailbox.Junk
}

// run looks at what was moved until ctx ends.
func (m *moves) run(ctx context.Context) {
	for {
		select {
		case job := <-m.jobs:
			if err := m.learn(ctx, job); err != nil && ctx.Err() == nil {
				m.log.Warn("moved messages not learnt", "mailbox", job.Address, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (m *moves) learn(ctx context.Context, s imap.Sorted) error {
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	spam, says := isJunk(s.From.Use, s.To.Use)
	if !says {
		return nil
	}
	l := lesson{Spam: spam, Source: learnt.Inbox, Person: s.Address, Domain: domainOf(mail.Path(s.Address))}
	if spam {
		l.Source = learnt.Junk
	}
	looked := firstOf(s.UIDs, maxMoved)
	if more := sizeOf(s.UIDs) - sizeOf(looked); more > 0 {
		m.log.Warn("not learnt: too many messages are moved at once", "mailbox", s.Address, "looked_at", sizeOf(looked), "messages", more)
	}
	list, err := m.messages.Messages(ctx, s.To.ID, looked, mailbox.Whole)
	if err != nil {
		return err
	}
	for _, one := range list {
		if l.ID, l.Client = broughtBy(one.View); l.ID != "" && ctx.Err() == nil {
			m.teach(ctx, one.Blob, l)
		}
	}
	return ctx.Err()
}

// sizeOf counts the messages that a set names.
func sizeOf(set mailbox.UIDSet) (n int) {
	for _, r := range set {
		n += int(r.Last-r.First) + 1
	}
	return n
}

// firstOf leaves the first messages of a set.
func firstOf(set mailbox.UIDSet, most int) (first mailbox.UIDSet) {
	for _, r := range set {
		if most <= 0 {
			break
		}
		r.Last = min(r.Last, r.First+mailbox.UID(most)-1)
		first = append(first, r)
		most -= int(r.Last-r.First) + 1
	}
	return first
}

// broughtBy tells the transaction that brought a message, and its client, by the fields that were put on top of it; "" where the
// owner put it there himself: that says nothing of mail that comes.
func broughtBy(v mail.View) (id string, client netip.Addr) {
	h := mail.NewMessage(append(v.Prefix[:len(v.Prefix):len(v.Prefix)], "\r\n"...)).Header()
	address, _, _ := strings.Cut(h.Get("X-Gatepost-Client"), " ")
	client, _ = netip.ParseAddr(address)
	return h.Get("X-Gatepost-Id"), client
}
