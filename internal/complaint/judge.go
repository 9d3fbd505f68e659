package complaint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Passage is a message that went through here, as the journal has it: what is true of
// it, whatever a report says.
type Passage struct {
	Tx         string
	Client     netip.Addr
	Sender     mail.Path // the reverse-path
	Proven     bool      // when it came SPF, or a DKIM signature of its organisation, proved the sender's domain
	Login      mail.Path // our customer who sent it; null: it came from outside
	Recipients []mail.Path
	MessageID  string
	Subject    string
}

// Passages finds messages in the journal.
type Passages interface {
	// Passage returns the one of a transaction, and whether there is one.
	Passage(ctx context.Context, tx string) (Passage, bool, error)
	// Received returns the transaction that brought recipient the message of that
	// Message-ID, the newest, and whether there is one.
	Received(ctx context.Context, recipient mail.Path, messageID string) (tx string, ok bool, err error)
}

// A Directory knows whose addresses are whose.
type Directory interface {
	// Home returns whose address of ours one is, in one spelling: the mailbox that it alone
	// leads to, else the address itself; false where nobody has it.
	Home(address mail.Path) (mail.Path, bool)
	// Reads reports whether the mail of a recipient here is read by who has the address
	// reader: it is the same, or leads there.
	Reads(recipient, reader mail.Path) bool
	// Ours reports whether a domain is one of ours, and returns its first name.
	Ours(domain string) (name string, ok bool)
}

// A judge weighs reports. It changes nothing.
type judge struct {
	passages  Passages
	directory Directory
	reporters []string
	spare     func(netip.Addr) bool
}

// A Judgement is what follows from one report.
type Judgement struct {
	Report     string // its transaction; "": none waits
	Complaints []Complaint
	Taken      []Taken // complaints that it takes back
}

// A Taken is a complaint that its person takes back (RFC 6430).
type Taken struct{ Copy, Person string }

// Of one report so many messages are looked for by their Message-ID, which costs a search
// through a month of the journal; the rest, and what is not found in time, stay unverified.
const (
	maxSearches = 3
	searchTime  = 3 * time.Second
)

// report judges all originals of a report. Of one that nobody has proven to have sent, one
// row is kept, whatever it says.
func (j *judge) report(ctx context.Context, r Report) (Judgement, error) {
	out, searches := Judgement{Report: r.Tx}, maxSearches
	originals := r.Originals
	if r.Proof == "" {
		originals = originals[:min(len(originals), 1)]
	}
	for i, o := range originals {
		p, known, err := j.passage(ctx, r, o, &searches)
		if err != nil {
			return out, fmt.Errorf("complaint: report %s: %w", r.Tx, err)
		}
		c := j.original(r, o, p, known)
		c.ID = fmt.Sprintf("%s-%d", r.Tx, i+1)
		if n := len(r.Originals) + r.More; r.Proof == "" && n > 1 {
			c.Note = fmt.Sprintf("%s (%d messages)", c.Note, n)
		}
		if c.State == StateCounts && r.Feedback.Type == "not-spam" {
			out.Taken = append(out.Taken, Taken{c.Copy, c.Person})
			c.State, c.Note, c.ClientWeight, c.SenderWeight = StateOther, "not spam: takes back what the same person said of it", 0, 0
		}
		if c.State == StateCustomer && r.Feedback.Type == "not-spam" {
			c = c.be(StateOther, "not spam: it complains of nobody")
		}
		out.Complaints = append(out.Complaints, c)
	}
	return out, nil
}

// original judges one message that a report is about.
func (j *judge) original(r Report, o Original, p Passage, known bool) Complaint {
	c := Complaint{
		Report: r.Tx, Time: r.Time, Form: r.Form, Type: r.Feedback.Type, Reporter: r.Reporter, Proof: r.Proof,
		Person: string(r.Reporter.Base().Fold()), MessageID: o.MessageID, Subject: o.Subject,
	}
	if known {
		c.Message, c.MessageID, c.Subject = p.Tx, p.MessageID, p.Subject
	}
	loop := j.loop(r)
	switch {
	case isOther(r.Feedback.Type):
		return c.be(StateOther, "a report of kind "+r.Feedback.Type+" complains of nobody")
	case r.Proof == "":
		return c.be(StateUnverified, "nothing proves who reports it")
	case known && !p.Login.IsNull():
		return j.customers(c, r, o, p, loop)
	case known:
		return j.passed(c, r, p, loop)
	case loop == "":
		return c.be(StateUnverified, "it has no X-Gatepost-Id that the journal knows")
	}
	return j.elsewhere(c, r, o, loop)
}

// customers judges what a customer of ours sent, by whom its recipients are. Of a reporter
// who is none of them only his domain is proven, so all of it counts as one.
func (j *judge) customers(c Complaint, r Report, o Original, p Passage, loop string) Complaint {
	c.Account = p.Login
	i := slices.IndexFunc(p.Recipients, func(to mail.Path) bool { return to.Base().Fold() == r.Reporter.Base().Fold() })
	switch {
	case loop != "":
		c.fromLoop(loop, r.Feedback, o)
	case i >= 0:
		c.Recipient = p.Recipients[i].Fold()
		c.Copy = p.Tx + " " + string(c.Recipient)
	default:
		c.Person = Organisation(r.Reporter.Domain())
		c.Copy = p.Tx + " " + c.Person
	}
	return c.be(StateCustomer, "our customer "+string(p.Login)+" sent it")
}

// passage finds the message by its id, or, for people of ours whose programs leave our
// fields out, by its Message-ID among what they got, as long as there are searches left.
func (j *judge) passage(ctx context.Context, r Report, o Original, searches *int) (Passage, bool, error) {
	id := o.ID
	if id == "" && o.MessageID != "" && r.Proof != "" {
		if _, known := j.directory.Home(r.Reporter); !known || *searches == 0 {
			return Passage{}, false, nil
		}
		*searches--
		tx, ok, err := j.received(ctx, r.Reporter.Fold(), o.MessageID)
		if err != nil || !ok {
			return Passage{}, false, err
		}
		id = tx
	}
	if id == "" {
		return Passage{}, false, nil
	}
	return j.passages.Passage(ctx, id)
}

// received looks for a message by its Message-ID for a while.
func (j *judge) received(ctx context.Context, recipient mail.Path, messageID string) (string, bool, error) {
	limited, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	tx, ok, err := j.passages.Received(limited, recipient, messageID)
	if limited.Err() != nil && ctx.Err() == nil {
		return "", false, nil
	}
	return tx, ok, err
}

// isOther reports whether a report of that type is no complaint of mail.
func isOther(kind string) bool {
	return slices.Contains([]string{"auth-failure", "dmarc"}, kind)
}

// loop is the feedback loop that a report comes from, "" where from none.
func (j *judge) loop(r Report) string {
	for _, name := range j.reporters {
		if d := r.Reporter.Domain(); r.Proof != "" && (d == name || strings.HasSuffix(d, "."+name)) {
			return name
		}
	}
	return ""
}

// passed judges what went through here from outside, by what the journal has.
func (j *judge) passed(c Complaint, r Report, p Passage, loop string) Complaint {
	home := mail.Null
	c.Recipient, home = j.reader(p.Recipients, r.Reporter)
	switch {
	case !c.Recipient.IsNull() && !himself(r.Proof):
		// Whoever may send for a domain can write as any of its addresses.
		c.Person = string(home)
	case !c.Recipient.IsNull():
	case loop != "": // it was sent on; whoever reads it there is behind one of them
		c.Recipient = p.Recipients[0]
		c.Person = "loop " + loop + " " + string(c.Recipient)
	default:
		return c.be(StateUnverified, "the reporter is none of its recipients, nor reads their mail")
	}
	c.Copy = p.Tx + " " + string(c.Recipient)
	sender := p.Sender
	if !p.Proven {
		sender = mail.Null
	}
	return j.against(c, p.Client, sender)
}

// himself reports whether a proof is of a person, and not of a domain alone.
func himself(proof string) bool {
	return slices.Contains([]string{"log-in", "owner", "operator"}, proof)
}

// reader is whose copy a reporter complains of, one that he reads, and who that is; null:
// nobody's. To be of a recipient's domain is not enough: its owner could be as many people
// as he likes.
func (j *judge) reader(recipients []mail.Path, reporter mail.Path) (to, home mail.Path) {
	his, known := j.directory.Home(reporter)
	for _, to := range recipients {
		home, ok := j.directory.Home(to)
		if ok && (known && home == his || j.directory.Reads(to, reporter)) {
			return to.Fold(), home
		}
	}
	return mail.Null, mail.Null
}

// elsewhere judges what a feedback loop says of a message that the journal does not know:
// mail of a customer of ours, mostly.
func (j *judge) elsewhere(c Complaint, r Report, o Original, loop string) Complaint {
	f := r.Feedback
	c.fromLoop(loop, f, o)
	for _, p := range []mail.Path{f.MailFrom, o.Author} {
		if _, ours := j.directory.Ours(p.Domain()); ours {
			c.Account = p
			return c.be(StateCustomer, "it is from "+string(p)+", an address of ours")
		}
	}
	if f.SourceIP.IsValid() && j.spare(f.SourceIP) {
		return c.be(StateCustomer, "it was sent from "+f.SourceIP.String()+", a network of ours")
	}
	if !f.SourceIP.IsValid() && f.MailFrom.IsNull() {
		return c.be(StateUnverified, "the report names neither client nor sender")
	}
	sender := f.MailFrom
	if f.SPF != "" && f.SPF != "pass" {
		sender = mail.Null
	}
	return j.against(c, f.SourceIP, sender)
}

// fromLoop says which copy a feedback loop complains of, and for whom.
func (c *Complaint) fromLoop(loop string, f Feedback, o Original) {
	c.Copy = "loop " + loop + " " + digest(o.MessageID, f.SourceIP.String(), string(f.MailFrom), string(f.Recipient), f.Arrival.String())
	c.Person = "loop " + loop + " " + string(f.Recipient)
	if f.Recipient.IsNull() { // hidden: as far as is known each message was another's
		c.Person = c.Copy
	}
}

// digest names what a message is known by, in as many octets whatever they are.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// against has a complaint weigh against a client and a sender (null: nothing proves one),
// but for those of ours.
func (j *judge) against(c Complaint, client netip.Addr, sender mail.Path) Complaint {
	c.Client = mail.Unmap(client)
	if c.Client.IsValid() && !j.spare(c.Client) {
		c.ClientWeight = 1
	}
	_, ours := j.directory.Ours(sender.Domain())
	canonical := sender.Canonical()
	// Of an address that a forwarder rewrote, the forwarder is proven and not its sender.
	proven := !sender.IsNull() && Organisation(canonical.Domain()) == Organisation(sender.Domain())
	if proven && !ours {
		c.Sender, c.SenderWeight = canonical, 1
	}
	switch {
	case c.ClientWeight > 0 && c.SenderWeight > 0:
		return c.be(StateCounts, "weighs against the client and the sender")
	case c.ClientWeight > 0:
		return c.be(StateCounts, "weighs against the client; nothing proves the sender")
	case c.SenderWeight > 0:
		return c.be(StateCounts, "weighs against the sender; the client is spared")
	}
	return c.be(StateSpared, "the client is spared, and nothing proves the sender")
}

func (c Complaint) be(s State, note string) Complaint {
	c.State, c.Note = s, note
	return c
}
