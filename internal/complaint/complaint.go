package complaint

import (
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"gatepost/internal/mail"
)

// A State says what a complaint weighs, and why.
type State string

// The states. Only StateCounts weighs anything.
const (
	// StateCounts: it weighs against the client, the sender, or both.
	StateCounts State = "counts"
	// StateAgain: the same copy of a message was complained of before, or the same person
	// complained of this client and this sender within Once.
	StateAgain State = "again"
	// StateUnverified: nothing proves that the message went through here, or that the
	// reporter is one to complain of it.
	StateUnverified State = "unverified"
	// StateCustomer: one of our own customers sent the message, and a proven reporter says
	// so for the first time (else StateAgain).
	StateCustomer State = "customer"
	// StateSpared: the client is one of our own networks, and nothing proves the sender.
	StateSpared State = "spared"
	// StateOther: a report, but no complaint: of a failed authentication (RFC 6591), say.
	StateOther State = "other"
	// StateWithdrawn: it was taken back, by its owner, a not-spam report (RFC 6430) or an
	// operator.
	StateWithdrawn State = "withdrawn"
)

// Once is how long one person's further complaints of one subject weigh nothing.
const Once = 24 * time.Hour

// A Complaint is one message that one person complains of, judged.
type Complaint struct {
	ID       string // sorts by time
	Report   string // the transaction that brought the report, "" where none did
	Time     time.Time
	Form     Form
	Type     string    // the Feedback-Type, "" outside of ARF
	Reporter mail.Path // who complains, "" where nobody is named
	Proof    string    // as in Report; "operator", "owner"
	Person   string    // who counts as one and the same, see Once

	Message   string    // the transaction by which the message went through here; "": it did not
	Copy      string    // which copy of it, unique; "": unknown
	Recipient mail.Path // whose copy it is
	MessageID string
	Subject   string

	Client  netip.Addr // that sent it; the zero Addr where nobody we believe says
	Sender  mail.Path  // the reverse-path as it is compared; null where nothing proves it
	Account mail.Path  // our customer who sent it, of StateCustomer

	State        State
	Note         string  // why, a sentence
	ClientWeight float64 // 1, or 0 where it says nothing of the client, or not anew
	SenderWeight float64

	Ended   time.Time // when it was taken back
	EndedBy string
}

// A Kind is what a weight is about.
type Kind string

// The kinds of subjects.
const (
	OfClient Kind = "client" // an IPv4 address, an IPv6 /64
	OfSender Kind = "sender" // an address
	OfDomain Kind = "domain" // an organisational domain, for all its addresses
)

// A Subject is somebody complained of.
type Subject struct {
	Kind Kind
	Name string // "192.0.2.7", "2001:db8::/64", "bob@example.net", "example.net"
}

// ClientOf names the network that a client is complained of by: itself, or for IPv6 the
// /64, since one host has all of it.
func ClientOf(a netip.Addr) Subject { return Subject{OfClient, networkName(network(a))} }

// DomainOf names the domain for all of whose senders one is complained of.
func DomainOf(sender mail.Path) Subject { return Subject{OfDomain, Organisation(sender.Domain())} }

// Organisation returns the organisational domain of a name: a public suffix and one label
// more. What has none stands for itself.
func Organisation(name string) string {
	if d, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return d
	}
	return name
}

func network(a netip.Addr) netip.Prefix {
	a = mail.Unmap(a)
	if a.Is6() {
		p, _ := a.Prefix(64)
		return p
	}
	return netip.PrefixFrom(a, a.BitLen())
}

func networkName(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// ParseClient reads the name of a client that is complained of: an address, or a network
// of an IPv6 /64.
func ParseClient(name string) (Subject, bool) {
	if p, err := netip.ParsePrefix(name); err == nil && p.Addr().Is6() && p.Bits() == 64 {
		return ClientOf(p.Addr()), true
	}
	a, err := netip.ParseAddr(name)
	if err != nil {
		return Subject{}, false
	}
	return ClientOf(a), true
}

// AddrOf is an address in a client's network, the zero Addr where s is no client.
func AddrOf(s Subject) netip.Addr {
	text, _, _ := strings.Cut(s.Name, "/")
	a, err := netip.ParseAddr(text)
	if err != nil || s.Kind != OfClient {
		return netip.Addr{}
	}
	return a
}

// Subjects are those that a complaint weighs against.
func (c *Complaint) Subjects() (list []Subject) {
	if c.ClientWeight > 0 && c.Client.IsValid() {
		list = append(list, ClientOf(c.Client))
	}
	if c.SenderWeight > 0 && !c.Sender.IsNull() {
		list = append(list, Subject{OfSender, string(c.Sender)}, DomainOf(c.Sender))
	}
	return list
}
