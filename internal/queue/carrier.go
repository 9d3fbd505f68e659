package queue

import (
	"context"

	"gatepost/internal/mail"
)

// A Carrier takes messages to a destination.
type Carrier interface {
	// Carry tries once to bring a message to the recipients of a job and tells what
	// became of each. It returns before ctx ends. What it can't tell (the
	// connection broke behind the end of data) is Deferred: better twice than never.
	Carry(ctx context.Context, job Job) Report
}

// A Job is one message for those of its recipients that go to one destination.
type Job struct {
	Destination Destination
	Message     *Message
	Content     *mail.Message // as it is served
	Transfers   []*Transfer   // at least one
}

// A Report is what became of a Job.
type Report struct {
	Results []Result // one for each transfer of the job, in its order
	// Unreachable: the destination itself was at fault (no connection, no greeting,
	// TLS that its policy asks for failed, 421). All that go there should wait.
	Unreachable bool
	// Unknown: the content was sent whole, and no answer came. The next hop may have
	// it, and gets it again.
	Unknown bool
}

// A Result is what became of one recipient.
type Result struct {
	Fate  Fate
	Reply Reply
	// Notifies: the next hop took over the sender's wishes (RFC 3461 §4.2); where it
	// did not, a success that was asked for is told by us as "relayed".
	Notifies bool
	// Settled: the carrier has ended the claim itself, with what it led to.
	Settled bool
}

// A Fate is the kind of a Result.
type Fate uint8

// Fates.
const (
	Deferred  Fate = iota // try again later
	Carried               // the next hop, or the mailbox, has it
	Refused               // for good
	Abandoned             // nothing is to be done or told any more: the claim was lost, or somebody else finished it
)

var fateNames = [...]string{"deferred", "carried", "refused", "abandoned"}

// String returns the fate's name in logs and in the journal.
func (f Fate) String() string { return fateNames[f] }
