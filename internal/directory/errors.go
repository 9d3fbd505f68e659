package directory

import "errors"

// Errors that callers decide by. What is wrapped around them says which item,
// and what to do about it.
var (
	ErrNoDomain  = errors.New("no such domain")
	ErrNoMailbox = errors.New("no such mailbox")
	ErrNoAlias   = errors.New("no such alias")
	ErrNoHost    = errors.New("no such mail host")
	ErrNoEntry   = errors.New("no such list entry")
	ErrNoAdmin   = errors.New("no such admin")
	ErrSuspended = errors.New("suspended")
	ErrClosed    = errors.New("mailbox is closed")
	ErrExists    = errors.New("exists already")
	ErrFull      = errors.New("the list is full; remove entries first")
	ErrInUse     = errors.New("still in use")
	ErrOutranked = errors.New("would never count")
	ErrInvalid   = errors.New("not valid")
	ErrTooMany   = errors.New("leads to too many addresses")
	ErrLoop      = errors.New("leads back to itself")
	ErrPost      = errors.New("may not post to this list")
	ErrLast      = errors.New("the last operator who can log in has to stay one")
	// ErrLogin: no such user, or not that user's password. Nothing tells which.
	ErrLogin = errors.New("wrong user name or password")
)

// Errors by which Rows steers its caller.
var (
	// ErrMoved: somebody changed the directory since the change was planned.
	ErrMoved = errors.New("directory: changed in the meantime")
	// ErrBehind: what was removed since is no longer known; load from 0.
	ErrBehind = errors.New("directory: too far behind")
)
