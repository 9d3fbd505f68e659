package greylist

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// Terms are how long a triplet waits and is remembered.
type Terms struct {
	Delay  time.Duration // from the first attempt until another passes
	Window time.Duration // from the first attempt until it is forgotten, if none passed
	Keep   time.Duration // from the last use until a pass is forgotten
	Passes int64         // triplets that passed, from which an identity passes whole; 0: never
}

// DefaultTerms are those of the specification.
func DefaultTerms() Terms {
	return Terms{Delay: 5 * time.Minute, Window: 4 * time.Hour, Keep: 36 * 24 * time.Hour, Passes: 5}
}

// A Question is asked about one recipient of a message.
type Question struct {
	Tx        string // the transaction
	Time      time.Time
	Sender    mail.Path // as the client gave it; Sender makes one of many
	Recipient mail.Path
	// Domain is the sender's organisational domain, under which the delay is counted: senders
	// of one name in several hosts of it are one.
	Domain string
	// Identities are those that the client may be known by, the best first: under that one it
	// is remembered. There is at least one.
	Identities []string
	Terms      Terms
}

// A Result is what a Book says of a question.
type Result string

// Results.
const (
	Unseen Result = "new"    // the first attempt: it waits
	Early  Result = "early"  // it came before, too short a time ago
	Passed Result = "passed" // it waited, and passes now
	Known  Result = "known"  // it passed before, or its identity passes whole
)

// An Answer is what a Book says of a question, and by which row.
type Answer struct {
	Result   Result
	Left     time.Duration // of Unseen and Early: how long until it passes
	Identity string        // by which it waits, or passes
	Whole    bool          // of Known: all of the identity passes
	First    time.Time     // attempt; of Unseen: now
	Tx       string        // of the first attempt
	Tries    int64         // of Early and Passed: attempts, this one included
	number   int64         // the triplet's; 0 where Whole
}

// Bounds of a Book; a Config's zero fields stand for them.
const (
	maxWaiting     = 1_000_000
	maxPerIdentity = 1000
	maxPending     = 20_000
	maxMemo        = 50_000
	maxDomains     = 1000
	maxDelays      = 5000 // kinds of delay counted between two writes; more are Others
)

// A Config is what a Book needs.
type Config struct {
	Rows   Rows
	Chores Chores
	Desk   Desk
	Key    []byte // 32 secret octets, the same for all who share rows
	Log    *slog.Logger
	// Old returns the time, and whether rows may be removed that are old by it; nil: time.Now.
	Old      func(context.Context) (time.Time, bool)
	Now      func() time.Time // nil: time.Now
	Observer Observer         // nil: nobody is told

	Waiting     int           // triplets that may wait in all, and
	PerIdentity int           // of one identity; the oldest give way
	Pending     int           // triplets that may be unwritten
	Memo        int           // triplets, and identities, kept in memory
	Domains     int           // domains whose delay is counted, a day
	KeepDelays  time.Duration // how long the counts of a day are kept; 0: 90 days
}

// An Observer counts. Calls return at once.
type Observer interface {
	// Waited counts a triplet that passed, that long after its first attempt.
	Waited(seconds float64)
	// Lost counts triplets that did not come again.
	Lost(n int)
	// Waiting tells how many triplets wait, each minute.
	Waiting(n int)
}

// A Book knows who has tried before. It is safe for use by many goroutines.
type Book struct {
	c   Config
	key numberer

	mu       sync.Mutex
	pending  *pending // not being written yet
	flushing *pending // being written; nil: nothing is
	failed   error    // why the last write failed
	passed   memo[int64, kept[Triplet]]
	whole    memo[string, kept[Identity]]
	changes  int64 // Rows.Changes as last seen
	busy     sync.Mutex
}

// kept is a row in memory, and when it was read.
type kept[T any] struct {
	row  T
	read time.Time
}

// believed is how long a row in memory is taken for the store's.
const believed = 5 * time.Minute

// New returns a Book. Its Run writes what it notes.
func New(c Config) (*Book, error) {
	b := &Book{c: c, pending: newPending()}
	if copy(b.key[:], c.Key) != len(b.key) {
		return nil, fmt.Errorf("greylist: the key has %d octets, not %d", len(c.Key), len(b.key))
	}
	if b.c.Log == nil {
		b.c.Log = slog.New(slog.DiscardHandler)
	}
	if b.c.Now == nil {
		b.c.Now = time.Now
	}
	if b.c.Old == nil {
		b.c.Old = func(context.Context) (time.Time, bool) { return b.c.Now(), true }
	}
	if b.c.Observer == nil {
		b.c.Observer = silent{}
	}
	for _, d := range []struct {
		field *int
		value int
	}{
		{&b.c.Waiting, maxWaiting}, {&b.c.PerIdentity, maxPerIdentity}, {&b.c.Pending, maxPending},
		{&b.c.Memo, maxMemo}, {&b.c.Domains, maxDomains},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if b.c.KeepDelays == 0 {
		b.c.KeepDelays = 90 * 24 * time.Hour
	}
	b.passed.half, b.whole.half = b.c.Memo/2, b.c.Memo/2
	return b, nil
}

// silent is an Observer that tells nobody.
type silent struct{}

func (silent) Waited(float64) {}
func (silent) Lost(int)       {}
func (silent) Waiting(int)    {}

// Check says whether the mail of a question has to wait. It changes nothing. An error means
// that nobody can tell, or that whoever waits would wait for ever: mail must pass then.
func (b *Book) Check(ctx context.Context, q Question) (Answer, error) {
	numbers := b.numbers(q)
	if a, ok := b.remembered(q, numbers); ok {
		return a, nil
	}
	found, err := b.c.Rows.Find(ctx, numbers, q.Identities)
	if err != nil {
		return Answer{}, fmt.Errorf("greylist: %w", err)
	}
	b.overlay(q, numbers, &found)
	a := judge(q, numbers, found)
	if a.Result == Known || a.Result == Passed {
		return a, nil
	}
	return a, b.trouble(numbers[0])
}

// numbers are those of a question's triplets, one for each identity.
func (b *Book) numbers(q Question) []int64 {
	local := mail.Path(Sender(q.Sender)).Local()
	recipient := string(q.Recipient.Fold())
	list := make([]int64, len(q.Identities))
	for i, id := range q.Identities {
		list[i] = b.key.number(id, local, q.Domain, recipient)
	}
	return list
}

// remembered answers from memory about those who passed.
func (b *Book) remembered(q Question, numbers []int64) (Answer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range q.Identities {
		if k, ok := b.whole.get(id); ok && fresh(k, q.Time) && passesWhole(k.row, q.Terms) {
			return Answer{Result: Known, Whole: true, Identity: id, First: k.row.First}, true
		}
	}
	for i, n := range numbers {
		if k, ok := b.passed.get(n); ok && fresh(k, q.Time) {
			return known(q.Identities[i], k.row), true
		}
	}
	return Answer{}, false
}

func fresh[T any](k kept[T], now time.Time) bool { return now.Sub(k.read).Abs() < believed }

func passesWhole(i Identity, t Terms) bool {
	return i.Passes >= ByHand || t.Passes > 0 && i.Passes >= t.Passes
}

func known(identity string, t Triplet) Answer {
	return Answer{Result: Known, Identity: identity, First: t.First, Tx: t.Tx, number: t.Number}
}

// overlay adds to what rows know what is not written yet, and remembers what passes.
func (b *Book) overlay(q Question, numbers []int64, found *Found) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range numbers {
		t := found.Triplets[n]
		if t.Number != 0 && t.State == Passing {
			b.passed.put(n, kept[Triplet]{t, q.Time})
		}
		for _, p := range []*pending{b.flushing, b.pending} {
			if add, ok := p.triplet(n); ok {
				t, _ = t.Merge(add)
			}
		}
		if t.Number != 0 {
			if found.Triplets == nil {
				found.Triplets = map[int64]Triplet{}
			}
			found.Triplets[n] = t
		}
	}
	for id, i := range found.Identities {
		if passesWhole(i, q.Terms) {
			b.whole.put(id, kept[Identity]{i, q.Time})
		}
	}
}

// judge says what follows from what is known. A pass holds as long as there is a row of
// it: Sweep removes rows by a clock that is believed, this one may have jumped.
func judge(q Question, numbers []int64, found Found) Answer {
	for _, id := range q.Identities {
		if i, ok := found.Identities[id]; ok && passesWhole(i, q.Terms) {
			return Answer{Result: Known, Whole: true, Identity: id, First: i.First}
		}
	}
	var first Triplet
	for i, n := range numbers {
		t, ok := found.Triplets[n]
		switch {
		case !ok:
		case t.State == Passing:
			return known(q.Identities[i], t)
		case q.Time.Sub(t.First) < q.Terms.Window && (first.Number == 0 || t.First.Before(first.First)):
			first = t
			first.Identity = q.Identities[i]
		}
	}
	a := Answer{Result: Unseen, Left: q.Terms.Delay, Identity: q.Identities[0], First: q.Time, Tx: q.Tx, Tries: 1, number: numbers[0]}
	if first.Number == 0 {
		return a
	}
	a.Identity, a.First, a.Tx, a.Tries, a.number = first.Identity, first.First, first.Tx, first.Tries+1, first.Number
	waited := max(q.Time.Sub(first.First), 0) // a clock that was set back must not make it longer
	if a.Result, a.Left = Early, q.Terms.Delay-waited; a.Left <= 0 {
		a.Result, a.Left = Passed, 0
	}
	return a
}

// trouble is why a triplet must not be made wait: its attempt would not be written.
func (b *Book) trouble(number int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil {
		return fmt.Errorf("greylist: attempts can't be written: %w", b.failed)
	}
	if _, noted := b.pending.triplet(number); !noted && len(b.pending.triplets) >= b.c.Pending {
		return fmt.Errorf("greylist: %d attempts are not written yet", b.c.Pending)
	}
	return nil
}
