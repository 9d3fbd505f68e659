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
	Warned time.Time // that holds end which end up to then
	Ends   time.Time // the first end of a hold after that; zero: there is none
	Sent   time.Time // when the last digest was
	Off    bool      // a reader without a mailbox here wants no digest
}

// equal reports whether two say the same.
func (t Told) equal(o Told) bool {
	return t.Warned.Equal(o.Warned) && t.Ends.Equal(o.Ends) && t.Sent.Equal(o.Sent) && t.Off == o.Off
}

// A Look is what there is to tell a reader.
type Look struct {
	Told   Told
	Fresh  Part      // held, and in no digest yet
	Ending Part      // told before, and soon to end
	Seen   Seen      // all that is in no digest yet
	Ends   time.Time // the first end of a hold after those; zero: there is none
}

// A Part is the beginning of a list, and how long the list is.
type Part struct {
	Rows  []Row
	Count int
}

// Seen says which held rows were in no digest when it was looked: how many, and a sum of
// their names. It is another one where any of them went or came.
type Seen struct {
	Count int
	Sum   uint64
}

// A Range says what a Look is to find.
type Range struct {
	Now     time.Time // what ends before is over
	Horizon time.Time // ends up to then
	Limit   int       // rows of each part
}

// A Run is how far a domain's digests have come.
type Run struct {
	Slot time.Time // the last hour that was done
}

// A Mark says that a reader is told: it holds where what was noted before is still Was, and
// what is in no digest is still what was Seen, which is in one then.
type Mark struct {
	Key    Key
	Domain string // the reader's
	Was    Told
	Now    Told
	Seen   Seen // the zero Seen: nothing is to be told
}

// Rows is what the store keeps for digests.
type Rows interface {
	// Runs returns how far the domains are that ever had a run.
	Runs(ctx context.Context) (map[string]Run, error)
	// SetRun notes it.
	SetRun(ctx context.Context, domain string, r Run) error
	// Fresh returns the keys of readers for whom something is held that is in no digest
	// yet, in their order, after one, of all domains; each once in a page, up to limit. What
	// is held is in no digest from the commit that holds it, or holds it again, whatever
	// time it bears, until a Mark holds that has Seen it.
	Fresh(ctx context.Context, after Key, limit int) ([]Key, error)
	// Ending returns up to limit readers of a domain, after one in their order, whose
	// Told.Ends is not after until.
	Ending(ctx context.Context, domain string, after Key, until time.Time, limit int) ([]Key, error)
	// Look returns what there is to tell a reader: the newest first, and those that end
	// the soonest first.
	Look(ctx context.Context, k Key, r Range) (Look, error)
	// Note keeps a mark, or fails with ErrTold.
	Note(ctx context.Context, m Mark) error
	// Sweep removes what is kept of readers for whom nothing is held, but for who wants
	// none, and of domains that are gone.
	Sweep(ctx context.Context) error
}

// A Reader is somebody who may be told, and how.
type Reader struct {
	Key      Key
	Address  mail.Path
	Domain   string // the address's
	Name     string // the domain as people write it; "": as it is
	Language string
	Zone     *time.Location
	Listless bool // allows and blocks nobody
}

// A Directory knows who may be told, and when.
type Directory interface {
	// Schedules are those of all domains, by name.
	Schedules() iter.Seq2[string, Schedule]
	// Reader returns who reads a key's digests. It is false where nobody does: the
	// mailbox is gone or not in use, its owner or its domain wants none, its mail is only
	// sent on, or nobody knows whether it is there.
	Reader(k Key) (Reader, bool)
}

// A Post sends digests.
type Post interface {
	// Send queues a mail, complete with its header, to a reader, and keeps the mark in
	// the same commit. It fails with ErrTold where the mark does not hold, and then
	// nothing is sent.
	Send(ctx context.Context, to Reader, content []byte, m Mark) error
}
