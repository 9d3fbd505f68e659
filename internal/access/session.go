package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
)

// ErrNoSession: the secret is that of no session, or of one that has ended.
var ErrNoSession = errors.New("no such session")

// A Client is where a person is: the address and what the browser calls itself.
type Client struct {
	Addr  netip.Addr
	Agent string
	Stays bool // at a log-in: the browser is the person's own, and is to stay logged in
}

// A Session is that somebody is logged in with one browser. The browser keeps a secret of
// 256 bits; here is only its hash, the ID.
type Session struct {
	ID      string
	Who     ID
	Mark    string // of the person when the session began; see People
	Waiting bool   // for the second factor: the session is nobody's yet
	Stays   bool   // the browser is to stay logged in
	Support bool   // it is not the person's, but of who helps him; Waiting: of nobody who has the link
	Created time.Time
	Seen    time.Time // to seenEvery
	Expires time.Time
	Client  netip.Addr // when it was last seen
	Agent   string
}

// An ID names a person.
type ID struct {
	Kind   Kind
	Number int64
}

// ID returns the person's.
func (p Person) id() ID { return ID{p.Kind, p.ID} }

// How long a session lasts.
const (
	idleFor     = 12 * time.Hour
	sessionFor  = 7 * 24 * time.Hour
	stayIdle    = 30 * 24 * time.Hour // of one that stays
	waitFor     = 10 * time.Minute    // from the password to the second factor
	seenEvery   = time.Minute
	maxSessions = 50  // of one person; the oldest end
	maxAgent    = 200 // octets
	secretSize  = 32  // octets
)

// ended reports whether a session is over by time. One that began in the time to come was begun by a clock that
// was ahead.
func (s Session) ended(now time.Time) bool {
	idle := idleFor
	if s.Stays {
		idle = stayIdle
	}
	return !now.Before(s.Expires) || s.Created.After(now.Add(Ahead)) || now.Sub(s.Seen) >= idle
}

// Ahead is how far ahead of the clock a session may have begun: another node's may be a little.
const Ahead = 24 * time.Hour

// StaysFor is how long a session is at most whose browser is to stay logged in.
const StaysFor = 90 * 24 * time.Hour

// SessionRows keeps sessions.
type SessionRows interface {
	// PutSession adds a session, and ends the oldest of the person beyond max; those that are Support neither count nor end.
	PutSession(ctx context.Context, s Session, max int) error
	// Session returns the session with an ID, or ErrNoSession.
	Session(ctx context.Context, id string) (Session, error)
	// TouchSession notes when and where a session was last seen.
	TouchSession(ctx context.Context, id string, seen time.Time, client netip.Addr, agent string) error
	// Sessions are those of a person, the last seen first.
	Sessions(ctx context.Context, who ID) ([]Session, error)
	// DropSession ends one session of a person, if it is there.
	DropSession(ctx context.Context, who ID, id string, end End) error
	// DropSessions ends all sessions of a person but one; "" spares none. It returns how many.
	DropSessions(ctx context.Context, who ID, but string, end End) (int, error)
	// ExpireSessions ends those that expire up to now, or were last seen before idle, those that stay before stayIdle, and
	// those that began Ahead of now.
	ExpireSessions(ctx context.Context, now, idle, stayIdle time.Time) error
}

// begin makes a session and returns its secret, for the browser alone.
func (d *Desk) begin(ctx context.Context, p Person, mark string, waiting bool, from Client) (string, error) {
	secret, now := newSecret(), d.now()
	s := Session{
		ID: sessionID(secret), Who: p.id(), Mark: mark, Waiting: waiting, Stays: from.Stays, Created: now, Seen: now, Expires: now.Add(sessionFor),
		Client: from.Addr, Agent: agent(from.Agent),
	}
	if s.Stays {
		s.Expires = now.Add(StaysFor)
	}
	if waiting {
		s.Expires = now.Add(waitFor)
	}
	if err := d.rows.PutSession(ctx, s, maxSessions); err != nil {
		return "", fmt.Errorf("access: begin a session: %w", err)
	}
	return secret, nil
}

func sessionID(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// agent cuts what a browser says of itself to what can be shown.
func agent(s string) string {
	if len(s) > maxAgent {
		s = s[:maxAgent]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
}

// Recognise returns the person that a secret stands for, as the person is now, and the
// session's ID. It fails with ErrNoSession where the session is over: by time, because it
// was closed, because it waits for a second factor, or because the person's password,
// role or state is another than when it began.
func (d *Desk) Recognise(ctx context.Context, secret string, from Client) (Person, string, error) {
	s, p, err := d.session(ctx, secret)
	if err != nil {
		return Person{}, "", err
	}
	if s.Waiting {
		return Person{}, "", ErrNoSession
	}
	if now := d.now(); now.Sub(s.Seen).Abs() >= seenEvery { // a clock that was ahead may have noted it
		if err := d.rows.TouchSession(ctx, s.ID, now, from.Addr, agent(from.Agent)); err != nil {
			return Person{}, "", fmt.Errorf("access: session: %w", err)
		}
	}
	return p, s.ID, nil
}

// session finds the session of a secret, whether it waits or not.
func (d *Desk) session(ctx context.Context, secret string) (Session, Person, error) {
	s, err := d.rows.Session(ctx, sessionID(secret))
	if err != nil {
		if !errors.Is(err, ErrNoSession) {
			err = fmt.Errorf("access: session: %w", err)
		}
		return Session{}, Person{}, err
	}
	p, mark, ok := d.people.Find(ctx, s.Who)
	if s.ended(d.now()) {
		return Session{}, Person{}, ErrNoSession // Expire removes it: this clock may be ahead
	}
	if !ok || mark != s.Mark {
		if err := d.rows.DropSession(ctx, s.Who, s.ID, End{TheNode, d.now()}); err != nil {
			return Session{}, Person{}, fmt.Errorf("access: end a session: %w", err)
		}
		return Session{}, Person{}, ErrNoSession
	}
	if s.Support {
		p.Support, p.Until = true, s.Expires
	}
	return s, p, nil
}

// Sessions are those of a person that are in use, and links that give support access, the last seen first.
func (d *Desk) Sessions(ctx context.Context, p Person) ([]Session, error) {
	all, err := d.rows.Sessions(ctx, p.id())
	if err != nil {
		return nil, fmt.Errorf("access: sessions of %s: %w", p.Name, err)
	}
	_, mark, _ := d.people.Find(ctx, p.id())
	list := all[:0]
	for _, s := range all {
		if (!s.Waiting || s.Support) && s.Mark == mark && !s.ended(d.now()) {
			list = append(list, s)
		}
	}
	return list, nil
}

// Close ends one session of a person; that of somebody else stays. by is who does it.
func (d *Desk) Close(ctx context.Context, p Person, id, by string) error {
	if err := d.rows.DropSession(ctx, p.id(), id, End{by, d.now()}); err != nil {
		return fmt.Errorf("access: close a session of %s: %w", p.Name, err)
	}
	return nil
}

// CloseAll ends all sessions of a person but one, "" for none, and returns how many. by is who does it.
func (d *Desk) CloseAll(ctx context.Context, p Person, but, by string) (int, error) {
	n, err := d.rows.DropSessions(ctx, p.id(), but, End{by, d.now()})
	if err != nil {
		return 0, fmt.Errorf("access: close the sessions of %s: %w", p.Name, err)
	}
	return n, nil
}

// Renew ends all sessions of a person and begins one: after the password has changed.
func (d *Desk) Renew(ctx context.Context, p Person, from Client) (secret string, err error) {
	if _, err := d.CloseAll(ctx, p, "", p.By()); err != nil {
		return "", err
	}
	now, mark, ok := d.people.Find(ctx, p.id())
	if !ok {
		return "", ErrNoSession
	}
	return d.begin(ctx, now, mark, false, from)
}

// Expire removes what is over. Somebody calls it now and then, with a time that can be believed.
func (d *Desk) Expire(ctx context.Context, now time.Time) error {
	if err := d.rows.ExpireSessions(ctx, now, now.Add(-idleFor), now.Add(-stayIdle)); err != nil {
		return fmt.Errorf("access: expire sessions: %w", err)
	}
	return nil
}
