package mailbox

import (
	"context"
	"strings"
	"time"
)

// A Listing is a folder by which an owner allows or blocks senders: he moves their mail there.
type Listing struct {
	Name  string
	Allow bool // else it blocks
}

// listings are their names, by language. Such a folder is known by its name in any of them, since it
// has no special use that programs know.
var listings = map[string][2]Listing{
	"en": {{"Filters/Allow", true}, {"Filters/Block", false}},
	"fr": {{"Filtres/Autoriser", true}, {"Filtres/Bloquer", false}},
}

// Listings returns the folders of a new mailbox by which its owner lists senders, in his language
// where it is known, in English elsewhere.
func Listings(lang string) [2]Listing {
	lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	if l, known := listings[lang]; known {
		return l
	}
	return listings["en"]
}

// ListingOf reports whether a folder is one by which senders are listed.
func ListingOf(f Folder) (l Listing, is bool) {
	for _, both := range listings {
		for _, l := range both {
			if f.Use == "" && f.Name == l.Name {
				return l, true
			}
		}
	}
	return Listing{}, false
}

// MaxListed is how many messages of one move into such a folder are looked at.
const MaxListed = 200

// A ListingMove says that an owner brought messages into a folder that lists senders. It is noted
// in the commit that brings them, so that it outlives the process.
type ListingMove struct {
	Box      int64
	ModSeq   ModSeq // of that commit: by it and Box a move is known
	From, To int64  // folders
	First    UID    // of the messages in To, whose UIDs follow one another
	Number   int64
	Before   UID   // they were copied, and what they were copied from is in From below this; 0: they were moved
	Tries    int64 // that failed
}

// UIDs returns those of the messages in To, MaxListed at most.
func (l ListingMove) UIDs() UIDSet {
	return UIDSet{{First: l.First, Last: l.First + UID(min(l.Number, MaxListed)) - 1}}
}

// A ListingMover keeps moves into folders that list senders until they are looked at.
type ListingMover interface {
	// ListingMoves returns what is due, of each box the earliest, some at a time: the owner's
	// last word is to be the last one that is heard.
	ListingMoves(ctx context.Context, now time.Time) ([]ListingMove, error)
	// SettleListing ends a move: those messages that are listed go into another folder, 0 leaves
	// all where they are. Where they were copied out of that one they take the place of what
	// they were copied from. Nothing is done where it was settled before.
	SettleListing(ctx context.Context, l ListingMove, listed UIDSet, to int64) error
	// PostponeListing counts a try that failed; the move is due again at a time.
	PostponeListing(ctx context.Context, l ListingMove, until time.Time) error
}
