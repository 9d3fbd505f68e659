package desk

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrBehind: another node appended an entry first.
var ErrBehind = errors.New("desk: another node has learnt meanwhile")

// ErrBusy: somebody else makes a snapshot just now.
var ErrBusy = errors.New("desk: another snapshot is being made")

// ErrNeeded: the last roll-back leads to a snapshot.
var ErrNeeded = errors.New("desk: the last roll-back leads to the snapshot")

// A Reader reads what the desk keeps.
type Reader interface {
	// Head says where the log stands.
	Head(ctx context.Context) (Head, error)
	// Entries calls f with the entries after one and up to another, in order, until some octets of them were read or there
	// are no more. Their lessons are not read, nor that they are rolls.
	Entries(ctx context.Context, s Span, octets int, f func(Entry) error) error
	// Before returns what has been said before of the messages of lessons, and what their givers taught in the last day.
	Before(ctx context.Context, list []Lesson) (Before, error)
	// Lessons finds lessons, the newest first.
	Lessons(ctx context.Context, q Query) ([]Lesson, error)
	// Counts returns how many lessons that stand there are, of each source and label.
	Counts(ctx context.Context, p Path) ([]Count, error)
	// Cells returns the record from a day on.
	Cells(ctx context.Context, since string) ([]Cell, error)
	// Samples returns those that entries after one put, empty ones too.
	Samples(ctx context.Context, after int64) ([]Sample, error)
	// GuardDays returns the newest, the newest first.
	GuardDays(ctx context.Context, limit int) ([]GuardDay, error)
	// Snapshots returns all that are whole, the oldest first.
	Snapshots(ctx context.Context) ([]Snapshot, error)
	// Snapshot writes what one has to w.
	Snapshot(ctx context.Context, id int64, w io.Writer) error
}

// A Writer writes it.
type Writer interface {
	// Append puts an entry behind the one before it (Seq - 1), with all that it has; ErrBehind where that isn't the last, and
	// ErrNoSnapshot where it rolls back to one that is gone.
	Append(ctx context.Context, e Entry) error
	// PutSnapshot keeps one; it counts when it is whole. ErrBusy where another is being made.
	PutSnapshot(ctx context.Context, s Snapshot, data []byte) error
	// DropSnapshot removes one; ErrNeeded where the last roll-back leads to it.
	DropSnapshot(ctx context.Context, id int64) error
	// Trim removes entries up to one, as many as it does at once, and remains of snapshots that never became whole; it
	// returns whether there are more.
	Trim(ctx context.Context, upTo int64) (more bool, err error)
	// Expire removes lessons and all else that is older, and of the rest of the lessons the oldest that
	// are over most; limit at once. It returns how many lessons it removed.
	Expire(ctx context.Context, before time.Time, most, limit int) (int, error)
}

// Rows keeps the log, lessons, the record, samples and snapshots. The store implements it.
type Rows interface {
	Reader
	Writer
}

// A Head is where the log stands.
type Head struct {
	Seq   int64  // of the last entry
	First int64  // of the oldest that is still there; Seq + 1 where none is
	Rolls []Roll // in order
}

// An Entry is one step of the model.
type Entry struct {
	Seq   int64 // the number after that of the one before; the first is 1
	Node  string
	Time  time.Time
	Delta []byte // what changed in the model, packed; empty: nothing
	Roll  *Roll  // that it became another instead

	// What is kept with it, and not read by Entries.
	Lessons []Lesson
	Ends    []End
	Cells   []Cell // to be added to those that are there
	Samples []Sample
	Guard   *GuardDay // unless there is one of its day, which is not Anew
}

// A GuardDay is how much of the known ham, and spam, counted as lost when a day began.
type GuardDay struct {
	Day       string
	Ham, Spam int
	Anew      bool // the days before are forgotten
}

// An End is that a lesson was taken back.
type End struct {
	Lesson int64
	By     string
}

// A Roll is a return to a snapshot.
type Roll struct {
	Seq      int64 // the entry that says so
	To       int64 // the model is what it was after that entry
	Snapshot int64 // which has it
	Day      string
	Time     time.Time
	By       string
}

// A Snapshot is the model as it was after an entry.
type Snapshot struct {
	ID     int64
	Seq    int64
	Day    string // on which it was made: 2026-11-26, UTC
	Time   time.Time
	Node   string
	Octets int64
}

// Before is what was said before of some lessons' messages.
type Before struct {
	Head    Head
	Lessons []Lesson          // about the same messages, and by the same persons of the same features; the newest first
	Counts  map[[2]string]int // lessons of the last day: {"source", s}, {"domain", d}, {s, person}
}

// A Query finds lessons.
type Query struct {
	ID      int64  // 0: any
	Message string // "": any
	Person  string // "": any
	Source  Source // "": any
	State   State  // "": any
	Since   time.Time
	After   int64 // older than that ID; 0: from the newest on
	Limit   int
}

// A Cell of the record counts messages of a label on a day whose score, before they were learnt, was in a
// range.
type Cell struct {
	Day   string
	Spam  bool
	Score int // ScoreParts of a point: the range begins at Score / ScoreParts
	Count int64
}

// A Sample is known ham, or known spam, that the guard judges: its features, without its text.
type Sample struct {
	Slot     int
	Seq      int64 // of the entry that put it
	Message  string
	Person   string
	Domain   string
	Features []byte // empty: the slot is free
}

// A Count is how many lessons of one source and label stand.
type Count struct {
	Source Source
	Spam   bool
	State  State
	Count  int64
	Last   time.Time
}
