package mailbox

import (
	"time"

	"gatepost/internal/mail"
)

// An Entry is what a session keeps in memory of each message.
type Entry struct {
	UID    UID
	ModSeq ModSeq
	Flags  Flags
}

// A Message is one message in one folder. UID, InternalDate and Size are always filled, all
// else where the caller asked for it (see Part).
type Message struct {
	Entry
	InternalDate time.Time // when it arrived, UTC
	Size         int64     // octets served
	EmailID      int64     // the same for all copies in one mailbox (RFC 8474)
	Saved        time.Time // when it came into this folder (RFC 8514 §3), UTC; zero where that was not noted

	Blob          string // the content's id
	View          mail.View
	Envelope      []byte // RFC 9051 §7.5.2, without the item's name
	BodyStructure []byte // RFC 9051 §7.5.2, with extension data
	Preview       string // see the function of that name
	Previewed     bool   // Preview was worked out

	Held string // the held message's id, in the folder for them; those have neither Envelope nor BodyStructure
}

// A Delivery is a message on its way into a folder. The commit that takes it
// fills in FolderID and UID.
type Delivery struct {
	Box    int64
	Folder string // "" is the inbox; `\Junk` the folder with that use; a missing one the inbox
	Blob   string
	View   mail.View
	Size   int64 // octets served: View.Size of the content's
	Time   time.Time
	Flags  []string
	Create bool  // make Folder where it is missing, and subscribe to it
	Into   int64 // the number of a folder that stands for Folder whatever it is called by now; where it is gone: ErrNoFolder
	Record bool  // Box is an archive, and Folder one of its, which is made where it is missing
	// Again: it is the e-mail of the delivery before it in the commit, to another folder of the same
	// box. They share one EmailID (RFC 8474); into a folder that has it already it goes no second time.
	Again         bool
	Envelope      []byte
	BodyStructure []byte
	Preview       string
	Previewed     bool // Preview was worked out

	FolderID int64
	UID      UID // 0: it went to that folder already
	EmailID  int64
}

// A Delta is what happened in a folder after some ModSeq.
type Delta struct {
	HighestModSeq ModSeq
	UIDNext       UID
	Messages      int64   // in the folder now; not told where nothing happened
	Changed       []Entry // new, or with new flags, by rising UID
	Expunged      []UID   // rising; some may never have been seen

	// Forgot: what was expunged since then is not known any more. Expunged is empty, and what is
	// not in Present is gone.
	Forgot  bool
	Present UIDSet // all that is there
}

// A Stored is what SetFlags did.
type Stored struct {
	Before, After ModSeq  // the folder's HighestModSeq
	Entries       []Entry // all that were asked for and are there, after the change
	Failed        UIDSet  // those that a guard left alone
}

// A Copied is what Copy or Move did: the messages From, in order, are now the
// UIDs from First on in the other folder.
type Copied struct {
	UIDValidity uint32
	From        UIDSet
	First       UID
}

// To returns the UIDs that the copies were given.
func (c Copied) To() UIDSet {
	n := c.From.Count()
	if n == 0 {
		return nil
	}
	return UIDSet{{c.First, c.First + UID(n-1)}}
}
