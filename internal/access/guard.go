package access

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// A Guard counts failed log-ins at every door (the pages, IMAP, submission), and shuts
// what is guessed at for a while (throttle.go). A door asks it before it compares a
// password, and tells it what came of it.
//
// What it shuts first is the pair: an account, for the network that guesses at it. A whole
// address is banned only where many accounts were tried from it, most of which nobody has,
// and nobody has logged in from there of late (spray.go). So one telephone with an old
// password, or a guest's guesses, do not lock out an office.
//
// It is safe for use by many goroutines, and keeps all in memory, bounded.
type Guard struct {
	c        GuardConfig
	throttle *throttle
}

// A Banner bans addresses. *ban.Bans is one.
type Banner interface {
	// Impose bans a client for a cause; the note is for admins.
	Impose(ctx context.Context, client netip.Addr, cause, note string) error
}

// A GuardConfig has what a Guard needs.
type GuardConfig struct {
	Bans   Banner                 // nil: nobody is banned
	Exists func(name string) bool // whether there is an account of this name; nil: they all exist
	Log    *slog.Logger           // nil: silent
	Now    func() time.Time       // nil: time.Now
}

// NewGuard returns a Guard that knows of no failures.
func NewGuard(c GuardConfig) *Guard {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Exists == nil {
		c.Exists = func(string) bool { return true }
	}
	return &Guard{c: c, throttle: newThrottle(c.Now)}
}

// An Attempt is a log-in that was begun. Exactly one of its methods ends it.
type Attempt struct {
	guard  *Guard
	try    *try
	name   string
	client netip.Addr
}

// Begin fails with a Blocked where there were too many failures: then no password is to be
// compared, and what is answered tells nothing about this one.
func (g *Guard) Begin(name string, client netip.Addr, password string) (*Attempt, error) {
	try, err := g.throttle.begin(accountName(name), client, password)
	if err != nil {
		return nil, err
	}
	return &Attempt{g, try, name, client}, nil
}

// Right ends an attempt with the right password. It clears the pair.
func (a *Attempt) Right() {
	a.try.right()
	t := a.guard.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rain.home(a.client, t.now())
}

// Wrong ends an attempt with a wrong one, or for an account that there is not.
func (a *Attempt) Wrong(ctx context.Context) {
	a.try.wrong()
	note := a.spray()
	if note == "" || a.guard.c.Bans == nil {
		return
	}
	if err := a.guard.c.Bans.Impose(ctx, a.client, "login", note); err != nil {
		a.guard.c.Log.Error("not banned for failed log-ins", "client", a.client, "error", err)
	}
}

// spray counts the account as one that was tried from the address, and says why that is
// to be banned; "": it is not.
func (a *Attempt) spray() (note string) {
	unknown := !a.guard.c.Exists(a.name)
	t := a.guard.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rain.add(a.client, a.try.account, unknown, t.now())
}

// Undo ends an attempt that says nothing about the password.
func (a *Attempt) Undo() { a.try.undo() }
