package quarantine

import (
	"context"
	"net/netip"
	"time"

	"gatepost/internal/mail"
)

// A Reader reads held messages.
type Reader interface {
	// Find returns what q asks for, without Acts.
	Find(ctx context.Context, q Query) ([]Held, error)
	// Show returns one, or ErrUnknown.
	Show(ctx context.Context, id string) (Held, error)
}

// A Settler ends holds.
type Settler interface {
	// Settle ends one hold with act, and where d is not nil delivers the message,
	// all in one commit, and returns the row as it is then. It fails with ErrUnknown
	// or a NotHeldError, and nothing is done.
	Settle(ctx context.Context, id string, act Act, d *Delivery) (Held, error)
	// Expire ends with act up to limit holds that expire at act.When or before, and
	// returns how many.
	Expire(ctx context.Context, act Act, limit int) (int, error)
}

// A Preparer makes the delivery of a held message: it knows how the mailstore
// wants it, and which fields a release adds.
type Preparer interface {
	Prepare(ctx context.Context, h Held) (Delivery, error)
}

// A Query asks for held messages, the newest first. Empty fields ask for all.
type Query struct {
	Recipient mail.Path // whatever its case
	Box       int64
	Domain    string
	Domains   []string // the recipient's domain is one of them
	Text      string   // occurs in subject, sender or author, whatever the case
	Tx        string
	Asked     bool      // only what its owner asked an operator for
	Sender    mail.Path // whatever its case
	Subject   string    // occurs in it, whatever the case
	Client    netip.Addr
	Filter    string
	Reason    string // occurs in it, whatever the case
	State     State
	Since     time.Time // held then or later
	Until     time.Time // held before then
	After     Cursor    // what follows after this row: the next page
	Limit     int       // at most so many; 0 is MaxPage
}

// MaxPage bounds what one Query returns.
const MaxPage = 1000

// A Cursor is a row's place in the order of all. The zero Cursor is before the
// first.
type Cursor struct {
	Time time.Time
	ID   string
}

// Cursor returns the row's place, after which a next page begins.
func (h *Held) Cursor() Cursor { return Cursor{Time: h.Time, ID: h.ID} }
