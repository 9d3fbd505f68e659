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
	Operator  Source = "operator"  // an operator released it; not capped
)

// Sources returns all of them.
func Sources() []Source {
	return []Source{Trap, Virus, Report, Junk, Release, Challenge, Allow, Inbox, Command, Operator}
}

// Firm reports whether an operator speaks, who answers for all domains.
func (s Source) Firm() bool { return s == Command || s == Operator }

// strange reports whether anybody who sends mail can have the source say something.
func (s Source) strange() bool { return s == Trap || s == Virus || s == Challenge }

// A State is what became of a lesson when it was given.
type State string

// The states. Refused lessons count for nothing but their person's cap, and may be given again.
const (
	Learnt  State = "learnt"
	Enough  State = "enough"  // the model knew it, and knows far more of its kind than of the other
	Refused State = "refused" // by the guard
)

// A Lesson is that somebody says that a message is spam, or that it is not.
type Lesson struct {
	Message   string          // the transaction that brought it, or another name that is its own
	Features  *bayes.Features // of the message; rows don't keep them
	Domain    string          // whose mail it is, in lower case: its layer learns too; "": nobody's in particular
	Spam      bool
	Source    Source
	Person    string // who says so, as one and the same is counted: an address, a network, an operator
	Time      time.Time
	Confirmed bool // others say the same of what is alike (of two networks, or of two domains): it is for everybody
	Force     bool // learnt whatever the guard says: an operator has seen what it says

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
	Earlier  []int64 // entries that took it back before that one, and were rolled back then
	Stands   bool    // it counts: not refused, not taken back, not rolled back
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

// everybodys reports whether what a lesson says is for all domains. What one person says alone, who may be wrong or wish others
// harm, is for his domain.
func (l Lesson) everybodys() bool { return l.Source.Firm() || l.Confirmed || l.Force }

// teach has a model learn a lesson.
func (l Lesson) teach(m *bayes.Model) bayes.Step {
	if l.everybodys() {
		return m.Learn(l.Features, l.Domain, l.Spam)
	}
	return m.LearnOwn(l.Features, l.Domain, l.Spam)
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

// Caps bound what is taught in a day; 0 is no bound. What operators teach is not capped. Refused lessons count for their
// person alone.
type Caps struct {
	Person  int            // by one person and source
	Persons map[Source]int // the same for single sources
	Domain  int            // in one domain, by all its people
	Source  int            // by one source
	Of      map[Source]int // the same for single sources
}

// A limit is one of them: what is counted, and how much of it may be.
type limit struct {
	key [2]string
	cap int
}

// limits are those of a lesson. What strangers cause is not counted in a domain: they would shut out its people.
func (c Caps) limits(l Lesson) []limit {
	source, person := c.Source, c.Person
	if own, ok := c.Of[l.Source]; ok {
		source = own
	}
	if own, ok := c.Persons[l.Source]; ok {
		person = own
	}
	list := []limit{{[2]string{"source", string(l.Source)}, source}, {personKey(l), person}}
	if l.Domain != "" && !l.Source.strange() {
		list = append(list, limit{[2]string{"domain", l.Domain}, c.Domain})
	}
	return list
}

func personKey(l Lesson) [2]string { return [2]string{string(l.Source), l.Person} }
