package collector

import (
	"context"
	"time"
)

// A Fate is why a message of an account is not fetched again.
type Fate uint8

// The fates.
const (
	Taken    Fate = 1 + iota // it is here
	Passed                   // it was there before the account was collected, which is for new mail only
	Known                    // it is here, and the server has given it another id
	TooLarge                 // than what is taken in
	Looped                   // this account brought it before, or it went round too often
	Bad                      // it can't be taken in
)

var fateNames = [...]string{"", "taken", "passed", "known", "too-large", "looped", "bad"}

// String returns the fate's name in logs and metrics.
func (f Fate) String() string {
	if int(f) < len(fateNames) {
		return fateNames[f]
	}
	return "unknown"
}

// Here reports whether the message is in a mailbox, so that it may be removed where it was.
func (f Fate) Here() bool { return f == Taken || f == Known }

// A Mark is a message that is dealt with.
type Mark struct {
	Account  int64
	Folder   string
	Validity uint32 // UIDVALIDITY of IMAP, 0 of POP3
	ID       string // UIDL or UID; "": the folder as a whole, which was looked at first then
	Fate     Fate
	Sum      []byte // SHA-256 of its content; nil: it was not fetched
	Size     int64
	Time     time.Time

	UID   uint32 // of a whole account: its UID here,
	Flags string // and those that it was given, as Home.Flags writes them
}

// Rows keeps accounts and marks. The marks of messages that are taken are written by the commit
// that takes them.
type Rows interface {
	Accounts(ctx context.Context) ([]Account, error)
	// Due are those, of owners or of operators, whose time has come and that are not paused, by that time, limit at most; also
	// those that are due between Latest and Astray.
	Due(ctx context.Context, owned bool, limit int) ([]Account, error)
	// Add fails with ErrExists.
	Add(ctx context.Context, a *Account) error
	// Change replaces settings and password, and what became of runs, or fails with ErrUnknown.
	Change(ctx context.Context, a *Account) error
	// Remove forgets an account with all of its marks, or fails with ErrUnknown.
	Remove(ctx context.Context, id int64) error
	// Finish notes what became of a run: that it is due after wait, by the store's clock.
	Finish(ctx context.Context, id int64, s State, wait time.Duration) error

	// Marks are those of a folder.
	Marks(ctx context.Context, account int64, folder string) ([]Mark, error)
	// Mark notes messages that are not taken; what is marked already stays so.
	Mark(ctx context.Context, list []Mark) error
	// Forget removes marks.
	Forget(ctx context.Context, list []Mark) error
	// Remark replaces UID and Flags of marks.
	Remark(ctx context.Context, list []Mark) error

	// Folders are those of a whole account, by name.
	Folders(ctx context.Context, account int64) ([]Folder, error)
	// PutFolder replaces what is known of one.
	PutFolder(ctx context.Context, f Folder) error
	// Unfit are messages of an account that can't be taken in, limit at most.
	Unfit(ctx context.Context, account int64, limit int) ([]Mark, error)
}

// A Folder is what became of one of a whole account.
type Folder struct {
	Account  int64
	Name     string // there
	Target   string // here
	Validity uint32
	State    string // as the server last told it: while it tells the same nothing happened there; "": it was not gone through yet
	Messages int64  // that are here
	Left     int64  // that can't be taken in
	Changed  int64  // of which flags followed
	Removed  int64  // that went here, since they went there
	Fault    string // why it is not brought
}
