package directory

import (
	"context"
	"time"
)

// A Change is one row as it is from now on, or one that is gone. Exactly one
// pointer is set. Of what is gone only the key is promised: a domain's name, the
// address of a mailbox or alias, an entry's Key, a host's, admin's or sender's name; and an entry
// that is loaded need only have what a Snapshot finds of it (see Entry).
type Change struct {
	Domain  *Domain
	Mailbox *Mailbox
	Alias   *Alias
	Entry   *Entry
	Host    *Host
	Admin   *Admin
	Sender  *Sender
	Note    *Note // written with the others of its commit, and read by nobody's snapshot
	Gone    bool
}

// Rows keeps the directory. Its revision counts the changes: 0 is the empty
// directory, and each Apply takes the next one in its own commit.
type Rows interface {
	// Load hands each what changed after revision since, what is gone first, and
	// returns the revision that this leads to. From 0 it hands over everything.
	// It fails with ErrBehind where it can't know any more what is gone.
	Load(ctx context.Context, since int64, each func(Change) error) (revision int64, err error)
	// Apply writes changes in one commit, or fails with ErrMoved and writes nothing
	// where the revision is not base any more. New rows have ID 0 and are given one
	// that was never used.
	Apply(ctx context.Context, base int64, changes []Change) error
}

// Entries reads list entries with all that a snapshot leaves out.
type Entries interface {
	// Entries returns entries in the order of their IDs.
	Entries(ctx context.Context, q EntryQuery) ([]Entry, error)
	// AddHits adds to the counts. An entry that is gone is passed over.
	AddHits(ctx context.Context, hits []Hits) error
}

// An EntryQuery asks for list entries. Empty fields ask for all.
type EntryQuery struct {
	ID      int64
	List    List
	Kind    Kind
	Value   string // exactly, in canonical form
	Part    string // is a part of the value, in any case
	Origin  string
	Scopes  []Scope  // of any of these, or
	Domains []string // of these domains or of a mailbox in them; named by their own names
	// Unlocked leaves out those of mailboxes that are locked.
	Unlocked bool
	Over     time.Time // expired before that
	After    int64     // entries with a greater ID: the next page
	Limit    int       // at most so many; 0 is MaxPage
}

// Bounds of an EntryQuery.
const (
	MaxPage   = 1000 // entries that it returns
	MaxScopes = 1000 // scopes and domains that it names
	MaxPart   = 255  // octets of a part of a value
)

// Hits is how often an entry decided, since they were last added.
type Hits struct {
	ID    int64
	Count int64
	Last  time.Time
}
