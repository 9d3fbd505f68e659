package digest

import (
	"context"
	"errors"
	"iter"
	"time"

	"gatepost/internal/mail"
)

// ErrTold: the reader was told by somebody else meanwhile.
var ErrTold = errors.New("told meanwhile")

// A Key says who reads: a mailbox here by its number, or with Box 0 an address that has
// none here, folded.
type Key struct {
	Box       int64
	Recipient mail.Path
}

// A Row is one held message, as much as a digest tells of it.
type Row struct {
	ID        string
	Recipient mail.Path // as the client gave it
	Sender    mail.Path // the reverse-path
	Author    string    // of the header, decoded, one line; "" where it is not known
	Subject   string    // decoded, one line
	Filter    string    // the entry of the policy that decided
	Time      time.Time
	Expires   time.Time
	Proven    bool      // something proves who sent it
	Guarded   bool      // dangerous: an operator alone may release it
	Asked     time.Time // when its owner asked for it; zero: not
}

// A Told is how much a reader was told. The zero Told: nothing yet.
type Told struct {
	Until  time.Time // what was held up to then
	Warned time.Time // that holds end which end up to then
	Ends   time.Time // the first end of a hold after that; zero: there is none
	Sent   time.Time // when the last digest was
	Off    bool      // a reader without a mailbox here wants no digest
}

// equal reports whether two say the same.
func (t Told) equal(o Told) bool {
	return t.Until.Equal(o.Until) && t.Warned.Equal(o.Warned) && t.Ends.Equal(o.Ends) && t.Sent.Equal(o.Sent) && t.Off == o.Off
}

// A Look is what there is to tell a reader.
type Look struct {
	Told   Told
	Fresh  Part      // held since it was last told
	Ending Part      // told before, and soon to end
	Ends   time.Time // the first end of a hold after those; zero: there is none
}

// A Part is the beginning of a list, and how long the list is.
type Part struct {
	Rows  []Row
	Count int
}

// A Range says what a Look is to find.
type Range struct {
	Now     time.Time // what ends before is over
	Since   time.Time // what was held before is told, as far as is known of all readers
	Until   time.Time // held up to then
	Horizon time.Time // ends up to then
	Limit   int       // rows of each part
}

// A Cursor is a place among held rows, in the order of time.
type Cursor struct {
	Time time.Time
	ID   string
}

// A Holder is whom a held row is for, and the row's place.
type Holder struct {
	Key Key
	At  Cursor
}

// A Run is how far a domain's digests have come.
type Run struct {
	Slot  time.Time // the last hour that was done
	Until time.Time // held up to then was looked at
}

// A Mark says that a reader is told: it holds where what was noted before is still Was.
type Mark struct {
	Key    Key
	Domain string // whose run it was
	Was    Told
	Now    Told
}

// Rows is what the store keeps for digests.
type Rows interface {
	// Runs returns how far the domains are that ever had a run.
	Runs(ctx context.Context) (map[string]Run, error)
	// SetRun notes it.
	SetRun(ctx context.Context, domain string, r Run) error
	// Fresh returns whom up to limit held rows of a domain are for, after a place and up
	// to a time, the oldest first. The same holder may come again.
	Fresh(ctx context.Context, domain string, after Cursor, until time.Time, limit int) ([]Holder, error)
	// Ending returns up to limit readers of a domain, after one in their order, whose
	// Told.Ends is not after until.
	Ending(ctx context.Context, domain string, after Key, until time.Time, limit int) ([]Key, error)
	// Look returns what there is to tell a reader: the newest first, and those that end
	// the soonest first.
	Look(ctx context.Context, k Key, r Range) (Look, error)
	// Note keeps a mark, or fails with ErrTold.
	Note(ctx context.Context, m Mark) error
}

// A Reader is somebody who may be told, and how.
type Reader struct {
	Key      Key
	Address  mail.Path
	Domain   string // the address's
	Name     string // the domain as people write it; "": as it is
	Language string
	Zone     *time.Location
}

// A Directory knows who may be told, and when.
type Directory interface {
	// Schedules are those of all domains, by name.
	Schedules() iter.Seq2[string, Schedule]
	// Reader returns who reads a key's digests. It is false where nobody does: the
	// mailbox is gone or not in use, its owner or its domain wants none, or its mail is
	// only sent on.
	Reader(k Key) (Reader, bool)
}

// A Post sends digests.
type Post interface {
	// Send queues a mail, complete with its header, to a reader, and keeps the mark in
	// the same commit. It fails with ErrTold where the mark does not hold, and then
	// nothing is sent.
	Send(ctx context.Context, to Reader, content []byte, m Mark) error
}
