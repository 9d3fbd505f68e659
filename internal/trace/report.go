package trace

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// Bounds of a Report.
const (
	maxHops    = 50
	maxClaims  = 10
	maxResults = 40  // of one field
	maxProps   = 12  // of one result
	maxTests   = 100 // of our filters
	maxNames   = 10  // authors, ways to unsubscribe
	maxText    = 500 // octets of one text
)

// A Report is what a header tells. Its texts are foreign: whoever shows them has to make them safe.
type Report struct {
	Hops    []Hop    // the oldest first
	Results []Result // what a server of ours found out as the message came
	Claims  []Claim  // what others say that they found out, or what claims to be ours and is not
	Proof   Proof    // whether the author is who From says
	Author  Author
	Verdict Verdict
	List    List
	// Automatic is the keyword of Auto-Submitted (RFC 3834 §5), such as "auto-replied"; "" where a
	// person wrote.
	Automatic string
	Date      time.Time // the author's; zero: none
	Cut       bool      // there is more than is told
}

// A Wire is what is known of how a message was carried over one hop.
type Wire int

// Wires.
const (
	Untold    Wire = iota // the field does not say
	Plain                 // by SMTP without TLS
	Encrypted             // with TLS
)

// A Hop is one Received field: a server that took the message, and from whom.
type Hop struct {
	Helo string     // what the client called itself
	Name string     // what the DNS calls it
	Addr netip.Addr // of the client
	By   string     // the server that wrote the field
	With string     // the protocol, such as ESMTPS
	Wire Wire
	Ours bool // written by a server of ours, as this message came

	Time time.Time // when it was taken; zero: that can't be read
	// Wait is the time since the hop before by the two servers' clocks, negative where those differ; to be
	// read where Timed says so.
	Wait  time.Duration
	Timed bool
}

// Inside reports whether the client was in a network of the server's own, by its address.
func (h Hop) Inside() bool {
	a := mail.Unmap(h.Addr)
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()
}

// A Result is one finding of RFC 8601: a method ("spf"), what it came to ("pass"), about what.
type Result struct {
	Method, Value, Reason string
	Props                 []Prop
}

// A Prop says what a result is about: "header.d", "example.org".
type Prop struct{ Name, Value string }

// Prop returns the value of the property that is first in names and there; "" where none is.
func (r Result) Prop(names ...string) string {
	for _, name := range names {
		for _, p := range r.Props {
			if p.Name == name && p.Value != "" {
				return p.Value
			}
		}
	}
	return ""
}

// A Claim is an Authentication-Results field that is not to be believed.
type Claim struct {
	Host    string
	Results []Result
	Posing  bool // it bears the name of a server of ours, but none wrote it as the message came
}

// Author is who a message says that it is from.
type Author struct {
	From       []mail.Address // of all From fields
	Fields     int            // how many there are; more than one is wrong (RFC 5322 §3.6)
	Sender     string         // who sent it for the author
	ReplyTo    []mail.Address
	ReturnPath string // where reports go, without brackets
	Path       mail.Path
	Known      bool // Path is the one author
}

// ReplyElsewhere reports whether an answer goes to another domain than the author's.
func (a Author) ReplyElsewhere() bool {
	for _, to := range a.ReplyTo {
		if p, ok := to.Path(); ok && a.Known && !related(p.Domain(), a.Path.Domain()) {
			return true
		}
	}
	return false
}

// ReturnElsewhere reports whether reports go to another domain than the author's, as mail does that
// somebody sends for others.
func (a Author) ReturnElsewhere() bool {
	p, err := mail.ParsePath(a.ReturnPath)
	return err == nil && !p.IsNull() && a.Known && !related(p.Domain(), a.Path.Domain())
}

// A Verdict is what filters of ours wrote.
type Verdict struct {
	There           bool // they wrote anything
	Spam            bool
	Score, Required string
	Tests           []Test
	Bayes           string
	Allowed         string // the entry that let it pass, and why
	Released        string // when it was released from quarantine
	ID              string // the number of the transaction
}

// A Test is an entry of the policy that counted, and what it came to: points, or an action.
type Test struct{ Name, Result string }

// A List is what a mailing list or a newsletter says of itself (RFC 2919, RFC 2369, RFC 8058).
type List struct {
	ID          string
	Unsubscribe []string // addresses to leave it: https:, http:, mailto:
	OneClick    bool
	Bulk        bool // by Precedence
}

// There reports whether it is mail to many.
func (l List) There() bool { return l.ID != "" || len(l.Unsubscribe) > 0 || l.Bulk }

// cut returns at most maxText octets, and whole characters.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

// related reports whether of two domains one is the other, or below it.
func related(a, b string) bool {
	return within(a, b) || within(b, a)
}

// host is the name of a server in one form.
func host(s string) string {
	if name, err := mail.ParseDomain(strings.TrimSuffix(s, ".")); err == nil {
		return name
	}
	return strings.ToLower(s)
}

// clean is a text as it may be kept: UTF-8, and not too long.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "?")
	}
	return cut(s)
}
