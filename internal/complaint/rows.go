package complaint

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"gatepost/internal/mail"
)

// ErrNotFound: there is no such complaint, or no such message.
var ErrNotFound = errors.New("complaint: not found")

// Rows keeps reports until they are judged, complaints, and what they come to. The reports
// are put there in the commits that accept them (intake.Commit).
type Rows interface {
	// Waiting returns reports that nobody has judged, the oldest first.
	Waiting(ctx context.Context, limit int) ([]Report, error)
	// Judge keeps what follows from a report, which does not wait any more, and returns
	// the standings that changed. A complaint whose Copy was complained of already, or
	// whose Person complained of the same subject within Once, weighs nothing against it
	// (StateAgain where it weighs nothing at all). Of a customer's mail, too, one copy is
	// complained of once, and one customer by one person within Once. A report that waits no more changes
	// nothing.
	Judge(ctx context.Context, j Judgement, m Weigher) ([]Standing, error)
	// Withdraw takes back all complaints that w names and that count.
	Withdraw(ctx context.Context, w Withdrawal, m Weigher) ([]Complaint, []Standing, error)
	// SetAccepted notes what was accepted of a subject.
	SetAccepted(ctx context.Context, s Subject, accepted int, looked time.Time) error
	// Accepted counts the copies of messages that were delivered since a time, by client or
	// by reverse-path: at least those of a subject. It looks through as much of the journal as
	// can be done in a moment, the newest first, and takes the rest to be like it.
	Accepted(ctx context.Context, s Subject, since, now time.Time) (map[string]int, error)
	// Changed is a mark that differs when standings have changed.
	Changed(ctx context.Context) (int64, error)
	// Standings returns those of a kind ("": all), of a weight or more, the heaviest first.
	Standings(ctx context.Context, kind Kind, least float64, limit int) ([]Standing, error)
	// Standing returns one; ErrNotFound where nobody complained.
	Standing(ctx context.Context, s Subject) (Standing, error)
	// Find returns complaints, the newest first.
	Find(ctx context.Context, q Query) ([]Complaint, error)
	// Totals counts complaints since a time by what by names, the most first; ByAccount
	// those of StateCustomer alone.
	Totals(ctx context.Context, by By, since time.Time, limit int) ([]Total, error)
	// Expire removes complaints from before a time, a few at a time, and standings of
	// which none is left.
	Expire(ctx context.Context, before time.Time) error
}

// A Weigher is what a store needs to know of weighing, and when.
type Weigher struct {
	Measure Measure
	Now     time.Time
}

// A Query says which complaints to find; empty fields match all.
type Query struct {
	ID       string
	Client   netip.Addr // and all of its network
	Sender   mail.Path
	Domain   string // organisational, of the sender
	Reporter mail.Path
	Account  mail.Path
	Message  string // the transaction complained of
	State    State
	Since    time.Time
	After    string // ID of the last one of the page before
	Limit    int    // 1 to MaxLimit
}

// MaxLimit is the longest page.
const MaxLimit = 1000

// A Withdrawal names complaints to take back: one by ID, those of a subject, or those of
// one person (null: all) about one message.
type Withdrawal struct {
	ID      string
	Subject Subject
	Message string
	Person  string
	Who     string // takes them back
	When    time.Time
}

// By is what complaints are counted by.
type By string

// What complaints can be counted by.
const (
	ByReporter By = "reporter"
	ByAccount  By = "account"
	ByState    By = "state"
)

// A Total is how many complaints there are of one kind.
type Total struct {
	Name     string
	Count    int
	Counting int // of them, those that count
	Last     time.Time
}
