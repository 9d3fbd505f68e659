// Package privacy has what a person may ask of a system that handles mail: what do you know of me, and forget it
// (Articles 15 and 17 of the GDPR). A person is an address: a stranger's who wrote to people here, or that of a
// mailbox here.
//
// Which row of the store is about whom, what of it is shown, and what becomes of it is one list, next to
// the rows (package store, personal.go); this package has its words. What goes, goes for good; what
// stays has a reason, which is said. Mail in mailboxes and in archives is its owners', and stays.
package privacy

import (
	"context"
	"time"

	"gatepost/internal/mail"
)

// A Subject is who asks.
type Subject struct {
	Address mail.Path // folded
	Box     int64     // the number of the mailbox of that address; 0: there is none
	Tagged  bool      // it is of a domain here, so "ann+tag@" is ann
	Numbers []int64   // two: by which greylisting knows it, as a sender and as a recipient
	Choices bool      // what others chose about it, entries of lists, goes too
}

// A Fate is what erasing does to rows.
type Fate string

// The fates.
const (
	Removed Fate = "removed"
	Blanked Fate = "blanked" // what tells who it was goes, the rest stays: numbers of statistics
	Kept    Fate = "kept"
)

// A Part is rows of one table that are about a person in one way.
type Part struct {
	Table string           `json:"table"`
	About string           `json:"about"` // what they are, in words
	Fate  Fate             `json:"fate"`
	Why   string           `json:"why,omitempty"` // it is kept
	Count int              `json:"count"`
	Rows  []map[string]any `json:"rows,omitempty"` // by column; none where there would be more about others in them
}

// A Page is some of the parts. A part may go on in the next one.
type Page struct {
	Parts []Part
	Next  string // where the next one begins; "": there is none
}

// An Act is that something was exported or erased.
type Act struct {
	ID      string
	Time    time.Time
	Who     string
	What    string // export, erase
	Subject string // a number made of the address
	Found   int    // rows
	Ended   time.Time
}

// A Scrub is evidence that is to be erased: where it is (journal.Row), and of which transaction.
type Scrub struct{ Evidence, Tx string }

// Rows is where what is known of people lies.
type Rows interface {
	// Find returns a page of what is known, after the end of another one; "" is the beginning.
	Find(ctx context.Context, s Subject, after string) (Page, error)
	// Erase does to a page of it what the fates say. What it did is durable; doing so again finds
	// nothing but what is kept.
	Erase(ctx context.Context, s Subject, after string) (Page, error)
	// Note begins an act, or ends it.
	Note(ctx context.Context, a Act) error
	// Acts returns the newest acts, about one subject or all.
	Acts(ctx context.Context, subject string, limit int) ([]Act, error)
	// Scrubs returns what evidence is to be erased, after a pointer, at most limit.
	Scrubs(ctx context.Context, after string, limit int) ([]Scrub, error)
	// Scrubbed notes that it was.
	Scrubbed(ctx context.Context, done []Scrub) error
}
