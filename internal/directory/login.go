package directory

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
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
// minutes without that cost. Where a domain's passwords are kept elsewhere, one is right that
// is so there, and an error may mean that nobody could tell.
func (d *Directory) Authenticate(ctx context.Context, user, password string) (Mailbox, error) {
	var box Mailbox
	if address, err := mail.ParsePath(user); err == nil {
		box, _ = d.Snapshot().Mailbox(address)
	}
	if source := d.Snapshot().LoginSource(box); source != "" && box.ID != 0 {
		if err := d.authenticateElsewhere(ctx, source, box, password); err != nil {
			return Mailbox{}, err
		}
		return box, nil
	}
	if err := d.authenticate(ctx, box.ID, box.Password.Hash, box.State, password); err != nil {
		return Mailbox{}, err
	}
	return box, nil
}

// Identify returns the mailbox of a user (its address) whom somebody else has authenticated. It
// fails as Authenticate does.
func (d *Directory) Identify(user string) (Mailbox, error) {
	box := d.user(user)
	err := box.State.err()
	if box.ID == 0 {
		err = ErrLogin
	}
	if err != nil {
		return Mailbox{}, fmt.Errorf("directory: log-in: %w", err)
	}
	return box, nil
}

// AuthenticateAdmin is Authenticate for an admin's log-in name: it takes as long,
// and its computations are counted with the others.
func (d *Directory) AuthenticateAdmin(ctx context.Context, name, password string) (Admin, error) {
	admin, _ := d.Snapshot().Admin(name)
	if err := d.authenticate(ctx, admin.ID, admin.Password.Hash, admin.State, password); err != nil {
		return Admin{}, err
	}
	return admin, nil
}

// A Person is who logged in: an admin or a mailbox's owner; the other one is nil.
type Person struct {
	Admin   *Admin
	Mailbox *Mailbox
}

// LogIn authenticates at a form that both admins and mailbox owners use. A name with
// an @ is a mailbox's address, unless an admin has exactly it; no name is both. It
// costs one computation, whoever it is.
func (d *Directory) LogIn(ctx context.Context, name, password string) (Person, error) {
	if _, ok := d.Snapshot().Admin(name); ok || !strings.Contains(name, "@") {
		a, err := d.AuthenticateAdmin(ctx, name, password)
		if err != nil {
			return Person{}, err
		}
		return Person{Admin: &a}, nil
	}
	m, err := d.Authenticate(ctx, name, password)
	if err != nil {
		return Person{}, err
	}
	return Person{Mailbox: &m}, nil
}

// authenticate compares a password with somebody's verifier; who has none, or is
// nobody (0), has none that is right.
func (d *Directory) authenticate(ctx context.Context, id int64, hash string, state State, password string) error {
	plain, err := prepare(password)
	if err != nil {
		return fmt.Errorf("directory: log-in: %w", ErrLogin)
	}
	ok, err := d.passwords.check(ctx, id, hash, plain)
	if err == nil && !ok {
		err = ErrLogin
	}
	if err == nil {
		err = state.err()
	}
	if err != nil {
		return fmt.Errorf("directory: log-in: %w", err)
	}
	return nil
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
func (p *passwords) derive(ctx context.Context, password string, scramSalt []byte) (v Verifier, err error) {
	plain, err := prepare(password)
	if err != nil {
		return Verifier{}, err
	}
	if err := p.wait(ctx); err != nil {
		return Verifier{}, err
	}
	defer p.done()
	return newVerifier(plain, scramSalt)
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
