package quarantine

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gatepost/internal/mail"
)

// A Held is one recipient's copy of a message in quarantine.
type Held struct {
	ID        string    // as mail.NewID makes them
	Tx        string    // the transaction's, under which the journal has the walk
	Recipient mail.Path // as the client gave it
	Box       int64     // the mailbox that a release delivers to, or one of the next
	Domain    string    // the recipient's,
	DomainID  int64     // and its number, which another domain of that name has not; 0: not noted
	Sender    mail.Path // the reverse-path
	Client    netip.Addr
	Subject   string  // decoded, one line
	Filter    string  // the entry of the policy that decided
	Reason    string  // its sentence
	Score     float64 // the walk's
	Blob      string  // the content; promised to be there only while State is StateHeld
	View      mail.View
	Size      int64 // octets served: View.Size of the content's
	Time      time.Time
	Expires   time.Time // the hold ends then by itself
	State     State
	Acts      []Act // what became of it; in what Show returns, not Find
	Ways      []Way // where it went on after a release, by the queue; likewise

	Author  string    // the header's author as shown, "Ann <ann@example.org>", decoded, one line
	Proof   string    // what proves the reverse-path's domain: "spf", "dkim example.org", "log-in"; "": nothing
	Guarded bool      // dangerous: an operator alone may release it
	Asked   time.Time // when its owner asked an operator for it; zero: not
	Told    Told      // what its sender heard of it
	Gone    bool      // its domain or mailbox was removed: it is nobody's, and ends with that
	// RequireTLS: it came with REQUIRETLS (RFC 8689), and leaves so or not at all.
	RequireTLS bool
	By         int64  // the mailbox whose log-in sent it; 0: none's
	Same       string // equal for the same message to the same recipient; "": it is taken for no other
}

// Told is what the sender of a held message heard of it: one of these, or why nothing
// was told, behind "not: ".
type Told string

// What senders hear.
const (
	ToldNothing  Told = ""       // the domain tells nobody
	ToldByReply  Told = "reply"  // the link was in the answer
	ToldDue      Told = "due"    // a notice is to be sent, if it may
	ToldByNotice Told = "notice" // the link is in a notice
)

// Untold is what is noted where the sender is told nothing, and why.
func Untold(why string) Told { return Told("not: " + why) }

// Link reports whether the sender has the link.
func (t Told) Link() bool { return t == ToldByReply || t == ToldByNotice }

// Boxes that are none.
const (
	Anywhere  int64 = 0  // a release goes where the recipient's mail goes then
	Elsewhere int64 = -1 // the same, but to no mailbox here: those have rows of their own
)

// Undeliverable is the Filter of what another server refused: mail that was sent on for
// one of our domains, whose recipient is mostly no address here.
const Undeliverable = "undeliverable"

// A State is how a held message stands. All but StateHeld are final.
type State string

// States.
const (
	StateHeld     State = "held"
	StateReleased State = "released" // delivered
	StateExpired  State = "expired"
	StateDeleted  State = "deleted"
	StateRejected State = "rejected" // refused after all: the sender was told that it won't be delivered
)

// What is noted among the acts and changes no state.
const (
	ActAsked   State = "asked"   // its owner asked an operator for it
	ActAllowed State = "allowed" // its sender was allowed
	ActBlocked State = "blocked"
)

// An Act is what somebody did to a held message. In their order the acts of all
// messages are what people taught: a release is ham, a block is spam.
type Act struct {
	Who  string // a mailbox's address, "admin", "expiry" …
	What State  // the state that it led to, or one of those that change none
	When time.Time
}

// By is who acts. Whether it is his message is asked before, by package access.
type By struct {
	Who      string // as in Act.Who
	Person   string // whose word it counts as; "": Who's
	Operator bool   // may release what is guarded
	Sender   bool   // it is the sender, who has solved a challenge
}

// A Way is where a released message stands on its way to one address, after the last
// thing that happened there.
type Way struct {
	To       mail.Path
	What     string // "waiting", "deferred", "relayed", "bounced" …: the queue's words
	Attempts int
	Next     time.Time // when it is tried again; zero: never
	Time     time.Time // when that happened; zero: nothing has
	Host     string    // who said what follows; "": nobody was asked
	Code     int
	Enhanced string
	Reply    string
}

// A Delivery is a held message on its way into its mailbox's inbox. Blob and Box
// are the held row's own.
type Delivery struct {
	View          mail.View // the row's, with fields of the release added
	Size          int64     // octets served
	Time          time.Time // when it arrives in the mailbox
	Envelope      []byte    // as the mailstore keeps it
	BodyStructure []byte    // as the mailstore keeps it
	Onward        []Onward  // what is queued, in its place or beside it
	Expires       time.Time // when trying those ends
	Teach         string    // the scope (trust.Scope) that learns to trust the sender by it; "": none does
	Solved        bool      // the sender had it released, by a challenge
	Queued        bool      // the mailbox itself gets it by Onward, too, since its rules decide about it
}

// An Onward is one address that a released message is queued for.
type Onward struct {
	To          mail.Path
	Sender      mail.Path // the reverse-path it leaves under
	Destination string    // as the queue names it
	Boxes       []int64   // mailboxes here, where they are many
	Mark        []byte    // header fields in front
	By          string    // the domain here that sends it on; "": none does
}

// Errors that callers decide by.
var (
	// ErrUnknown: no held message has this ID.
	ErrUnknown = errors.New("no such held message")
	// ErrNotHeld: its hold has ended; a NotHeldError says how.
	ErrNotHeld = errors.New("not held any more")
	// ErrGuarded: it is dangerous, and released by operators only.
	ErrGuarded = errors.New("guarded: only an operator may release it")
	// ErrUnproven: nothing proves who sent it, so that an allow entry would never count.
	ErrUnproven = errors.New("nothing proves the sender")
	// ErrOwn: the sender claims to be the recipient, or of the same domain.
	ErrOwn = errors.New("the sender is the recipient's own address or of the same domain")
	// ErrFull: the mailbox has no room for it; it stays held.
	ErrFull = errors.New("the mailbox is full, it stays held")
	// ErrNowhere: who was to get it beside the mailboxes here is there no more.
	ErrNowhere = errors.New("it is for no mailbox here, and its recipient leads nowhere else any more")
	// ErrNobody: there is no sender to be listed, since the reverse-path is null.
	ErrNobody = errors.New("it has no sender")
)

// A NotHeldError says what became of a message before. It is an ErrNotHeld.
type NotHeldError struct {
	Act Act // the last
}

// Error names the state, since when, and by whom.
func (e *NotHeldError) Error() string {
	return fmt.Sprintf("not held any more: %s by %s at %s", e.Act.What, e.Act.Who, e.Act.When.UTC().Format(time.RFC3339))
}

// Is makes the error an ErrNotHeld.
func (e *NotHeldError) Is(target error) bool { return target == ErrNotHeld }

// Open returns nil while the hold lasts, and else a NotHeldError.
func (h *Held) Open() error {
	if h.State == StateHeld {
		return nil
	}
	last := Act{Who: "somebody", What: h.State}
	for _, a := range h.Acts {
		if a.What == h.State {
			last = a
		}
	}
	return &NotHeldError{Act: last}
}
