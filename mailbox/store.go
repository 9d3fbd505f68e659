package mailbox

import (
	"context"
	"time"
)

// Boxes makes and measures whole mailboxes.
type Boxes interface {
	// OpenBox makes the box's standard folders where it has none yet, and more of these names.
	OpenBox(ctx context.Context, box int64, lang string, now time.Time, more ...string) error
	// Usage returns what the box takes up. A box that nobody opened takes up nothing.
	Usage(ctx context.Context, box int64) (Usage, error)
}

// A Gauge measures more than whole mailboxes.
type Gauge interface {
	// Measure returns what those messages of set take up that are in a folder; onlyDeleted
	// leaves out those without \Deleted. It reads their rows.
	Measure(ctx context.Context, folder int64, set UIDSet, onlyDeleted bool) (Usage, error)
}

// Folders reads a box's folders.
type Folders interface {
	// Folders returns all, by name.
	Folders(ctx context.Context, box int64) ([]Folder, error)
	// Folder returns one by name, or ErrNoFolder.
	Folder(ctx context.Context, box int64, name string) (Folder, error)
}

// A FolderEditor changes a box's folders. Names are clean (see CleanName).
type FolderEditor interface {
	// CreateFolder makes a folder and those missing above it, or ErrFolderExists;
	// ErrUseTaken where the name is free and another folder has the use.
	CreateFolder(ctx context.Context, box int64, name string, use Use) (Folder, error)
	// RenameFolder renames a folder and all beneath it, and makes those missing
	// above the new name. The inbox is not renamed: ErrInbox.
	RenameFolder(ctx context.Context, box int64, from, to string) error
	// SetUse gives a folder a use, or takes it away where it is "". It fails with ErrUseTaken where another has it, with
	// ErrUseFilled, and with ErrInbox for the inbox.
	SetUse(ctx context.Context, box int64, name string, use Use) error
	// DeleteFolder expunges a folder's messages and removes it; those beneath it stay.
	DeleteFolder(ctx context.Context, box int64, name string) error
}

// Held is the folder that shows what is held for a box: one like others to all who
// read, and unchangeable, with ErrQuarantine, for all who write. Its messages are no
// part of the box's Usage.
type Held interface {
	// OpenHeld makes the folder where the box has none yet, and subscribes to it. It is
	// found by its Use; its name is QuarantineName, or a similar one where that is taken.
	OpenHeld(ctx context.Context, box int64) error
	// Gather brings that folder up to date: what is held since the last time gets its
	// UID, and whose hold has ended is expunged. Readers see what the last Gather saw,
	// but never the content of what is not held any more. Of more than some thousand
	// the rest is left for the next time.
	Gather(ctx context.Context, folder int64) error
}

// Subscriptions are the names that a box's owner wants to see; they need not
// be folders (RFC 9051 §6.3.7).
type Subscriptions interface {
	Subscriptions(ctx context.Context, box int64) ([]string, error)
	Subscribe(ctx context.Context, box int64, name string, on bool) error
}

// A Part says what of each message a Reader is to read, beside its UID, date and size. What is
// not asked for may be there all the same.
type Part uint8

// The parts. Each is some columns more, and what is not asked for costs nothing.
const (
	Marks     Part = 1 << iota // ModSeq, Flags
	Origin                     // EmailID, Saved
	Content                    // Blob, View
	Envelope                   // as large as a header
	Structure                  // BodyStructure
	Beginning                  // Preview, Previewed

	Row   = Marks | Origin // what is the message's own in this folder
	Whole = Row | Content | Envelope | Structure | Beginning
)

// Has reports whether all of other is in the part.
func (p Part) Has(other Part) bool { return p&other == other }

// A Reader reads a folder, by its number. A folder that is gone is ErrNoFolder.
type Reader interface {
	// Index calls add for every message by rising UID and returns the folder as
	// it was in the same snapshot. add must not wait.
	Index(ctx context.Context, folder int64, add func(Entry)) (Folder, error)
	// Since returns what happened after a ModSeq.
	Since(ctx context.Context, folder int64, after ModSeq) (Delta, error)
	// Gone is Since without Changed, for who was away so long that all may have.
	Gone(ctx context.Context, folder int64, after ModSeq) (Delta, error)
	// Changed returns the first messages, limit at most, from a UID on that are new, or have new
	// flags, since a ModSeq, by rising UID.
	Changed(ctx context.Context, folder int64, after ModSeq, from UID, limit int) ([]Entry, error)
	// Messages returns those of set that are there, by rising UID. The caller
	// keeps the set small.
	Messages(ctx context.Context, folder int64, set UIDSet, part Part) ([]Message, error)
}

// A Writer changes what is in a folder.
type Writer interface {
	// Deliver takes one message into its folder and fills in FolderID and UID.
	Deliver(ctx context.Context, d *Delivery) error
	// DeliverAll is Deliver for some, in one commit: all or none.
	DeliverAll(ctx context.Context, list []*Delivery) error
	// SetFlags changes flags. Many messages take more than one commit. All see it at once; when
	// the host falls the last second of it may be lost, and no ModSeq is given twice.
	SetFlags(ctx context.Context, folder int64, set UIDSet, c FlagChange) (Stored, error)
	// SetPlanned is SetFlags in one commit for who has worked out what comes of it. Where the
	// folder is not any more what the plan was made by, nothing is done, and done is false; so it may be where
	// the plan is of more than MaxPlan messages.
	SetPlanned(ctx context.Context, folder int64, p FlagPlan) (after ModSeq, done bool, err error)
	// Expunge removes those of set that have \Deleted when it runs. Many messages
	// take more than one commit.
	Expunge(ctx context.Context, folder int64, set UIDSet) error
}

// A Copier brings messages into another folder of the same box, all or none.
type Copier interface {
	Copy(ctx context.Context, from int64, set UIDSet, to int64) (Copied, error)
	Move(ctx context.Context, from int64, set UIDSet, to int64) (Copied, error)
}
