package access

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// A LinkKind is what a link in a mail does.
type LinkKind string

// Kinds of links.
const (
	LinkReset   LinkKind = "reset"   // has a new password set
	LinkConfirm LinkKind = "confirm" // says that an address is the owner's
	LinkSend    LinkKind = "send"    // says that an address is that of an account elsewhere, as which he may send
)

// A Link works once, for a while. Whoever has it acts as the owner of the mailbox; the store has its hash.
type Link struct {
	ID      string // see LinkID
	Box     int64
	Kind    LinkKind
	Address string // which is confirmed, or to which it was sent; "": an operator was given it
	Mark    string // of the mailbox's password: with another one the link is worth nothing
	Created time.Time
	Expires time.Time
}

// Why a link can't be used, or made.
var (
	ErrNoLink    = errors.New("no such link, or it was used, or is too old")
	ErrManyLinks = errors.New("too many links were asked for")
)

// How many links a mailbox's owner may ask for within LinksWithin.
const (
	MaxLinks    = 3
	LinksWithin = 24 * time.Hour
)

// NewLink makes a secret for an address of a page, and the ID that stands for it in the store.
func NewLink() (secret, id string) {
	secret = rand.Text()
	return secret, LinkID(secret)
}

// LinkID is what the store knows of a secret: who reads rows can't use it.
func LinkID(secret string) string { return sessionID(secret) }

// A Recovery is where the owner of a mailbox is reached who has lost his password. The zero one is nowhere.
type Recovery struct {
	Address string    // confirmed
	Since   time.Time //
	Waiting string    // an address that is to be confirmed yet; "": none
}

// RecoveryRows keeps recovery addresses and links.
type RecoveryRows interface {
	// Recovery returns what is kept of a mailbox.
	Recovery(ctx context.Context, box int64, now time.Time) (Recovery, error)
	// SetRecovery sets the address as confirmed; "" forgets it. Links that were made for others end.
	SetRecovery(ctx context.Context, box int64, address string, now time.Time) error
	// Link returns one that can be used, or ErrNoLink.
	Link(ctx context.Context, id string, now time.Time) (Link, error)
	// TakeLink uses a link up, or fails with ErrNoLink. One that confirms has its address set in the same commit, one that
	// sends has the owner send as its address, and fails with ErrNoLink where he has no account of it; the others end all that reset
	// the password of the mailbox.
	TakeLink(ctx context.Context, id string, now time.Time) (Link, error)
	// ExpireLinks forgets those that have ended and were made before a time.
	ExpireLinks(ctx context.Context, now, before time.Time) error
}
