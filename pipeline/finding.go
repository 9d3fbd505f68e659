package pipeline

import (
	"context"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/mail"
)

// TempError is the result of every filter that could not tell: a time-out, a
// panic, an error. Every filter has it, with the default effect none.
const TempError = "temperror"

// Skipped is the result in the Step of an entry that was not asked, since the one that its
// policy names in Entry.Unless spared the message it. No filter has it.
const Skipped = "skipped"

// A Finding is what one filter saw. It knows nothing of policy.
type Finding struct {
	Result   string     // a word of the filter's own vocabulary: "pass", "listed"
	Score    float64    // where the filter grades; used by the effect "score"
	Required float64    // Score from which the filter itself calls the message spam, where its scale is its own; see Effect.points
	Floor    float64    // such a Score up to which the effect "score" adds nothing; less than Required, or as much
	Most     float64    // points that the effect "score" adds of such a Score at most; 0: as many as are required
	Reason   string     // one sentence for a person
	Evidence []Evidence // what replay and explanation need, as it was
	Auth     []authres.Result
	// Wait: the filter can't answer yet. The walk stops here until the next stage, at which
	// the filter is asked again: by Data it must answer, in the gate by Mail.
	Wait bool
	// Later is for the gate alone, before Mail: nothing speaks against the client so far.
	// The walk goes on, and at the next stage the filter is asked again, in its place. Its
	// Recorder is told of the finding; no Step is made of it.
	Later bool
}

// Evidence is one thing seen: a DNS answer, a matched pattern, a count.
type Evidence struct{ Key, Value string }

// A Filter looks at what is known so far and says what it sees. It changes
// nothing, and for the same query it says the same, however often and however
// early it is asked: an answer given at one stage must hold at those that follow (one
// that can't be given yet is Wait). An error means that it could not tell.
type Filter interface {
	Check(ctx context.Context, q Query) (Finding, error)
}

// A Prompter is a filter whose kind may wait, and that can tell beforehand where it will not:
// the walk then asks it in its turn, and begins nothing beside itself.
type Prompter interface {
	// Prompt reports whether Check answers this query from what is in this process. It takes next
	// to no time, and asks nobody. Where it is wrong the walk is held up by what Check waits for.
	Prompt(q Query) bool
}

// A Recorder is a filter with memory. Record is called once for each shared
// finding that a live walk reached: never for what was only read ahead, nor for
// shadow, explain or replay.
type Recorder interface {
	Record(ctx context.Context, q Query, f Finding) error
}

// A Referrer is a filter whose settings name entries that have to stand above it, case aside.
type Referrer interface {
	Refers() []string
}

// A Comparer is a Referrer whose settings compare the results of those entries with words.
type Comparer interface {
	Compares() []Comparison
}

// A Comparison is of the result of an entry with a word, which has to be one of its results.
type Comparison struct {
	Entry, Word string
	Where       string // for a person: `rule "x": when: column 12`
	Path        string // of the setting, as a SettingError has it; "": the entry's own line
	Line        int    // within the setting's text, from 1 on
}

// A Query is what a filter may know: the transaction so far, and for filters of a
// narrower scope the recipient's domain, the recipient, or the walk up to here.
type Query struct {
	Tx        *Transaction
	Domain    string
	Recipient mail.Path
	// Unknown: the recipient is in one of our domains and does not exist there. Only kinds
	// with Unknown set are asked about such.
	Unknown bool
	// Owned: somebody here has exactly this address, a mailbox or an alias; not only a
	// catch-all takes it, nor only a mail host. Scope PerRecipient and narrower.
	Owned bool
	Walk  *Walk // scope PerWalk only; not to be changed
}

// query shows a filter no more than its scope: what it can't see, its finding
// can't depend on, so that sharing it is sound.
func (e *Entry) query(tx *Transaction, w *Walk) Query {
	q := Query{Tx: tx, Unknown: w.Unknown}
	if e.Kind.Scope >= PerDomain {
		q.Domain = w.Recipient.Domain()
	}
	if e.Kind.Scope >= PerRecipient {
		q.Recipient, q.Owned = w.Recipient, w.Owned
	}
	if e.Kind.Scope == PerWalk {
		q.Walk = w
	}
	return q
}
