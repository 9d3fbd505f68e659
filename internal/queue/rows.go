package queue

import (
	"context"
	"errors"
	"time"

	"gatepost/internal/mail"
)

// ErrLost: the claim on a transfer does not hold any more; somebody else has it, or
// it is gone.
var ErrLost = errors.New("queue: the claim is lost")

// Rows keeps the queue. Times that say what is due are the store's own, so that
// nodes with clocks that differ don't take each other's work.
type Rows interface {
	// Claim takes up to limit transfers of a destination that are due, the longest
	// due first, those of one message together as far as limit goes. Each is due again
	// after lease, and its Fence is a new one. Two claims never return the same
	// transfer, from whatever node.
	Claim(ctx context.Context, d Destination, limit int, lease time.Duration) ([]*Transfer, error)
	// Settle ends claims, all in one commit. A settlement whose transfer is gone, or
	// has another fence, is passed over; lost is how many. Its notice goes with the next
	// settlement of the same message, if there is one, since it may speak of that too.
	Settle(ctx context.Context, s []Settlement) (lost int, err error)
	// Destinations returns each destination that has waiting transfers, with the time
	// of the first that is due, relative to now by the store's clock.
	Destinations(ctx context.Context) ([]Waiter, error)
	// Nearer makes due at once what is due later than in most, unless its sender has it wait
	// (Params.Release), and returns how many, of which there may be more. What is claimed is due in most then.
	Nearer(ctx context.Context, most time.Duration) (int, error)
	// Reclaim makes due at once what an earlier life of this node had claimed.
	Reclaim(ctx context.Context) error
}

// A Settlement ends the claim on one transfer.
type Settlement struct {
	Transfer *Transfer // ID and Fence count
	Fate     Fate      // Deferred puts it back, the others remove it
	Reply    Reply
	Retry    time.Duration // Deferred: from now
	Delayed  bool          // Deferred: the sender is told of the delay with this settlement, or was before
	Untried  bool          // Deferred: the claim is given back, and nothing was tried
	Silent   bool          // no Event is kept of it
	// Hold is until when a Refused transfer is held: put back where it was released from,
	// or, where others got that too, with a row of its own. Zero: it is not.
	Hold time.Time
	// Notice, where there is one, is what we tell the sender by ourselves: a transfer
	// with a message of its own, queued in the same commit.
	Notice *Transfer
}

// A Waiter is a destination with work.
type Waiter struct {
	Destination Destination
	Due         time.Duration // until its first transfer is due; negative: since when
}

// A Clerk is the queue as admins see and change it.
type Clerk interface {
	// Find returns transfers in the order of their IDs.
	Find(ctx context.Context, q Query) ([]*Transfer, error)
	// Look is Find for one who waits for an answer: it looks through some thousands of
	// transfers at most, and returns behind which ID to look on; 0: there are no others.
	Look(ctx context.Context, q Query) (list []*Transfer, next int64, err error)
	// Change does one act to all that q finds and returns how many it was done to.
	// Those that are on the wire at the moment are left out by Delete, and hold
	// takes effect after the attempt.
	Change(ctx context.Context, q Query, act Act) (int, error)
	// ChangeSome is Change to the first of them, in one commit, and returns as Look does
	// behind which ID to go on.
	ChangeSome(ctx context.Context, q Query, act Act) (changed int, next int64, err error)
	// Backlogs returns the destinations with the most that waits, and reads the whole index
	// for that.
	Backlogs(ctx context.Context, most int) ([]Backlog, error)
	// Events returns what was tried for a transaction, the oldest first, at most 1,000.
	Events(ctx context.Context, tx string) ([]Event, error)
	// Totals counts the queue.
	Totals(ctx context.Context) (Totals, error)
}

// A Query asks for transfers. Empty fields ask for all.
type Query struct {
	ID          int64
	Message     string    // or the transaction it came by
	Sender      mail.Path // whatever its case
	NullOnly    bool      // only what has the null reverse-path
	Recipient   mail.Path // whatever its case
	Domain      string    // of the recipient
	Homes       []string  // any of them, MaxHomes at most
	Destination Destination
	State       State
	Failing     bool // tried at least once
	// Only is asked of each that is found, with its message; nil: it is all of them. It must not wait.
	Only   func(*Transfer) bool
	Before time.Time // accepted before then
	After  int64     // a greater ID: the next page
	Limit  int       // at most so many; 0 is MaxPage
}

// MaxPage bounds what one Find returns.
const MaxPage = 1000

// MaxHomes bounds the domains of one Query.
const MaxHomes = 100

// A Backlog is what waits for one destination.
type Backlog struct {
	Destination Destination
	Waiting     int       // transfers
	Due         time.Time // when the next one is
	Oldest      *Transfer // of those that wait
}

// An Act is what an admin does to transfers.
type Act string

// Acts.
const (
	Retry   Act = "retry"   // due now, but for what its sender has wait
	Hold    Act = "hold"    // not tried until released
	Release Act = "release" // waiting again, due now
	Delete  Act = "delete"  // removed; nobody is told. What was released, and went nowhere else, is held again
	Recall  Act = "recall"  // Delete, of what its sender has wait, and that no worker has begun
)

// An Event is one attempt at a recipient, or one act of an admin, for the journal.
type Event struct {
	Tx        string    `json:"tx"`
	Transfer  int64     `json:"transfer"`
	Recipient mail.Path `json:"recipient"`
	Time      time.Time `json:"time"`
	What      string    `json:"what"` // a Fate, or an Act
	Reply     Reply     `json:"reply"`
}

// Totals counts the queue.
type Totals struct {
	Waiting int // transfers, the failing among them
	Failing int // tried at least once
	Held    int
	// Oldest is since the oldest waiting one was accepted, or let go where its sender had it wait. Those that he has wait
	// still don't count.
	Oldest time.Duration
}
