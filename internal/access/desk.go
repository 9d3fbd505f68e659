package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Why somebody is not let in. ErrLogin is all that is said of names that are unknown
// and of passwords that are wrong.
var (
	ErrLogin     = errors.New("name or password is wrong")
	ErrSuspended = errors.New("the account is not in use")
	ErrCode      = errors.New("the code is wrong, or was used before")
)

// A Blocked is an error: there were too many failures, from here or for this account.
type Blocked struct{ Until time.Time }

// Error says until when.
func (b Blocked) Error() string { return "blocked until " + b.Until.UTC().Format(time.RFC3339) }

// People is who can log in. A mark stands for what a session rests on: the password, the
// role, the state; it is another when one of them is.
type People interface {
	// LogIn returns whose name and password these are; ErrLogin, or, to the right
	// password only, ErrSuspended.
	LogIn(ctx context.Context, name, password string) (p Person, mark string, err error)
	// Find returns a person who can log in, as he is now.
	Find(ctx context.Context, who ID) (p Person, mark string, ok bool)
}

// Rows keeps what a Desk knows.
type Rows interface {
	SessionRows
	SupportRows
	FactorRows
}

// A Config has what a Desk needs.
type Config struct {
	Guard  *Guard // of all doors; nil: the pages have their own
	People People
	Rows   Rows
	Logins *Logins                                                // is told of log-ins to the pages; nil: nobody is
	Keys   func(ctx context.Context, name string) ([]byte, error) // 32 octets, the same on all nodes
	Log    *slog.Logger
	Now    func() time.Time
}

// A Desk lets people in, and knows them again. It is safe for use by many goroutines.
type Desk struct {
	people People
	rows   Rows
	keys   func(ctx context.Context, name string) ([]byte, error)
	log    *slog.Logger
	now    func() time.Time
	guard  *Guard
	seen   *Logins
}

// NewDesk returns a Desk. What was blocked is forgotten when the process ends.
func NewDesk(c Config) *Desk {
	if c.Guard == nil {
		c.Guard = NewGuard(GuardConfig{Now: c.Now})
	}
	return &Desk{people: c.People, rows: c.Rows, keys: c.Keys, log: c.Log, now: c.Now, guard: c.Guard, seen: c.Logins}
}

// A Ticket is the secret of a session that was begun. One that Waits is nobody's until
// Confirm has seen the second factor.
type Ticket struct {
	Secret string
	Waits  bool
	Stays  bool // the browser is to keep the secret when it is closed
	Person Person
}

// LogIn begins a session for whose name and password these are. It fails with ErrLogin,
// ErrSuspended or a Blocked.
func (d *Desk) LogIn(ctx context.Context, name, password string, from Client) (Ticket, error) {
	p, mark, err := d.check(ctx, name, password, from)
	if err != nil {
		return Ticket{}, err
	}
	f, err := d.rows.Factor(ctx, p.id())
	if err != nil {
		return Ticket{}, fmt.Errorf("access: log-in: %w", err)
	}
	secret, err := d.begin(ctx, p, mark, f.Confirmed, from)
	if err != nil {
		return Ticket{}, err
	}
	if !f.Confirmed {
		d.seen.note(p, from)
		d.log.Info("logged in to the pages", "person", p.Name, "role", string(p.Role), "client", from.Addr)
	}
	return Ticket{secret, f.Confirmed, from.Stays, p}, nil
}

// CheckPassword asks a person who is logged in for the password once more.
func (d *Desk) CheckPassword(ctx context.Context, p Person, password string, from Client) error {
	other, _, err := d.check(ctx, p.Name, password, from)
	if err == nil && other.id() != p.id() {
		err = ErrLogin
	}
	return err
}

// check compares a password, unless there were too many that were wrong.
func (d *Desk) check(ctx context.Context, name, password string, from Client) (Person, string, error) {
	try, err := d.guard.Begin(name, from.Addr, password)
	if err != nil {
		d.log.Info("log-in to the pages not tried", "client", from.Addr, "error", err)
		return Person{}, "", err
	}
	p, mark, err := d.people.LogIn(ctx, name, password)
	switch {
	case err == nil:
		try.Right()
		return p, mark, nil
	case errors.Is(err, ErrLogin):
		try.Wrong(ctx)
		d.log.Info("log-in to the pages failed", "client", from.Addr)
		return Person{}, "", ErrLogin
	case errors.Is(err, ErrSuspended):
		try.Undo()
		return Person{}, "", ErrSuspended
	}
	try.Undo()
	return Person{}, "", fmt.Errorf("access: log-in: %w", err)
}

// Confirm ends the waiting of a session: code is from the person's app, or a recovery
// code. The session gets a new secret. It fails with ErrCode, ErrNoSession or a Blocked.
func (d *Desk) Confirm(ctx context.Context, secret, code string, from Client) (Ticket, error) {
	s, p, err := d.session(ctx, secret)
	if err != nil {
		return Ticket{}, err
	}
	if !s.Waiting || s.Support { // which waits for no code
		return Ticket{}, ErrNoSession
	}
	if err := d.checkCode(ctx, p, code, from); err != nil {
		return Ticket{}, err
	}
	if err := d.rows.DropSession(ctx, s.Who, s.ID, End{p.Name, d.now()}); err != nil {
		return Ticket{}, fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	from.Stays = s.Stays
	next, err := d.begin(ctx, p, s.Mark, false, from)
	if err != nil {
		return Ticket{}, err
	}
	d.seen.note(p, from)
	d.log.Info("logged in to the pages", "person", p.Name, "role", string(p.Role), "client", from.Addr, "second_factor", true)
	return Ticket{Secret: next, Stays: s.Stays, Person: p}, nil
}

// LogOut ends the session of a secret.
func (d *Desk) LogOut(ctx context.Context, secret string) error {
	s, err := d.rows.Session(ctx, sessionID(secret))
	if errors.Is(err, ErrNoSession) {
		return nil
	}
	if err == nil {
		p, _, _ := d.people.Find(ctx, s.Who)
		p.Support = s.Support
		err = d.rows.DropSession(ctx, s.Who, s.ID, End{p.By(), d.now()})
	}
	if err != nil {
		return fmt.Errorf("access: log out: %w", err)
	}
	return nil
}

// tag stands for a text in memory.
func tag(key []byte, text string) [16]byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return [16]byte(h.Sum(nil)[:16])
}
