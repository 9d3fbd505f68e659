package app

import (
	"context"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/sent"
	"gatepost/internal/trust"
	"gatepost/quarantine"
)

// openLearnt makes what knows whom people here deal with, and what was sent.
func (a *App) openLearnt(ctx context.Context, _ *config.Config) error {
	key, err := a.store.Secret(ctx, "sent")
	if err != nil {
		return err
	}
	now := func() time.Time { return a.now() }
	a.ledger = sent.New(sent.Config{
		Rows: a.store.Sent(), Key: key, Keep: func() time.Duration { return a.config.Load().Sent.Keep }, Log: a.log, Now: now, Old: a.clock.Now,
	})
	a.signer = sent.NewSigner(a.store.Secret, now)
	a.trust = trust.New(trust.Config{Rows: a.store.Trust(), Scopes: trustScopes{a.directory}.of, Log: a.log, Now: now, Old: a.clock.Now})
	a.scripts = newScriptLessons(a.trust, a.blobs, a.log)
	return nil
}

// learningRows is the queue's rows where what is carried teaches: mail that comes in the
// next moment is to know it.
type learningRows struct {
	queue.Rows
	trust   *trust.Book
	scripts *scriptLessons
}

// Settle implements queue.Rows.
func (l learningRows) Settle(ctx context.Context, list []queue.Settlement) (lost int, err error) {
	lost, err = l.Rows.Settle(ctx, list)
	for _, s := range list {
		if t := s.Transfer; s.Fate == queue.Carried && t.Teach != "" {
			l.trust.Learnt(trust.Key{Scope: trust.Scope(t.Teach), Sender: t.Recipient})
			l.scripts.note(trust.Scope(t.Teach), t.Message.Blob, trust.Outgoing)
		}
	}
	return lost, err
}

// trustScopes says whose trust counts for mail to a recipient.
type trustScopes struct{ directory *directory.Directory }

// of returns the scopes in which a sender may count for mail to a recipient: none where he
// is the recipient's own.
func (t trustScopes) of(rcpt, sender mail.Path) []trust.Scope {
	s := t.directory.Snapshot()
	own, domain, err := scopesOf(s, rcpt)
	if err != nil || !s.AutoAllowable(rcpt, sender) {
		return nil
	}
	return []trust.Scope{own, domain}
}

// scopesOf returns the scopes of a recipient: the one mailbox that the address leads to, or
// else the address itself, and the domain. It fails as Resolve does.
func scopesOf(s *directory.Snapshot, rcpt mail.Path) (own, domain trust.Scope, err error) {
	found, err := s.Resolve(rcpt)
	if err != nil {
		return "", "", err
	}
	own = trust.ForAddress(rcpt)
	n := 0
	for _, b := range found.Boxes {
		if !found.Copied(b.ID) {
			own = trust.ForMailbox(b.ID)
			n++
		}
	}
	if n > 1 { // they don't agree
		own = trust.ForAddress(rcpt)
	}
	return own, trust.ForDomain(found.Domain.ID), nil
}

// taught is the scope that learns to trust the sender of a message by its release; "":
// none does. Only who is proven has shown anything, and what is dangerous shows nothing.
func (t trustScopes) taught(h quarantine.Held) string {
	if h.Sender.IsNull() || h.Proof == "" || h.Guarded || !t.directory.Snapshot().AutoAllowable(h.Recipient, h.Sender) {
		return ""
	}
	if h.Box > 0 {
		return string(trust.ForMailbox(h.Box))
	}
	return string(trust.ForAddress(h.Recipient))
}
