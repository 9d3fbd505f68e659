package directory

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// Authenticate returns the mailbox of a user (its address) whose password this
// is. Who is unknown, or has no password, is answered as slowly as a wrong
// password: with ErrLogin. Only the right password learns that the mailbox is
// suspended or closed (ErrSuspended, ErrClosed).
//
// At most two passwords are computed at once, in 19 MiB each; others wait for
// their turn until ctx ends. A password that was right is known again for some
// minutes without that cost.
func (d *Directory) Authenticate(ctx context.Context, user, password string) (Mailbox, error) {
	plain, err := prepare(password)
	if err != nil {
		return Mailbox{}, fmt.Errorf("directory: log-in: %w", ErrLogin)
	}
	var box Mailbox
	if address, err := mail.ParsePath(user); err == nil {
		box, _ = d.Snapshot().Mailbox(address)
	}
	ok, err := d.passwords.check(ctx, box.ID, box.Password.Hash, plain)
	if err == nil && !ok {
		err = ErrLogin
	}
	if err == nil {
		err = box.State.err()
	}
	if err != nil {
		return Mailbox{}, fmt.Errorf("directory: log-in: %w", err)
	}
	return box, nil
}

const (
	atOnce   = 2               // computations in argon2id's memory
	knownFor = 5 * time.Minute // how long a right password is known again
	maxKnown = 4096
)

// passwords computes and recognises passwords, few at a time.
type passwords struct {
	turn   chan struct{}
	nobody argonHash
	now    func() time.Time

	key   [32]byte // of this process
	mu    sync.Mutex
	known map[tag]time.Time // until when
}

// A tag stands for a right password in memory: an HMAC of user, verifier and
// password. A new password makes a new verifier, so old tags are never asked for.
type tag [sha256.Size]byte

func newPasswords(now func() time.Time) *passwords {
	p := &passwords{turn: make(chan struct{}, atOnce), nobody: nobody(), now: now, known: map[tag]time.Time{}}
	rand.Read(p.key[:])
	return p
}

// derive makes a verifier of a new password.
func (p *passwords) derive(ctx context.Context, password string) (v Verifier, err error) {
	plain, err := prepare(password)
	if err != nil {
		return Verifier{}, err
	}
	if err := p.wait(ctx); err != nil {
		return Verifier{}, err
	}
	defer p.done()
	return newVerifier(plain)
}

// check reports whether hash is that of plain. An empty hash is nobody's.
func (p *passwords) check(ctx context.Context, id int64, hash, plain string) (bool, error) {
	t := p.tag(id, hash, plain)
	if p.knows(t) {
		return true, nil
	}
	want := p.nobody
	if hash != "" {
		var err error
		if want, err = parseHash(hash); err != nil {
			return false, err
		}
	}
	if err := p.wait(ctx); err != nil {
		return false, err
	}
	defer p.done()
	if !want.matches(plain) {
		return false, nil
	}
	p.remember(t)
	return true, nil
}

func (p *passwords) wait(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *passwords) done() { <-p.turn }

func (p *passwords) tag(id int64, hash, plain string) tag {
	m := hmac.New(sha256.New, p.key[:])
	var head [16]byte // lengths, so that no two triples make one text
	binary.BigEndian.PutUint64(head[:8], uint64(id))
	binary.BigEndian.PutUint64(head[8:], uint64(len(hash)))
	m.Write(head[:])
	m.Write([]byte(hash))
	m.Write([]byte(plain))
	return tag(m.Sum(nil))
}

func (p *passwords) knows(t tag) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.known[t]
	return ok && p.now().Before(until)
}

// remember keeps a tag. A full cache drops what has expired, and where all is
// fresh everything: the next log-ins pay once more.
func (p *passwords) remember(t tag) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if len(p.known) >= maxKnown {
		for old, until := range p.known {
			if !now.Before(until) {
				delete(p.known, old)
			}
		}
	}
	if len(p.known) >= maxKnown {
		clear(p.known)
	}
	p.known[t] = now.Add(knownFor)
}
