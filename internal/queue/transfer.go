package queue

import (
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Message is one content on its way to one or more recipients, under one
// reverse-path.
type Message struct {
	ID      string    // mail.NewID
	Tx      string    // the transaction that it came in by, or ID where we made it
	Sender  mail.Path // the reverse-path it leaves under; null for what we tell by ourselves
	Blob    string    // its content,
	View    mail.View // served so,
	Size    int64     // in octets, as served
	Params  mail.Params
	Created time.Time
	// Expires is when trying ends. Transfers that are held don't expire.
	Expires time.Time
	By      int64 // the mailbox whose log-in sent it; 0: none's
	// Mark is by what the ledger of what this system sent knows it, 16 octets; it is put there in the
	// commit that queues the message, and not kept with it. Nil: it is not put there.
	Mark []byte
}

// begun is when it was to be carried first: when it came, or when its sender lets it go (RFC 4865).
func (m *Message) begun() time.Time {
	if m.Params.Release.After(m.Created) {
		return m.Params.Release
	}
	return m.Created
}

// A Transfer is one recipient of a Message.
type Transfer struct {
	ID          int64 // rises; given by Rows where it is 0
	Message     *Message
	Recipient   mail.Path
	For         []mail.Path     // the recipients that the client named, folded, by which the journal knows it
	Params      mail.RcptParams // what the client asked for (RFC 3461)
	Destination Destination
	// Hold: where it is refused for good it is held here, and nobody is told. Its sender is
	// not who the reverse-path says, or somebody released it and wants to know.
	Hold     bool
	Released string // the held message that it was released from, "" for none
	// Sole: nobody else got anything by that release. Where it comes to nothing the
	// message is held again as it was.
	Sole bool
	Home string // the domain here whose mail it is, by its own name; "": nobody noted it
	// Teach is the scope (trust.Scope) that learns to trust the recipient when this is
	// carried, in the commit that settles it; "": none does.
	Teach string
	// Boxes are mailboxes here that are to get a copy each, where the destination
	// is Local and the mail is for so many that they are delivered after the 250. The
	// folder is "" for the inbox.
	Boxes  []int64
	Folder string
	// Filed: rules of a domain chose the folder, which is made where it is missing; those of the mailbox are not asked.
	Filed  bool
	Judged Judged // for the rules of mailboxes here

	State    State
	Due      time.Time // when it is tried next; while it is claimed, when the claim ends
	Claimed  bool      // a worker has it: it is being tried, unless the claim ended
	Attempts int       // made so far
	Delayed  bool      // the sender was told of the delay
	Last     Reply     // of the last attempt
	Fence    int64     // rises with each claim
}

// Judged is what was found out of a message when it came, as the Sieve rules of those mailboxes
// may know it that get it from the queue.
type Judged struct {
	// Proof says by what the reverse-path is the sender's own, so that an answer reaches no
	// stranger: "spf", "dkim example.org", "log-in"; "": by nothing. OfList: it is the owner of a list
	// here, who gets reports, and no answers.
	Proof string
	Spam  float64 // 0 to 100, as sieve.Env has it
	Virus int     // 0 to 5, likewise
	Known bool    // false: nobody looked for spam, and Spam says nothing
}

// OfList, as a Proof, says that the reverse-path is the owner's of a list here.
const OfList = "list"

// A State says whether a transfer is tried.
type State string

// States. What was carried, refused or removed is no row any more.
const (
	Waiting State = "waiting"
	Held    State = "held" // by an admin; never tried, never expires
)

// A Destination is where transfers go that share a next hop, and so the number of
// connections to it: "mx:DOMAIN" by the DNS, "domain:DOMAIN" to the mail hosts of one
// of our domains, "host:NAME" to one mail host (a smarthost), "local" to mailboxes
// here. Domains are lower-case A-labels.
type Destination string

// Local is this node's own mailstore.
const Local Destination = "local"

// ByMX is the destination of a domain elsewhere (RFC 5321 §5.1).
func ByMX(domain string) Destination { return Destination("mx:" + domain) }

// ToDomain is the destination of a domain here whose mail lives on mail hosts.
func ToDomain(domain string) Destination { return Destination("domain:" + domain) }

// ToHost is the destination of all that goes over one mail host.
func ToHost(name string) Destination { return Destination("host:" + name) }

// Split returns a destination's kind, "mx", "domain", "host" or "local", and its name.
func (d Destination) Split() (kind, name string) {
	kind, name, _ = strings.Cut(string(d), ":")
	return kind, name
}

// A Reply is what the next hop said, or what came in its place. The zero Reply:
// nothing was tried yet.
type Reply struct {
	Host     string // "mx1.example.net [192.0.2.1]:25", "" where none was reached
	Code     int    // of SMTP; 0 where the next hop said nothing
	Enhanced string // of RFC 3463, "4.4.1"; never empty in a failure
	Text     string // its words, lines joined by "\n"; ASCII or UTF-8, at most 1,000 octets
	Command  string // that it answered: "connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "end of data"
}
