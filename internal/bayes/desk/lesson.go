package desk

import (
	"slices"
	"strings"
	"time"

	"gatepost/internal/bayes"
)

// A Source is what a lesson came by. None is a filter's own verdict.
type Source string

// The sources.
const (
	Trap      Source = "trap"      // somebody wrote to an address that nobody uses
	Virus     Source = "virus"     // an engine knows what is in it
	Report    Source = "report"    // a recipient, or a feedback loop, complained
	Junk      Source = "junk"      // the owner moved it into Junk
	Release   Source = "release"   // somebody released it
	Challenge Source = "challenge" // its sender solved a task
	Allow     Source = "allow"     // its sender was allowed
	Inbox     Source = "inbox"     // the owner moved it out of Junk
	Command   Source = "command"   // gatepost learn; not capped
)

// Sources returns all of them.
func Sources() []Source {
	return []Source{Trap, Virus, Report, Junk, Release, Challenge, Allow, Inbox, Command}
}

// A State is what became of a lesson when it was given.
type State string

// The states. Refused lessons count for nothing but the caps, and may be given again.
const (
	Learnt  State = "learnt"
	Enough  State = "enough"  // the model knew it, and knows far more of its kind than of the other
	Refused State = "refused" // by the guard
)

// A Lesson is that somebody says that a message is spam, or that it is not.
type Lesson struct {
	Message  string          // the transaction that brought it, or another name that is its own
	Features *bayes.Features // of the message; rows don't keep them
	Domain   string          // whose mail it is, in lower case: its layer learns too; "": nobody's in particular
	Spam     bool
	Source   Source
	Person   string // who says so, as one and the same is counted: an address, a network, an operator
	Time     time.Time
	Force    bool // learnt whatever the guard says: an operator has seen what it says

	// What the desk makes of it.
	ID       int64
	State    State
	Seq      int64   // the entry that has it
	Sum      []byte  // of the features
	Step     []byte  // what it added to the model (bayes.Step)
	Score    float64 // how the message was judged before
	Ended    time.Time
	EndedSeq int64 // the entry that took it back; 0: none did
	EndedBy  string
	Stands   bool // it counts: not refused, not taken back, not rolled back
}

// MaxName bounds the names in a lesson, in octets.
const MaxName = 320

// clean bounds a lesson.
func (l *Lesson) clean() {
	l.Message, l.Person, l.Domain = cut(l.Message), cut(l.Person), cut(strings.ToLower(l.Domain))
}

func cut(s string) string {
	if len(s) > MaxName {
		s = strings.ToValidUTF8(s[:MaxName], "")
	}
	return s
}

// known reports whether a source may teach.
func (s Source) known() bool { return slices.Contains(Sources(), s) }

// Taught is what became of a lesson.
type Taught struct {
	State   State // "": see Known, Capped
	Known   bool  // given before: nothing changed
	Capped  bool  // one too many of its person, domain or source today: nothing changed
	Score   float64
	Instead bool // it took the place of the opposite, which was taken back
	Kept    bool // the opposite of before could not be taken back: its features are not those of then
}

// Caps bound what is taught in a day; 0 is no bound. What Command teaches is not capped.
type Caps struct {
	Person int            // by one person and source
	Domain int            // in one domain, by all sources
	Source int            // by one source
	Of     map[Source]int // the same for single sources
}
