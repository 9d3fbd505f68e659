package ban

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gatepost/internal/mail"
)

// A Cause is why somebody is banned.
type Cause string

// Causes.
const (
	Honeypot Cause = "honeypot" // wrote to a trap address
	Harvest  Cause = "harvest"  // tried addresses that nobody has
	Protocol Cause = "protocol" // spoke before its turn, or otherwise as no mail server does
	Login    Cause = "login"    // guessed at passwords of many accounts
	Admin    Cause = "admin"    // by hand
)

// Causes returns all of them.
func Causes() []Cause { return []Cause{Honeypot, Harvest, Protocol, Login, Admin} }

// Known reports whether the cause is one of Causes.
func (c Cause) Known() bool { return slices.Contains(Causes(), c) }

// Doors reports whether a ban for this cause shuts the doors of people too: submission,
// IMAP and the pages. What an address did as a mail server says nothing about people who
// read their mail from there: an office's one bad machine must not lock out the office.
func (c Cause) Doors() bool { return c == Login || c == Admin }

// Outweighs reports whether a ban for this cause takes the place of one for the other: it
// shuts doors that the other leaves open. Else what was banned for harvesting first could
// guess at passwords until that ends.
func (c Cause) Outweighs(other Cause) bool { return c.Doors() && !other.Doors() }

// Who lifts bans besides admins, who are named.
const (
	ByNode = "node" // the ban had become forbidden, or another took its place
	BySelf = "self" // the person who was banned
)

// A Ban keeps a network out until it ends. Times are the store's.
type Ban struct {
	ID      int64 // 0: it counts here, and is not written yet
	Network netip.Prefix
	Cause   Cause
	Note    string // what led to it, for admins
	Who     string // who imposed it: ByNode, or an admin's name
	Step    int    // of the ladder, from 1
	Imposed time.Time
	Until   time.Time
	Hits    int64 // connections and log-ins that were refused
	LastHit time.Time

	Lifted   time.Time // before it ended; zero: it was not
	LiftedBy string    // ByNode, BySelf or an admin's name
	Reason   string    // for lifting it

	Revision int64 // of the change that made the row what it is
}

// Active reports whether the ban keeps anybody out at a time of the store.
func (b Ban) Active(now time.Time) bool { return b.Lifted.IsZero() && now.Before(b.Until) }

// Where is who is banned as a person writes it: an address, or a network.
func (b Ban) Where() string {
	if b.Network.IsSingleIP() {
		return b.Network.Addr().String()
	}
	return b.Network.String()
}

// A Ladder says how long bans last.
type Ladder struct {
	Rungs  []time.Duration // of the first ban, the second …; the last is that of all further ones
	Memory time.Duration   // after its end, for which a ban makes the next one longer
}

// Rung is how long a ban of a step lasts.
func (l Ladder) Rung(step int) time.Duration {
	if len(l.Rungs) == 0 {
		return 10 * time.Minute
	}
	return l.Rungs[min(max(step, 1), len(l.Rungs))-1]
}

// An Order asks for a ban.
type Order struct {
	Network netip.Prefix
	Cause   Cause
	Note    string
	Who     string
	For     time.Duration // 0: as the ladder says
	Ago     time.Duration // for which it has counted already
	Replace bool          // ends the ban that is there; else that one stands, unless Cause outweighs its
}

// A Lifting says who lifts a ban, and why.
type Lifting struct {
	Who    string
	Reason string
	Once   time.Duration // fails with ErrOften where Who lifted a ban of the network within that time; 0: never
}

// Hits is how many were refused for a ban since they were last added.
type Hits struct {
	ID    int64
	Count int64
	Last  time.Time
}

// A State is where a reader of the rows is.
type State struct {
	Revision int64
	Now      time.Time // by the store's clock
}

// A Query asks for bans, the newest first. Empty fields ask for all.
type Query struct {
	ID       int64
	Networks []netip.Prefix // of any of these, exactly
	Cause    Cause
	Active   bool  // only those that keep somebody out now
	After    int64 // older than the one of this ID: the next page
	Limit    int   // at most so many; 0 is MaxPage
}

// Bounds.
const (
	MaxPage     = 1000 // bans that a Query returns
	MaxNetworks = 8    // networks that it names
	MaxNote     = 200  // octets of a note or a reason; longer ones are cut
)

// A Writer writes bans. Each method is one commit, and those that change a ban take the
// next revision in it.
type Writer interface {
	// Impose makes bans, and returns for each order the ban that stands: a new one, or
	// one that was there and is not replaced. One that takes the place of a ban that its
	// cause outweighs does not end before that. All of one call have different networks.
	Impose(ctx context.Context, orders []Order, l Ladder) ([]Ban, error)
	// Lift ends a ban that is active; ErrNone where there is none of this ID.
	Lift(ctx context.Context, id int64, l Lifting) (Ban, error)
	// AddHits adds to the counts. A ban that is gone is passed over.
	AddHits(ctx context.Context, hits []Hits) error
}

// A Reader reads bans.
type Reader interface {
	// Load hands over what changed after revision since, in order of the revisions; from
	// 0 all that is active. It returns the state that this leads to.
	Load(ctx context.Context, since int64, each func(Ban) error) (State, error)
	// Find returns bans, the newest first.
	Find(ctx context.Context, q Query) ([]Ban, error)
}

// A Keeper removes what is not needed any more.
type Keeper interface {
	// Purge removes bans that ended before then, and beyond the bounds those that ended
	// first, and of active ones those that end first, an admin's last. It does a part of
	// it in a commit and returns how many went; 0: it is done.
	Purge(ctx context.Context, before time.Time, active, ended int) (int, error)
}

// Rows keeps bans.
type Rows interface {
	Writer
	Reader
	Keeper
}

// Errors that callers decide by.
var (
	ErrNone    = errors.New("no such ban")
	ErrNever   = errors.New("is never banned")
	ErrOften   = errors.New("a ban was lifted there not long ago")
	ErrOther   = errors.New("this ban can't be lifted so")
	ErrNetwork = errors.New("is neither an address nor a network that can be banned")
	errCause   = errors.New("unknown cause")
)

// The widest networks that can be banned: a slip of the hand must not lock out a country.
const (
	widest4 = 16
	widest6 = 32
	own6    = 64 // of IPv6, what one party has
)

// Network is what is banned for a client: its address, of IPv6 the /64. It is not valid
// where the address is not.
func Network(client netip.Addr) netip.Prefix {
	client = mail.Unmap(client)
	bits := client.BitLen()
	if client.Is6() {
		bits = own6
	}
	p, err := client.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// ParseNetwork reads an address or a network that can be banned: /16 and longer, of IPv6
// /32 and longer. What is longer than a /64 is that /64.
func ParseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return Network(a), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("ban: %q %w", s, ErrNetwork)
	}
	if p = mail.UnmapPrefix(p); p.Addr() != mail.Unmap(p.Addr()) { // all of IPv4, and more
		return netip.Prefix{}, fmt.Errorf("ban: %q %w", s, ErrNetwork)
	}
	widest := widest4
	if p.Addr().Is6() {
		widest = widest6
		if p.Bits() > own6 {
			p = netip.PrefixFrom(p.Addr(), own6)
		}
	}
	if p.Bits() < widest {
		return netip.Prefix{}, fmt.Errorf("ban: %q %w: /%d is the widest", s, ErrNetwork, widest)
	}
	return p.Masked(), nil
}
