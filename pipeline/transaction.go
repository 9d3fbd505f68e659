package pipeline

import (
	"context"
	"net/netip"
	"time"

	"gatepost/internal/mail"
)

// A Transaction is what is known of one mail transaction at one stage. It is
// immutable: each stage makes a new one (WithHelo, WithMail, WithData) that shares
// the findings and facts of those before, so that a filter which was started
// early never sees its transaction change. Recipients is complete from Data on.
type Transaction struct {
	ID       string
	Time     time.Time
	Stage    Stage
	Client   mail.Client
	Envelope mail.Envelope
	Message  *mail.Message // nil before Data
	Lists    Lists         // pinned when the transaction began; nil: no lists
	Open     int           // at Connect: connections of the client's network that were open as it came, with it; 0: nobody counts

	mem *memory
}

// NewTransaction begins at stage Connect. Close must be called.
func NewTransaction(ctx context.Context, id string, now time.Time, c mail.Client, lists Lists) *Transaction {
	return &Transaction{ID: id, Time: now, Stage: Connect, Client: c, Lists: lists, mem: newMemory(ctx)}
}

// WithHelo returns the transaction after HELO or EHLO.
func (tx *Transaction) WithHelo(c mail.Client) *Transaction {
	n := *tx
	n.Client, n.Stage = c, max(tx.Stage, Helo)
	return &n
}

// WithMail returns the transaction after MAIL.
func (tx *Transaction) WithMail(from mail.Path, p mail.Params) *Transaction {
	n := *tx
	n.Envelope = mail.Envelope{ReversePath: from, Params: p}
	n.Stage = Mail
	return &n
}

// WithRcpt returns the transaction in which walks can begin.
func (tx *Transaction) WithRcpt() *Transaction {
	n := *tx
	n.Stage = Rcpt
	return &n
}

// WithData returns the transaction after the end of data.
func (tx *Transaction) WithData(recipients []mail.Path, m *mail.Message) *Transaction {
	n := *tx
	n.Envelope.Recipients, n.Message, n.Stage = recipients, m, Data
	return &n
}

// Close cancels what is still being looked up, waits for it, and calls what AtClose was
// given.
func (tx *Transaction) Close() { tx.mem.close() }

// AtClose has f called when the transaction is closed: at once, if it is. The gate's is
// open as long as its connection, so a Recorder can count what is there at one time.
func (tx *Transaction) AtClose(f func()) { tx.mem.atClose(f) }

// First reports whether the transaction, at any of its stages, is asked for key for the
// first time: two entries of one filter count what they see once.
func (tx *Transaction) First(key string) bool { return tx.mem.first(key) }

// Asked reports whether First was asked for key.
func (tx *Transaction) Asked(key string) bool { return tx.mem.asked(key) }

// Lists answers for the lists as they stood when the transaction began. Within one
// question the narrowest scope wins, then allow over block (spec: mailbox over domain
// over global). Traps and frauds are lists of their own, and global.
type Lists interface {
	// Find returns the entry that decides about s for mail to rcpt; the null
	// path asks the global lists alone. For traps and frauds rcpt is no matter.
	Find(s Subject, rcpt mail.Path) (Listing, bool)
	// Authors reports whether any author is listed (allowed, or blocked) in a
	// scope that rcpt is in.
	Authors(allow bool, rcpt mail.Path) bool
	// Frauds reports whether anybody is in the list of frauds.
	Frauds() bool
	// Hit counts a use of the entry.
	Hit(id int64)
}

// A Subject is what a list is asked about: one field is set. Where Sender and Client both
// are, the question is of entries for that sender from that client's network, and of those
// that block the sender alone; an entry that allows the sender alone, who has to be
// authenticated for it, is no answer, but outranks what blocks in its scope and wider ones.
type Subject struct {
	Client netip.Addr
	Sender mail.Path
	Author mail.Path
	Trap   mail.Path // a forward-path: is it one that nobody uses?
	Fraud  mail.Path // a reverse-path or author: was it reported for fraud?
}

// A Listing is the list entry that decides.
type Listing struct {
	ID    int64
	Allow bool   // of the allow list
	Value string // as listed: "192.0.2.0/24", ".example.org"
	Scope string // "global", "domain example.org", "mailbox ann@example.org"
}
