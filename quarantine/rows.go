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
	Find(ctx context.Context, q Query) (Page, error)
	// Show returns one, or ErrUnknown.
	Show(ctx context.Context, id string) (Held, error)
	// Tallies counts, for each filter, what it held since then.
	Tallies(ctx context.Context, since time.Time) ([]Tally, error)
}

// A Settler ends holds.
type Settler interface {
	// Settle ends one hold with act, and where d is not nil delivers the message,
	// all in one commit, and returns the row as it is then. It fails with ErrUnknown
	// or a NotHeldError, and nothing is done.
	Settle(ctx context.Context, id string, act Act, d *Delivery) (Held, error)
	// Note adds an act that leaves the state as it is, and returns the row. ActAsked
	// is noted once; it fails like Settle where the hold has ended.
	Note(ctx context.Context, id string, act Act) (Held, error)
	// Expire ends with act up to limit holds that expire at act.When or before, and
	// returns how many.
	Expire(ctx context.Context, act Act, limit int) (int, error)
}

// A Keeper does what rows need now and then.
type Keeper interface {
	// Purge removes up to limit rows whose hold ended before t, with their acts, and
	// returns how many.
	Purge(ctx context.Context, t time.Time, limit int) (int, error)
	// EndRemoved ends, as deleted, up to limit holds whose domain or mailbox was removed
	// from the directory, and returns how much it did; 0: there is nothing to do.
	EndRemoved(ctx context.Context, when time.Time, limit int) (int, error)
	// Index makes some more of the rows from before t quick to search, and returns how
	// many; 0: there is nothing to do.
	Index(ctx context.Context, t time.Time) (int, error)
}

// Lists is where senders are allowed and blocked.
type Lists interface {
	// Own reports whether a held message claims to be from its recipient: from one of
	// its addresses, or from its domain.
	Own(h Held) bool
	// Listable returns nil where List would know for whom an entry counts that follows
	// from a message: its mailbox, or, wide, its domain.
	Listable(h Held, wide bool) error
	// List adds an entry. One that is there already is fine.
	List(ctx context.Context, l Listing) error
}

// A Listing is an entry that follows from a held message.
type Listing struct {
	Allow  bool   // else block
	Value  string // the sender's address, or domain
	Held   Held   // for whose mail it counts: its mailbox's,
	Wide   bool   // or all of its domain
	Origin string // "release", "owner", "admin"
	Note   string
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
	Unlocked  bool     // not for a mailbox that is locked
	Text      string   // occurs in subject, sender or author, whatever the case
	Tx        string
	Asked     bool      // only what its owner asked an operator for
	Guarded   bool      // only what an operator alone may release
	NullOnly  bool      // only what has the null reverse-path
	Sender    mail.Path // whatever its case
	Subject   string    // occurs in it, whatever the case
	Client    netip.Addr
	Filter    string
	Reason    string // occurs in it, whatever the case
	State     State
	Since     time.Time // held then or later
	Until     time.Time // held before then
	After     Cursor    // what follows after this row: the next page
	// Only is asked of each that is found; nil: it is all of them. What it leaves out is neither counted nor acted on. It must not wait.
	Only  func(*Held) bool
	Limit int // at most so many; 0 is MaxPage
}

// MaxPage bounds what one Query returns.
const MaxPage = 1000

// A Cursor is a row's place in the order of all. The zero Cursor is before the
// first.
type Cursor struct {
	Time time.Time
	ID   string
}

// A Page is what one Query returns: rows, the newest first.
//
// A search through many messages stops after so much work. Then the page may have
// fewer rows than were asked for, even none, and there is more all the same: Until
// says how far was looked.
type Page struct {
	Rows  []Held
	More  bool      // there may be more: the same Query with After set to Next
	Next  Cursor    // where that goes on
	Until time.Time // not zero: the search stopped here, and nothing newer is missing
}

// A Tally is how right a filter was with what it held: what was released, and asked
// for, it should have let pass.
type Tally struct {
	Filter   string
	Held     int // all that it held, whatever became of it
	Released int // by people
	Asked    int // that owners asked an operator for
}

// Cursor returns the row's place, after which a next page begins.
func (h *Held) Cursor() Cursor { return Cursor{Time: h.Time, ID: h.ID} }
