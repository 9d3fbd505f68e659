package greylist

import (
	"context"
	"time"
)

// A State is how far a triplet has come.
type State int64

// States, in the order in which a triplet has them.
const (
	Waiting State = iota
	Passing
)

// A Triplet is what is kept of one identity, sender and recipient.
type Triplet struct {
	Number    int64 // made of the three; never 0
	Identity  string
	Domain    string // of the sender, for Delay
	Sender    int64  // made of the sender, and
	Recipient int64  // of the recipient: by them it is found for a person
	State     State
	First     time.Time // attempt
	Last      time.Time // attempt, or use; to the hour once it passes
	Tries     int64     // until it passed, that one included
	Tx        string    // the transaction of the first attempt
	Expires   time.Time // waiting: when its window is over; else when it is forgotten
}

// Merge returns what is known by a triplet and what is added to it: attempts, a pass, a
// use; by this node or another. lost says that the old one's window was over before what
// is added began: it never came back.
func (t Triplet) Merge(add Triplet) (merged Triplet, lost bool) {
	switch {
	case t.Number == 0:
		return add, false
	case t.State == Waiting && !add.First.Before(t.Expires):
		return add, true
	case add.First.Before(t.First):
		t.First, t.Tx = add.First, add.Tx
		if t.State == Waiting {
			t.Expires = add.Expires
		}
	}
	if add.State > t.State || add.State == Passing && add.Expires.After(t.Expires) {
		t.State, t.Expires = add.State, add.Expires
	}
	if add.Last.After(t.Last) {
		t.Last = add.Last
	}
	t.Tries += add.Tries
	return t, false
}

// ByHand is the Passes of an Identity that an admin let pass.
const ByHand = 1 << 40

// An Identity is a domain or network of which triplets passed.
type Identity struct {
	Name    string // "example.org", "192.0.2.0/24"
	Passes  int64  // triplets that passed since First
	First   time.Time
	Last    time.Time // to the hour
	Expires time.Time
}

// Merge returns what is known of an identity and what is added to it.
func (i Identity) Merge(add Identity) Identity {
	if i.Name == "" {
		return add
	}
	i.Passes += add.Passes
	if add.First.Before(i.First) {
		i.First = add.First
	}
	if add.Last.After(i.Last) {
		i.Last = add.Last
	}
	if add.Expires.After(i.Expires) {
		i.Expires = add.Expires
	}
	return i
}

// Found is what rows know of a question.
type Found struct {
	Triplets   map[int64]Triplet
	Identities map[string]Identity
}

// A Batch is what is written in one commit.
type Batch struct {
	// Triplets are merged with those there; one that passes now, and did not before, counts
	// for its identity, which is kept at least as long.
	Triplets   []Triplet
	Identities []Identity // merged with those there
	Delays     []Delay    // added to those there
	// PerIdentity is how many triplets of one identity may wait: the oldest are removed.
	PerIdentity int
}

// Rows keep triplets. Those of several Books may be the same.
type Rows interface {
	// Find returns what is known, expired or not: it is there until Sweep has removed it.
	Find(ctx context.Context, triplets []int64, identities []string) (Found, error)
	// Put writes a batch, durably or not at all.
	Put(ctx context.Context, b Batch) error
	// Changes is a number that is another once a person has changed rows (Desk).
	Changes(ctx context.Context) (int64, error)
}

// Swept is what a chore removed.
type Swept struct {
	Removed int // rows
	Lost    int // of those, triplets that waited and never came back
}

// Chores keep rows small. Each call is one short commit; Removed below its limit says that
// nothing is left to do.
type Chores interface {
	// Sweep removes at most limit rows that expired before now, and counts those that never
	// came back as such in their Delay.
	Sweep(ctx context.Context, now time.Time, limit int) (Swept, error)
	// Trim removes at most limit of the triplets that wait, the oldest first, beyond the
	// number that may; waiting is how many there were.
	Trim(ctx context.Context, most, limit int) (waiting int, s Swept, err error)
	// Fold sums the delays of a day's domains under Others but for the keep most used, and
	// removes those of days before oldest.
	Fold(ctx context.Context, day, oldest string, keep int) error
}

// A Choice is a part of the rows; fields that are empty ask for all. Numbers are those of
// Book.Numbers.
type Choice struct {
	Identity string
	Address  int64 // sender or recipient
}

// A Page is a part of a list, in the order of expiry.
type Page struct {
	State State
	After Cursor
	Limit int
}

// A Cursor is the place behind a triplet.
type Cursor struct {
	Expires time.Time
	Number  int64
}

// Desk is what people ask of rows.
type Desk interface {
	// List returns a page of the triplets.
	List(ctx context.Context, p Page) ([]Triplet, error)
	// Identities returns a page of the identities, by name.
	Identities(ctx context.Context, after string, limit int) ([]Identity, error)
	// Select returns at most limit triplets of a choice. By an address alone it reads all
	// rows: seconds where there are millions.
	Select(ctx context.Context, c Choice, limit int) ([]Triplet, error)
	// Forget removes a choice, with the identity itself, and returns how many triplets.
	Forget(ctx context.Context, c Choice) (int, error)
	// Pass lets an identity pass whole until it is not used for a Keep.
	Pass(ctx context.Context, i Identity) error
	// Delays returns the delays from a day on, of all domains or of one, by day and domain.
	Delays(ctx context.Context, since, domain string) ([]Delay, error)
}
