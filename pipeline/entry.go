package pipeline

import (
	"slices"
	"time"
)

// A Kind is a filter's registration in the catalogue: what it needs, what it may
// say, and how one is made from an admin's settings. Configuration, console and
// docs are made from it.
type Kind struct {
	Name    string
	Doc     string // what it does, for an admin: the comment on the filter's type
	Stage   Stage  // the first at which it can be asked
	Scope   Scope
	Gate    bool // may stand in the gate, where no recipient is known
	Waits   bool // may wait for something outside this process: it is read ahead, unless it is a Prompter, and its Record has a limit, too
	Always  bool // runs after an ending too, unless the entry says otherwise
	Told    bool // its reasons may be told to the sender: they name no trap, no list, no pattern
	Unknown bool // is asked about recipients that do not exist, too; see Policy.Unknown
	Guarded bool // what it holds is dangerous: an operator alone may release it, and its sender is told nothing
	Roles   bool // is asked about mail to postmaster and abuse, too, alone; see Policy.Roles
	Users   bool // is asked about what people here send, whether it is always or not; see Policy.Users
	Results []Result
	Needs   []string // filters that must stand above it in the same list
	Timeout time.Duration
	// Options returns a pointer to a new struct with the defaults. Its fields
	// carry the tags `setting:"name"` and `doc:"…"`. Nil: there are none.
	Options func() any
	// New makes the filter from options that Options made and an admin changed.
	New func(options any) (Filter, error)
}

// A Result is one word of a filter's vocabulary.
type Result struct {
	Word   string
	Effect string // the default, as ParseEffect reads it
	Doc    string
	Again  bool   // the message was deferred before, and comes again: it may come twice
	State  string // what the journal calls a message that it defers; "": "deferred"
	Firm   bool   // where it decides, the sender is offered no way to have the message delivered
	Spares bool   // entries below that are written "unless" this one are passed by
	Guards bool   // what it holds is dangerous, as with Kind.Guarded
}

// An Entry is one line of a policy.
type Entry struct {
	Name    string // unique in its list
	Kind    *Kind
	Filter  Filter
	On      map[string]Effect // result -> effect; a result that is missing has none
	Always  bool
	Shadow  bool
	Timeout time.Duration
	Needs   []string // names of entries above that must be judged before this is asked
	Unless  string   // name of an entry above that spares the message this one (Result.Spares); "": none
	Key     string   // equal keys share findings: the kind, its settings and the limit
	Line    int      // in the configuration file, 0 where there is none
}

// A Policy is an ordered list of entries, or the gate.
type Policy struct {
	Name     string
	Required float64 // score from which a message is spam; 0 is off
	RejectAt float64 // score from which it is rejected at the end of data; 0 is off
	Entries  []*Entry
	Shadow   *Policy // walked beside this one; nothing follows from it
	// Repeats: some of Entries defer messages that come again (Result.Again).
	Repeats bool
	// Unknown has those of Entries that are asked about recipients that do not exist; nil
	// where there are none. Of its endings discard, reject and defer count.
	Unknown *Policy
	// Roles has those of Entries that are asked about mail to postmaster and abuse, which all
	// others let pass; nil where there are none.
	Roles *Policy
	// Users has those of Entries that are asked about what somebody sends who has logged in:
	// the ones that look at content and are always, as if a log-in were an accept at the top,
	// and those whose kind says so. All others judge strangers. Nil where there are none.
	Users *Policy
}

// DefaultTimeout limits an entry whose kind and settings name no time.
const DefaultTimeout = 10 * time.Second

func (e *Entry) timeout() time.Duration {
	switch {
	case e.Timeout > 0:
		return e.Timeout
	case e.Kind.Timeout > 0:
		return e.Kind.Timeout
	}
	return DefaultTimeout
}

// knows reports whether the word is in the filter's vocabulary.
func (k *Kind) knows(word string) bool {
	for _, r := range k.Results {
		if r.Word == word {
			return true
		}
	}
	return word == TempError
}

// again reports whether a result says that the message was deferred before; see Result.Again.
func (k *Kind) again(word string) bool {
	for _, r := range k.Results {
		if r.Word == word {
			return r.Again
		}
	}
	return false
}

// guards reports whether what a result holds is dangerous.
func (k *Kind) guards(word string) bool {
	return k.Guarded || slices.ContainsFunc(k.Results, func(r Result) bool { return r.Word == word && r.Guards })
}

// repeats reports whether the filter defers messages that come again.
func (k *Kind) repeats() bool {
	return slices.ContainsFunc(k.Results, func(r Result) bool { return r.Again })
}

// state is what the journal calls what a result defers; see Result.State.
func (k *Kind) state(word string) string {
	for _, r := range k.Results {
		if r.Word == word {
			return r.State
		}
	}
	return ""
}

// firm reports whether a result leaves the sender no way; see Result.Firm.
func (k *Kind) firm(word string) bool {
	for _, r := range k.Results {
		if r.Word == word {
			return r.Firm
		}
	}
	return false
}

// spares reports whether a result spares entries below; see Result.Spares.
func (k *Kind) spares(word string) bool {
	for _, r := range k.Results {
		if r.Word == word {
			return r.Spares
		}
	}
	return false
}

// alwaysEnds reports whether whatever the filter says ends the walk, so that
// nothing below need be read ahead.
func (e *Entry) alwaysEnds() bool {
	if e.Shadow || !e.On[TempError].Action.Ends() {
		return false
	}
	for _, r := range e.Kind.Results {
		if !e.On[r.Word].Action.Ends() {
			return false
		}
	}
	return true
}
