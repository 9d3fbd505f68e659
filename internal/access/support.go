package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Support access is the pages of a mailbox for who helps its owner. The owner makes a link, which works once; whoever
// follows it has a session in which he may what the owner may, but for what opens the mailbox to others or locks the
// owner out (table.go, supports). The session ends by itself, when the owner ends it, and with the owner's
// password. What is done in it is done by SupportOf the owner, and by no one else.

// SupportTimes returns for how long support access may be given.
func SupportTimes() []time.Duration {
	return []time.Duration{time.Hour, 4 * time.Hour, 12 * time.Hour}
}

// MaxSupport is how many links and sessions of support access an owner may have at a time.
const MaxSupport = 3

// Why no support access is given.
var (
	ErrManySupport = errors.New("too much support access is given already")
	ErrSupport     = errors.New("no support access can be given like that")
)

// SupportOf is who acts with support access to the mailbox of an address: in the audit, in logs, in the history of messages.
func SupportOf(address string) string { return "support of " + address }

// By is who acts, for the audit, logs and histories: the name, but where it is not the owner himself.
func (p Person) By() string {
	if p.Support {
		return SupportOf(p.Name)
	}
	return p.Name
}

// An End says who ended sessions, and when.
type End struct {
	By string
	At time.Time
}

// TheNode is who ends what ends by itself.
const TheNode = "gatepost"

// SupportRows keeps support access: sessions that are Support. Each that is given, used and ended is noted in the audit in the
// same commit, those that SessionRows ends, too.
type SupportRows interface {
	// OfferSupport adds a session that Waits for who follows the link. It fails with ErrManySupport where the person has
	// most already that count.
	OfferSupport(ctx context.Context, s Session, most int) error
	// TakeSupport puts a session in place of one that was offered, once; else it fails with ErrNoSession.
	TakeSupport(ctx context.Context, id string, next Session) error
}

// OfferSupport gives support access to an owner's pages for one of SupportTimes, and returns the secret of the link: nobody can be
// shown it again. It fails with ErrManySupport or ErrSupport. Who asks has asked for the password.
func (d *Desk) OfferSupport(ctx context.Context, p Person, life time.Duration) (secret string, until time.Time, err error) {
	if p.Kind != KindMailbox || p.Support || !slices.Contains(SupportTimes(), life) {
		return "", time.Time{}, ErrSupport
	}
	_, mark, ok := d.people.Find(ctx, p.id())
	if !ok {
		return "", time.Time{}, ErrNoSession
	}
	secret = newSecret()
	now := d.now()
	s := Session{ID: sessionID(secret), Who: p.id(), Mark: mark, Waiting: true, Support: true, Created: now, Seen: now, Expires: now.Add(life)}
	if err := d.rows.OfferSupport(ctx, s, MaxSupport); err != nil {
		return "", time.Time{}, fmt.Errorf("access: support of %s: %w", p.Name, err)
	}
	d.log.Info("support access given", "person", p.Name, "until", s.Expires.UTC())
	return secret, s.Expires, nil
}

// Offered returns who the link of a secret makes one: a Person that is Support, and until when. It changes nothing, and
// fails with ErrNoSession where the link was used or is over.
func (d *Desk) Offered(ctx context.Context, secret string) (Person, error) {
	_, p, err := d.offer(ctx, secret)
	return p, err
}

func (d *Desk) offer(ctx context.Context, secret string) (Session, Person, error) {
	s, p, err := d.session(ctx, secret)
	if err == nil && !(s.Support && s.Waiting) {
		err = ErrNoSession
	}
	if err != nil {
		return Session{}, Person{}, err
	}
	return s, p, nil
}

// TakeSupport begins the session of a link, which is worth nothing then: of two who follow it one has a session, and the other
// ErrNoSession. It has another secret, since the link's stands where links stand, and ends when the link would have.
func (d *Desk) TakeSupport(ctx context.Context, secret string, from Client) (Ticket, error) {
	s, p, err := d.offer(ctx, secret)
	if err != nil {
		return Ticket{}, err
	}
	fresh, now := newSecret(), d.now()
	next := Session{
		ID: sessionID(fresh), Who: s.Who, Mark: s.Mark, Support: true, Created: now, Seen: now, Expires: s.Expires, Client: from.Addr, Agent: agent(from.Agent),
	}
	if err := d.rows.TakeSupport(ctx, s.ID, next); err != nil {
		if !errors.Is(err, ErrNoSession) {
			err = fmt.Errorf("access: %s: %w", p.By(), err)
		}
		return Ticket{}, err
	}
	d.seen.note(p, from)
	d.log.Info("support access used", "person", p.By(), "client", from.Addr, "until", s.Expires.UTC())
	return Ticket{Secret: fresh, Person: p}, nil
}

// newSecret makes what a browser keeps, or a link has.
func newSecret() string {
	b := make([]byte, secretSize)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
