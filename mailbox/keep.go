package mailbox

import (
	"context"
	"time"
)

// A Keeper has what was expunged, for a while, and brings it back. A message is kept when
// the last of its copies in the box is expunged, with the folder that it was in and its flags;
// no quota counts it. Drafts, which mail programs replace all the time, and what was held
// are not kept.
type Keeper interface {
	// Kept returns what was expunged, the latest first.
	Kept(ctx context.Context, box int64, q KeptQuery) ([]Kept, error)
	// Recover puts messages back, by their EmailID, and returns how many and into which
	// folders: those they were in, or, where such a folder is gone or is for trash, one with the
	// name given. What is not kept any more is passed over.
	Recover(ctx context.Context, box int64, ids []int64, other string) (Recovered, error)
	// PurgeDeleted ends the keeping of what was expunged before then, in all boxes.
	PurgeDeleted(ctx context.Context, before time.Time) error
	// TrimDeleted ends, box by box, the keeping of the oldest until no box keeps more
	// than so many octets. It takes no bound below MinKept.
	TrimDeleted(ctx context.Context, most int64) error
	// YieldDeleted ends the keeping of the oldest in all boxes until what it ended the keeping of
	// has so many octets, in one commit of some hundred messages at most, and returns what it
	// was. Copies of one content count each, so that less may come free.
	YieldDeleted(ctx context.Context, octets int64) (Usage, error)
}

// MinKept is the least number of octets that a box may be let keep of what was expunged.
const MinKept = 1 << 30

// MaxKept bounds a page of deleted messages.
const MaxKept = 1000

// A KeptQuery asks for what was expunged. Zero fields ask for all.
type KeptQuery struct {
	Since time.Time // expunged then, or later
	After int64     // the EmailID of the last one of the page before
	Limit int       // 1 to MaxKept; 0 is MaxKept
}

// A Kept is a message that was expunged and is kept.
type Kept struct {
	EmailID      int64
	When         time.Time // when it was expunged
	Folder       string    // that it was in, by the name of then
	InternalDate time.Time
	Size         int64
	Envelope     []byte // RFC 9051 §7.5.2
}

// Recovered says what came back.
type Recovered struct {
	Messages int64
	Folders  []string // by name
}

// RecoveredName is the folder for what comes back and has none of its own any more, in the
// owner's language where it is known.
func RecoveredName(lang string) string {
	if IsFrench(lang) {
		return "Récupérés"
	}
	return "Recovered"
}
