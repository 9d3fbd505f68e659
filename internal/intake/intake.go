package intake

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/blob"
	"gatepost/internal/collector"
	"gatepost/internal/complaint"
	"gatepost/internal/directory"
	"gatepost/internal/dkim"
	"gatepost/internal/dmarc"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/pipeline"
	"gatepost/quarantine"
)

// A Commit is all that follows from one accepted message, written together or
// not at all.
type Commit struct {
	Deliveries []*mailbox.Delivery
	Held       []*quarantine.Held
	Records    []*mailbox.Delivery // into archives
	Transfers  []*queue.Transfer   // each with its Message, which those of one message share
	Events     []queue.Event       // what was carried on before the answer
	Again      []Again             // what is held already, and came once more
	Ends       []End               // holds that a delivery makes needless
	// Given are the keys of Sames by which what is delivered is remembered, since it may
	// well come again: with SameGiven and the transaction in the place of a held message.
	Given   []string
	Unheard string            // a challenge.Origin that nothing is remembered with; "": nothing rests on that
	Origin  string            // challenge.Origin of what is held or Given
	Saw     map[string]string // by Held.Same and Given: what was remembered by it before
	Row     *journal.Row

	// Remember is what boxes' scripts want to know again, and Answers are what they have sent where
	// the box does not remember that it was.
	Remember []mailbox.Memory
	Answers  []Answer

	Complaints []complaint.Report // what is said against others, for complaint.Desk
	DMARC      []dmarc.Received   // reports on our domains

	Collected *collector.Mark // it was fetched from an account elsewhere; nil: it was not
}

// An Answer is a letter that goes out once in a while: it is queued, with the commit, unless the
// box remembers Once, which it does from then on. An empty ID is never remembered; box 0 stands for
// the rules of domains.
type Answer struct {
	Transfer *queue.Transfer
	Once     mailbox.Memory
}

// A Committer writes a Commit and returns once it is durable.
type Committer interface {
	// Commit fails with ErrSame where Held, Again, Ends, Unheard or Remember rest on what does not hold
	// any more.
	Commit(ctx context.Context, c *Commit) error
}

// A Directory is the directory as it stands.
type Directory interface {
	Snapshot() *directory.Snapshot
	Hit(id int64) // counts a use of a list entry
}

// A Journal keeps the evidence.
type Journal interface {
	// Write makes the evidence of an accepted message durable and returns the row
	// that the commit must hold.
	Write(ctx context.Context, r *journal.Record) (*journal.Row, error)
	// Note keeps the evidence of a transaction that left nothing behind, in its
	// own time; under a flood it samples and counts.
	Note(r *journal.Record)
}

// A Waker is told of boxes that have new mail, held or not, after the commit.
type Waker interface{ Notify(box int64) }

// An Observer counts what went by; all methods return at once.
type Observer interface {
	Transaction(outcome string, seconds float64)
	Step(filter, result string, seconds float64)
	// Told counts what the sender of held mail hears: "reply", "due", why it is nothing, or
	// "same" where all of it was held already.
	Told(what string)
}

// A Historian remembers what clients' mail was like.
type Historian interface {
	// Arrived counts a connection of a stranger as open, and returns how many of its network
	// are, with it. left is called once, when it is closed.
	Arrived(client netip.Addr) (open int, left func())
	// Took is called for each message of a client that was judged as a whole: good is one
	// that all recipients got, as no spam.
	Took(client netip.Addr, good bool)
	// Knows is called for each recipient that a stranger names and that exists, whatever
	// becomes of his mail.
	Knows(client netip.Addr, rcpt mail.Path)
}

// Policies is the pipeline as one configuration has it. It is never changed: a
// reload puts another in its place, and transactions under way keep theirs.
type Policies struct {
	Gate    *pipeline.Policy
	ByName  map[string]*pipeline.Policy
	Default string // the policy of domains that name none
	// Outgoing judges what people send who have logged in, where their domain names none; "": that
	// part of the recipient's policy which is for them (pipeline.Policy.Users).
	Outgoing string
}

// of returns the policy a domain names. A name that the configuration lost since
// falls back to the default: mail must not stop for it, and check tells it.
func (p *Policies) of(d directory.Domain) *pipeline.Policy {
	if own := p.ByName[d.Policy]; own != nil {
		return own
	}
	return p.ByName[p.Default]
}

// outgoing returns the policy of what a domain's people send, nil where there is none.
func (p *Policies) outgoing(d directory.Domain) *pipeline.Policy {
	return cmp.Or(p.ByName[d.Outgoing], p.ByName[p.Outgoing])
}

// repeat reports whether some policy defers messages that come again. What one of them
// defers for a recipient comes again for the others of its transaction, too.
func (p *Policies) repeat() bool {
	for _, policy := range p.ByName {
		if policy.Repeats {
			return true
		}
	}
	return false
}

// Config is what an Intake needs to know.
type Config struct {
	Hostname        string        // ours, the authserv-id of RFC 8601 §2.5
	SplitRecipients bool          // one policy a transaction: others get 452 at RCPT
	QuarantineFor   time.Duration // how long what is held is kept
	SubjectMark     string        // put before the subject of a tagged message
	Lifetime        time.Duration // of what is carried on
	RelayInline     bool          // hand mail for one customer's servers on before the answer
	HoldOutgoing    bool          // spam of those who have logged in is held, not refused
	HideUsers       bool          // what log-ins send does not say from where, nor who logged in
	TrustedRelays   []netip.Prefix
	ToOwnDomain     bool          // senders in the recipient's own domain are sent notices, too
	SameWithin      time.Duration // a message that comes again is the same one for so long
	Zone            string        // in which rules count days, where a domain has none of its own; "": UTC

	ComplaintAddresses []mail.Path // folded; they take complaints, beside abuse@ of every domain
	DMARCAddresses     []mail.Path // folded; they take DMARC reports on our domains
}

// An Intake is the machine behind the edge. Fields are set before use and not
// changed after; SetPolicies and SetConfig alone may be called at any time.
type Intake struct {
	Config    Config
	Directory Directory
	Blobs     blob.Store
	Store     Committer
	Journal   Journal
	Waker     Waker
	Router    Router
	Lookups   Lookups
	SRS       Rewriter
	Returns   Returns       // nil: no return path was signed
	Ledger    Ledger        // nil: nobody remembers what was sent
	Signer    Signer        // nil: nothing is signed
	Resolver  dkim.Resolver // of the keys of ARC chains; needed where there is a Signer
	Queue     Sender
	Inline    Trier       // for what is handed on before the answer
	Ready     func() bool // whether what is taken can be stored; nil: nobody knows before
	Reports   Reporter
	Rules     Rules     // nil: no mailbox has any
	Letters   Letters   // for Rules
	Words     *Words    // nil: owners hear nothing of faults in their rules
	Prover    Prover    // nil: nobody is proven
	Links     Linker    // nil: no sender is told of what is held
	Sames     Sames     // nil: each message is another
	Notices   Notifier  // nil: nobody sends any
	Histories Historian // nil: nobody remembers
	Senders   Senders   // nil: nobody may send for another
	Allowance Allowance // nil: log-ins send as much as they like
	Meter     Meter     // nil: mailboxes take everything
	Learner   Learner   // nil: nobody learns
	Observer  Observer
	Log       *slog.Logger
	Now       func() time.Time

	// KnownAuth is what was found out of a transaction's sender, by whomever; it must not
	// wait. Nil: what is written of him is what the walk's own filters found.
	KnownAuth func(*pipeline.Transaction) []authres.Result

	Authority Authority // of who complains, or reports; nil: no complaints and reports are taken

	// Hosts are the names of all nodes that share the store, lower case, and of those that did; nil:
	// Config.Hostname alone. It must not wait.
	Hosts func() []string

	policies atomic.Pointer[Policies]
	settings atomic.Pointer[Config] // nil: Config
}

// SetConfig puts other settings in force; the host name stays.
func (in *Intake) SetConfig(c Config) { in.settings.Store(&c) }

// config is what is in force now.
func (in *Intake) config() *Config {
	if c := in.settings.Load(); c != nil {
		return c
	}
	return &in.Config
}

// SetPolicies puts other policies in force for connections from now on.
func (in *Intake) SetPolicies(p *Policies) { in.policies.Store(p) }

// Policies returns those in force.
func (in *Intake) Policies() *Policies { return in.policies.Load() }

// observe counts a walk's steps.
func (in *Intake) observe(w *pipeline.Walk) {
	for _, s := range w.Steps {
		in.Observer.Step(s.Filter, s.Finding.Result, float64(s.Micros)/1e6)
		if s.Err != nil {
			in.Log.Warn("filter could not tell", "filter", s.Filter, "entry", s.Entry, "error", s.Err)
		}
	}
}

// lists binds a snapshot to what the pipeline asks of it in one transaction.
type lists struct {
	*directory.Snapshot
	hit func(int64)

	mu  sync.Mutex
	met map[mail.Path]directory.Scoped // by recipient
}

// of returns the lists as mail to rcpt meets them.
func (l *lists) of(rcpt mail.Path) directory.Scoped {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.met[rcpt]
	if !ok {
		s = l.For(rcpt)
		if l.met == nil {
			l.met = map[mail.Path]directory.Scoped{}
		}
		l.met[rcpt] = s
	}
	return s
}

// Find implements pipeline.Lists.
func (l *lists) Find(s pipeline.Subject, rcpt mail.Path) (pipeline.Listing, bool) {
	var e directory.Entry
	var ok bool
	switch {
	case s.Client.IsValid() && s.Sender != "":
		e, ok = l.of(rcpt).FindFrom(s.Sender, s.Client)
	case s.Client.IsValid():
		e, ok = l.of(rcpt).FindClient(s.Client)
	case s.Sender != "":
		e, ok = l.of(rcpt).FindSender(s.Sender)
	case s.Author != "":
		e, ok = l.of(rcpt).FindAuthor(s.Author)
	case s.Trap != "":
		e, ok = l.FindTrap(s.Trap)
	case s.Fraud != "":
		e, ok = l.FindFraud(s.Fraud)
	}
	return pipeline.Listing{ID: e.ID, Allow: e.List == directory.Allow, Value: e.Value, Scope: scope(e.Scope)}, ok
}

// scope names a list entry's scope for a person.
func scope(s directory.Scope) string {
	if s.Name == "" {
		return string(s.Kind)
	}
	return string(s.Kind) + " " + s.Name
}

// Authors implements pipeline.Lists.
func (l *lists) Authors(allow bool, rcpt mail.Path) bool {
	if allow {
		return l.of(rcpt).HasAuthors(directory.Allow)
	}
	return l.of(rcpt).HasAuthors(directory.Block)
}

// Frauds implements pipeline.Lists.
func (l *lists) Frauds() bool { return l.of(mail.Null).HasAuthors(directory.Fraud) }

// Hit implements pipeline.Lists.
func (l *lists) Hit(id int64) { l.hit(id) }
