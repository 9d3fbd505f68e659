package learnt

import (
	"context"
	"time"
)

// A Reader reads what was learnt.
type Reader interface {
	// Load calls f with each print that changed after a revision, those that count as
	// spam no more too, and returns the revision up to which that is; from 0 on with those alone that count as spam.
	Load(ctx context.Context, since int64, f func(Entry) error) (revision int64, err error)
	// Find returns lessons, the newest first.
	Find(ctx context.Context, q Query) ([]Lesson, error)
	// Counts returns, for each source, how many lessons stand.
	Counts(ctx context.Context) ([]Count, error)
}

// A Writer writes it.
type Writer interface {
	// Teach keeps lessons. One that its person gave about its message before, and that
	// says the same, is not kept again; one that said the opposite is ended. What is over the caps is not kept.
	Teach(ctx context.Context, list []Lesson, caps Caps) (Taught, error)
	// Forget ends lessons and returns them with what they had taught.
	Forget(ctx context.Context, f Forgetting) ([]Lesson, error)
	// Expire removes what was last taught before a time, and of the rest, those that were taught longest ago, what is over most
	// prints; limit at once. It returns how many prints it removed.
	Expire(ctx context.Context, before time.Time, most, limit int) (int, error)
}

// Rows keeps lessons. The store implements it.
type Rows interface {
	Reader
	Writer
}

// Caps bound what is taught in a day, by the time of the rows; 0 is no bound. What Command teaches is not
// capped.
type Caps struct {
	Person int // by one person and source
	Source int // by one source
}

// Day is over how long Caps count.
const Day = 24 * time.Hour

// MaxLessons is how many lessons of spam, and of ham, by sources that are Firm and by others, are kept
// about one print; more only make it young again.
const MaxLessons = 64

// Taught is what became of lessons.
type Taught struct {
	Kept   int // new
	Known  int // given before
	Capped int // over the caps
}

// A Forgetting names lessons to be ended. Fields that are empty name all; one must not be.
type Forgetting struct {
	ID      int64
	Message string
	Person  string
	Who     string // ends them
}

// A Query finds lessons.
type Query struct {
	Message string // ""; any
	Source  Source // "": any
	Sum     []byte // of a print; nil: any
	Ended   bool   // those that ended too
	After   int64  // older than that ID; 0: from the newest on
	Limit   int
}

// A Count is how many lessons of one source stand.
type Count struct {
	Source Source
	Spam   bool
	Count  int
	Last   time.Time
}
