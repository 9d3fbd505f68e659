package mail

// A Verdict is what the machine behind the edge answers to one SMTP command.
// It has no wording: smtpd/reply.go alone turns it into a reply.
type Verdict struct {
	Answer Answer
	ID     string // the transaction's, where one exists
	Reason string // for the client, one sentence in ASCII; names no trap, no pattern
	Reply  Reply  // set where an effect in the policy names its own reply
	// Links are where the sender of what was held may have it delivered, one for each held
	// message; the answer is Refused then. They are secret: no log and no journal has them.
	Links []string
	Some  bool // the links are for some of the recipients, and the others are refused for good
}

// An Answer is the kind of a Verdict.
type Answer uint8

// The answers, and the reply that each leads to.
const (
	OK                Answer = iota // 250
	NoSuchMailbox                   // 550 5.1.1
	NoRelay                         // 554 5.7.1: not our domain, and no log-in
	NotYours                        // 550 5.7.1: the log-in may not use this address
	MailboxFull                     // 452 4.2.2
	MailboxClosed                   // 550 5.2.1
	Refused                         // 550 5.7.1: by policy
	Deferred                        // 451 4.7.1: by policy
	Shut                            // 554 5.7.1 and the connection ends: by the gate
	Busy                            // 421 4.3.2 and the connection ends
	NoSpace                         // 452 4.3.1: disk or memory short
	Failed                          // 451 4.3.0: our fault
	Loop                            // 554 5.4.6: too many Received fields
	TooManyRecipients               // 452 4.5.3
	OtherPolicy                     // 452 4.5.3: split_recipients, try it on its own
	Malformed                       // 554 5.6.0: the content can't be taken
	MailboxBusy                     // 450 4.2.1: it takes no more mail this hour
)

// Answers name themselves in logs.
var answerNames = [...]string{
	"ok", "no-such-mailbox", "no-relay", "not-yours", "mailbox-full", "mailbox-closed", "refused", "deferred", "shut",
	"busy", "no-space", "failed", "loop", "too-many-recipients", "other-policy", "malformed", "mailbox-busy",
}

// String returns the answer's name in logs.
func (a Answer) String() string { return answerNames[a] }

// A Reply is an SMTP reply of an admin's own wording (RFC 5321 §4.2, RFC 3463).
// The zero Reply means: the usual one.
type Reply struct {
	Code     int    // 400 to 599
	Enhanced string // "5.7.1"
	Text     string // one line of ASCII
}

// An Outcome is what becomes of one recipient's message when the end of data
// is answered (see pipeline.Settle).
type Outcome uint8

// Outcomes.
const (
	Delivered Outcome = iota // to the inbox, or where the recipient's rules say
	Junked                   // to the Junk folder
	Tagged                   // to the inbox, marked in the subject
	Held                     // in quarantine, nobody told
	HeldTold                 // in quarantine, and the 5yz reply tells the sender how to release it
	Declined                 // refused; the client keeps the message
	Postponed                // deferred; nobody has it yet
	Dropped                  // discarded: a journal row is all that stays
	Queued                   // on its way to another server
	Relayed                  // another server has it
	HeldAgain                // in quarantine since the same message came before
	Duplicate                // the recipient has the same message already; nothing follows
)

var outcomeNames = [...]string{"delivered", "junked", "tagged", "held", "held-told", "refused", "deferred", "discarded", "queued", "relayed", "held-again", "duplicate"}

// String returns the outcome's name in the journal.
func (o Outcome) String() string { return outcomeNames[o] }
