package mailbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Errors of scripts that callers decide by.
var (
	// ErrNoScript: the mailbox has no script of that name.
	ErrNoScript = errors.New("no such script")
	// ErrScriptExists: it has one already.
	ErrScriptExists = errors.New("script exists")
	// ErrScriptActive: the script that runs is not deleted (RFC 5804 §2.10).
	ErrScriptActive = errors.New("the script is active")
	// ErrScriptQuota: there would be more than MaxScripts, or more than MaxScript octets.
	ErrScriptQuota = errors.New("too many scripts, or too large")
	// ErrScriptName: not a name that a script can have.
	ErrScriptName = errors.New("not a script name")
)

// Bounds of a mailbox's scripts.
const (
	MaxScripts    = 64
	MaxScript     = 1 << 20 // octets of all of them
	MaxScriptName = 512     // octets (RFC 5804 §1.6)
)

// A Script is one Sieve script of a mailbox. One at most is active: that one decides about
// the mailbox's new mail, the others it may include.
type Script struct {
	Name    string
	Content string
	Active  bool
	Changed time.Time // when its content was put, UTC
}

// Scripts keeps the Sieve scripts of mailboxes. Who puts one has compiled it before
// (sieve.Compile): what is stored is what runs.
type Scripts interface {
	// Scripts returns all of a box, by name, without Content.
	Scripts(ctx context.Context, box int64) ([]Script, error)
	// Script returns one with its content, or ErrNoScript.
	Script(ctx context.Context, box int64, name string) (Script, error)
	// PutScript makes a script or changes its content, by Name, Content and Changed; whether
	// it is active stays as it was. It fails with ErrScriptQuota and ErrScriptName.
	PutScript(ctx context.Context, box int64, s Script) error
	// DeleteScript removes one that is not active: ErrNoScript, ErrScriptActive.
	DeleteScript(ctx context.Context, box int64, name string) error
	// RenameScript renames one, which stays active where it was: ErrNoScript,
	// ErrScriptExists, ErrScriptName.
	RenameScript(ctx context.Context, box int64, from, to string) error
	// ActivateScript makes one the active one, "" none: ErrNoScript.
	ActivateScript(ctx context.Context, box int64, name string) error
}

// ScriptChanges are Scripts some of whose changes are one.
type ScriptChanges interface {
	Scripts
	// Together runs f on a box's scripts in one commit: nobody else changes any meanwhile, and where f
	// fails nothing is changed. f may run again; what it is given holds until it returns.
	Together(ctx context.Context, box int64, f func(Scripts) error) error
}

// A ScriptChange says which script of a box is active since a revision, "" for none. A box gets a
// new revision, which rises in the whole store, with every change of any of its scripts.
type ScriptChange struct {
	Box      int64
	Revision int64
	Active   string
}

// ScriptNews tells of changes of scripts.
type ScriptNews interface {
	// ScriptsSince returns what became of boxes whose scripts changed after a revision, by rising
	// revision, some thousand at most; and the last revision of all. Before all is 0.
	ScriptsSince(ctx context.Context, after int64) (list []ScriptChange, last int64, err error)
}

// ScriptMemory is what scripts remember of mail that they have seen: to whom vacation answered, and
// what "duplicate" knows again. It is written by the commit that delivers the mail.
type ScriptMemory interface {
	// Recalls reports whether a box remembers an identity at a time.
	Recalls(ctx context.Context, box int64, id string, now time.Time) (bool, error)
	// Forget removes what is remembered no longer, limit rows at most, and returns how many.
	Forget(ctx context.Context, now time.Time, limit int) (int, error)
}

// A Memory is one identity that a box is to remember.
type Memory struct {
	Box     int64
	ID      string // MaxMemoryID octets at most
	Time    time.Time
	Expires time.Time
	// New: what is decided rests on its not being remembered at Time. Where it is, the commit fails:
	// another message was faster.
	New bool
}

// MemoryMost is how long rules may have a box remember anything. What is remembered for longer is of a clock that was ahead,
// and is not remembered: nobody would be answered until that time is reached.
const MemoryMost = 90 * 24 * time.Hour

// MaxMemoryID bounds an identity, in octets.
const MaxMemoryID = 200

// CheckScriptName refuses, with ErrScriptName as cause, what RFC 5804 §1.6 does not allow, and the
// slash, as sieve.ScriptName does.
func CheckScriptName(name string) error {
	bad := func(r rune) bool {
		return r < ' ' || r >= 0x7f && r <= 0x9f || r == '\u2028' || r == '\u2029' || r == '/' || r == utf8.RuneError
	}
	if name == "" || len(name) > MaxScriptName || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%w: %.80q", ErrScriptName, name)
	}
	return nil
}
