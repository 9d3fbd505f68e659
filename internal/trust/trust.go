package trust

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Weight is how much a sender is trusted, in thousandths: One is what one mail to the
// sender is worth.
type Weight int64

// Bounds of weights.
const (
	One   Weight = 1000
	Most  Weight = 10 * One // however much is learnt
	Least Weight = One / 10 // what is below counts for nothing and is removed
)

// HalfLife is after how long without use a weight is halved.
const HalfLife = 90 * 24 * time.Hour

// maxHalvings is from where on nothing is left of Most.
const maxHalvings = 14

// How a weight came about. An Entry may have several.
type How int64

// Ways of learning.
const (
	Outgoing  How = 1 << iota // mail from here reached the sender
	Challenge                 // the sender solved a challenge
	Release                   // somebody released mail of the sender
	Admin                     // an admin set the weight
)

// Worth is by how much an event of that kind raises a weight. A person who says "this is
// wanted" is worth more than one who writes.
func (h How) Worth() Weight {
	switch h {
	case Outgoing:
		return One
	case Challenge, Release:
		return 2 * One
	}
	return 0
}

// String returns the words, with commas between: "outgoing, release".
func (h How) String() string {
	var words []string
	for i, word := range []string{"outgoing", "challenge", "release", "admin"} {
		if h&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

// A Scope is for whose mail a weight counts, as rows have it: a mailbox or a domain by its
// number, which nobody else gets, or an address.
type Scope string

// ForMailbox is the scope of a mailbox here.
func ForMailbox(id int64) Scope { return Scope("m" + strconv.FormatInt(id, 10)) }

// ForDomain is the scope of all of a domain here.
func ForDomain(id int64) Scope { return Scope("d" + strconv.FormatInt(id, 10)) }

// ForAddress is the scope of an address that has no mailbox of its own here.
func ForAddress(p mail.Path) Scope { return Scope(p.Fold()) }

// Split returns whose scope it is: a mailbox's or a domain's number, else an address.
func (s Scope) Split() (mailbox, domain int64, address mail.Path) {
	if strings.Contains(string(s), "@") || s == "" {
		return 0, 0, mail.Path(s)
	}
	n, err := strconv.ParseInt(string(s[1:]), 10, 64)
	switch {
	case err != nil:
		return 0, 0, mail.Path(s)
	case s[0] == 'm':
		return n, 0, ""
	}
	return 0, n, ""
}

// Kind says in a word for whose mail it is: "mailbox", "domain" or "address".
func (s Scope) Kind() string {
	switch box, domain, _ := s.Split(); {
	case box != 0:
		return "mailbox"
	case domain != 0:
		return "domain"
	}
	return "address"
}

// A Key is by what a weight is found. Sender is folded, without a tag of BATV.
type Key struct {
	Scope  Scope
	Sender mail.Path
}

// An Entry is what is known of one sender in one scope.
type Entry struct {
	Key
	Weight Weight    // at Used
	Used   time.Time // the last use, or lesson
	Learnt time.Time // the last lesson
	How    How
}

// At returns the weight at a time: halved for each whole HalfLife since the last use, 0
// where it is below Least.
func (e Entry) At(now time.Time) Weight {
	halvings := max(now.Sub(e.Used)/HalfLife, 0)
	if halvings > maxHalvings {
		return 0
	}
	if w := e.Weight >> halvings; w >= Least {
		return w
	}
	return 0
}

// A Use is mail that a weight counted for.
type Use struct {
	Key
	Time time.Time
}

// News are senders of whom something is known that was not known before.
type News struct {
	Senders []mail.Path
	Next    int64 // the number of the last one
	Gap     bool  // some are not kept any more: who follows is to read all rows
}

// Rows keeps the weights.
type Rows interface {
	// Find returns the entries of those keys that are there, at most a few.
	Find(ctx context.Context, keys []Key) ([]Entry, error)
	// List returns entries of some scopes, or of all where there are none, in the order
	// of their keys, those after a key; at most limit.
	List(ctx context.Context, scopes []Scope, after Key, limit int) ([]Entry, error)
	// News returns senders of whom something is known since the news of a number, and was
	// not before, in the order of commits, at most limit; with limit 0 none, and the newest
	// number.
	News(ctx context.Context, after int64, limit int) (News, error)
	// Use notes uses. An entry that is gone is passed over.
	Use(ctx context.Context, uses []Use) error
	// Set puts an entry in the place of what was there.
	Set(ctx context.Context, e Entry) error
	// Forget removes an entry and reports whether it was there.
	Forget(ctx context.Context, k Key) (bool, error)
	// Forgive takes back what the release of a held message taught, and reports whether
	// it had taught anything. Doing so again changes nothing.
	Forgive(ctx context.Context, held string, now time.Time) (bool, error)
	// Prune looks at up to limit entries after a key and removes those of no weight at
	// now. It returns the last one that it looked at, the zero Key at the end.
	Prune(ctx context.Context, after Key, now time.Time, limit int) (last Key, removed int, err error)
}

// Compare orders keys as Rows does: by scope, then by sender.
func Compare(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Sender, b.Sender))
}
