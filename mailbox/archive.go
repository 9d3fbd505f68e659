package mailbox

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An archive has all mail of a domain, in and out, as it was taken. It is a box of its own: no
// quota counts it, no one logs in to it, and nothing in it is changed by anybody. Its folders are
// of one direction and month each, Record is the use of them all, and whole folders go when their
// time is over. Who is to read in it has an Opening, and what he does there leaves an Act.

// Record is the use of an archive's folders. It is this store's own, as Quarantine is, but many
// folders of a box have it.
const Record Use = `\Record`

// ErrRecord: what is in an archive is changed by nobody.
var ErrRecord = errors.New("the archive is read-only")

// Fixed returns why nobody changes what is in a folder of that use: ErrQuarantine, ErrRecord,
// or nil where its owner may.
func (u Use) Fixed() error {
	switch u {
	case Quarantine:
		return ErrQuarantine
	case Record:
		return ErrRecord
	}
	return nil
}

// A Direction is whether a message came to a domain, or went out from it.
type Direction string

// The directions; their names are those of the folders above the months.
const (
	In  Direction = "In"
	Out Direction = "Out"
)

// monthLayout is how a folder's name has its month.
const monthLayout = "2006-01"

// RecordFolder is the folder of a direction and of the month of t, in UTC: "In/2026-11".
func RecordFolder(d Direction, t time.Time) string {
	return string(d) + Separator + t.UTC().Format(monthLayout)
}

// RecordMonth reads what RecordFolder makes, and returns the first moment of the month and of
// the one after it. False: the folder is another.
func RecordMonth(name string) (d Direction, first, next time.Time, ok bool) {
	for _, d := range []Direction{In, Out} {
		prefix := string(d) + Separator
		if len(name) != len(prefix)+len(monthLayout) || name[:len(prefix)] != prefix {
			continue
		}
		first, err := time.Parse(monthLayout, name[len(prefix):])
		return d, first, first.AddDate(0, 1, 0), err == nil
	}
	return "", first, next, false
}

// An Opening lets somebody read an archive.
type Opening struct {
	Box    int64     // the archive
	Reader int64     // his box
	Since  time.Time // when it was opened
	Until  time.Time // when that ends by itself; zero: never
	Why    string
}

// An Act is something that was done with an archive.
type Act struct {
	ID     string // given by the store; sorts by time
	Domain string // whose archive it is
	Time   time.Time
	Who    string // an address, or how one came who needs none
	What   string // one of Acts
	About  string // what was opened, looked for, read
}

// What an Act can be.
const (
	ActKept   = "keep"   // it was said for how long mail is kept
	ActOpen   = "open"   // somebody may read it
	ActClose  = "close"  // he may no more
	ActSelect = "select" // a folder was opened
	ActList   = "list"   // senders, subjects and the like of messages were shown
	ActSearch = "search"
	ActRead   = "read" // content was shown
	ActCopy   = "copy" // messages were copied out of it
	ActExport = "export"
	ActExpire = "expire" // a month's mail was removed since its time was over
	ActRemove = "remove" // all of it was removed
)

// MaxAbout bounds what an Act tells, in octets.
const MaxAbout = 2000

// MaxActs bounds a page of acts.
const MaxActs = 1000

// An ActQuery asks for what was done with one domain's archive.
type ActQuery struct {
	Domain string
	Before string // the ID of the last one of the page before
	Limit  int    // 1 to MaxActs; 0 is MaxActs
}

// Archives keeps archives, beside what a mailstore does with all boxes. What changes who may
// read takes the Act that tells of it into the same commit.
type Archives interface {
	// OpenArchive lets somebody read, or changes until when and why.
	OpenArchive(ctx context.Context, o Opening, a Act) error
	// CloseArchive ends that; where he may not read it fails with ErrNoGrant.
	CloseArchive(ctx context.Context, box, reader int64, a Act) error
	// Openings returns those of an archive, or of all where box is 0, by box and reader.
	Openings(ctx context.Context, box int64) ([]Opening, error)
	// Note keeps an act.
	Note(ctx context.Context, a Act) error
	// Acts returns what was done, the latest first.
	Acts(ctx context.Context, q ActQuery) ([]Act, error)
	// ThinActs forgets acts from before then.
	ThinActs(ctx context.Context, before time.Time) error
	// DropMonth removes a folder of an archive with all that is in it, for good, in bounded
	// steps. Others are refused with ErrNoFolder.
	DropMonth(ctx context.Context, box, folder int64) error
}

// Describe cuts what an act tells to its bound.
func Describe(format string, args ...any) string {
	s := fmt.Sprintf(format, args...)
	if len(s) <= MaxAbout {
		return s
	}
	cut := MaxAbout - len("…")
	for cut > 0 && s[cut]&0xC0 == 0x80 { // not within a character
		cut--
	}
	return s[:cut] + "…"
}
