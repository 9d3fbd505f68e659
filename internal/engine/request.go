package engine

import (
	"errors"
	"io"
	"time"

	"gatepost/internal/mail"
)

// ErrDeclined is in the errors of an engine that is well and does not take this message,
// since it is larger or deeper than its limits allow. Another try would end the same way,
// so it counts as an answer.
var ErrDeclined = errors.New("the engine does not take this message")

// A Request is what an engine is told of a transaction.
type Request struct {
	ID         string
	Time       time.Time
	Host       string // what this host calls itself
	Client     mail.Client
	ClientName string // the client's name in the DNS, which leads back to it; "" if it has none
	Envelope   mail.Envelope
	Message    *mail.Message // nil where a milter is asked before the content
	User       string        // whose settings spamd uses; "": nobody's
	Most       int64         // octets of the message that are sent; 0: all
}

// Content returns the message's content as far as it is sent, and its length.
func (r Request) Content() (*io.SectionReader, int64) {
	n := r.Message.Size()
	if r.Most > 0 {
		n = min(n, r.Most)
	}
	return io.NewSectionReader(r.Message, 0, n), n
}

// A Grade is what a spam filter thinks of a message.
type Grade struct {
	Score    float64
	Required float64 // from which the engine itself calls a message spam; 0: it did not say
	Spam     bool
	Action   string // what Rspamd would do, in its words; "" of others
	Skipped  bool   // the engine did not look at it
	Tests    []Test
}

// A Test is one rule of a spam filter that hit.
type Test struct {
	Name   string
	Points float64
	Text   string // what it is, or what it saw
}

// An Answer is what a milter says of a message, and of each recipient.
type Answer struct {
	Verdict Verdict
	Reply   string // the text of its own reply, "" where it has none
	At      string // the command at which it said so: "connect", "mail", "end of message"
	Early   bool   // it was said before the content, and holds whatever the content is
	// Recipients that the milter refuses; the others share Verdict.
	Recipients map[mail.Path]Refusal
	Changes    []string // what it wants changed, each in a line; none is
}

// A Refusal is what a milter says against one recipient.
type Refusal struct {
	Verdict Verdict
	Reply   string
}

// A Verdict is a milter's word.
type Verdict string

// Verdicts. A reply code of the milter's own is Reject or TempFail, by its first digit.
const (
	Accept     Verdict = "accept"
	Reject     Verdict = "reject"
	TempFail   Verdict = "tempfail"
	Discard    Verdict = "discard"
	Quarantine Verdict = "quarantine"
)

// MaxTests bounds the tests of a grade.
const MaxTests = 200

// A Command is a program that looks at a message and ends with a code.
type Command struct {
	// Run is the program, by its whole path, and its arguments. An argument {} is the path of a
	// file that has the message; without one it is the standard input.
	Run []string
	// What exit codes mean; every other one, and a signal, is a failure.
	Clean, Infected, Unscanned []int
	Memory                     int64 // octets of address space that it may have; 0 is DefaultMemory
}

// DefaultMemory is enough for a scanner with its signatures, and far from all there is.
const DefaultMemory = 4 << 30
