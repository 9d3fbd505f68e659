package proposal

import (
	"context"
	"time"
)

// Samples keep samples. The store implements it.
type Samples interface {
	// Bring keeps samples, of one person and class caps.Day within a day at most and of a class the newest caps.Class. Of one
	// message and person the last stays.
	Bring(ctx context.Context, list []Sample, caps Caps) error
	// Forget removes what a person said of a message; "": everybody.
	Forget(ctx context.Context, message, person string) error
	// Samples returns all that are kept, the newest first.
	Samples(ctx context.Context) ([]Sample, error)
	// Expire removes samples of before a time, limit at once, and says how many.
	Expire(ctx context.Context, before time.Time, limit int) (int, error)
}

// Decisions keep what operators decided. The store implements it.
type Decisions interface {
	// Decide keeps a decision in place of the one before, if there is room for one more.
	Decide(ctx context.Context, d Decision, most int) error
	// Withdraw removes a decision, and says whether there was one.
	Withdraw(ctx context.Context, p Pattern) (bool, error)
	// Decided returns all decisions, the newest first, and the revision of that; nothing where that is not after since.
	Decided(ctx context.Context, since int64) (list []Decision, revision int64, err error)
}

// Rows keep both.
type Rows interface {
	Samples
	Decisions
}

// Caps bound samples; 0 is no bound.
type Caps struct {
	Day   int // of one person and class, by the time of the rows
	Class int
}

// A Decision is what an operator says of a pattern.
type Decision struct {
	Pattern
	Accepted bool    // else refused: it is not proposed again
	Weight   float64 // of one that is accepted
	Who      string
	Why      string // what spoke for it when that was decided
	Time     time.Time
}
