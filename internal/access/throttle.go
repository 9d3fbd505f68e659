package access

import (
	"cmp"
	"container/list"
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// A throttle counts failures of log-ins, and blocks for a time where there are too many.
// Three things are counted:
//
//   - an account from a network: what somebody does who has forgotten a password, or
//     guesses it from one place. Blocking that harms nobody else;
//   - an account from everywhere: a guess from many places. Networks from which the
//     account was logged in to before are spared, so that a stranger's guessing does not
//     lock out who works there;
//   - a network, whatever the accounts: a list of names and passwords that is tried.
//
// The same wrong password again counts once: it is a program that has an old one. Whether
// the account exists is not looked at.
//
// Everything is in memory, and bounded: what was not touched for longest is forgotten
// first.
type throttle struct {
	now func() time.Time
	key [32]byte // of this process

	mu   sync.Mutex
	byID map[blockID]*list.Element // of *tally
	used *list.List                // the last used first
	good map[pairID]time.Time      // when an account was last logged in to from a network
}

// A limit says how many failures are free, and how long the first one beyond blocks;
// each further one blocks for twice as long, up to most.
type limit struct {
	free        int
	first, most time.Duration
}

func limits(kind BlockKind) limit {
	switch kind {
	case BlockPair:
		return limit{5, 30 * time.Second, time.Hour}
	case BlockAccount:
		return limit{30, time.Minute, time.Hour}
	}
	return limit{40, time.Minute, time.Hour}
}

const (
	forgetAfter = 2 * time.Hour // without a failure
	goodFor     = 30 * 24 * time.Hour
	maxTallies  = 30_000
	maxGood     = 10_000
	maxWrong    = 10  // wrong passwords that are known again
	maxName     = 320 // octets of an account's name
	codeOf      = "second factor of "
)

// A BlockKind is what is blocked.
type BlockKind string

// Kinds of blocks.
const (
	BlockPair    BlockKind = "pair"    // an account from a network
	BlockAccount BlockKind = "account" // an account from networks that it does not know
	BlockNetwork BlockKind = "network" // a network
)

type blockID struct {
	kind    BlockKind
	account string
	network netip.Prefix
}

type pairID struct {
	account string
	network netip.Prefix
}

type tally struct {
	id       blockID
	failures int
	pending  int // attempts under way, which count as failures until they end
	last     time.Time
	until    time.Time
	wrong    [][16]byte // passwords, the last first
}

func newThrottle(now func() time.Time) *throttle {
	t := &throttle{now: now, byID: map[blockID]*list.Element{}, used: list.New(), good: map[pairID]time.Time{}}
	rand.Read(t.key[:])
	return t
}

// A try is one attempt that was begun. One of its three methods ends it.
type try struct {
	t     *throttle
	pair  pairID
	tag   [16]byte
	known bool // the network is one that the account knows
}

// Network is what one customer of a provider has: a /24 or /64.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: all such are one network
	}
	return p
}

// accountName is the name by which failures are counted.
func accountName(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) > maxName {
		s = s[:maxName]
	}
	return s
}

// begin fails with a Blocked where there were too many failures.
func (t *throttle) begin(account string, client netip.Addr, password string) (*try, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	y := &try{t: t, pair: pairID{accountName(account), Network(client)}}
	y.tag = tag(t.key[:], y.pair.account+"\x00"+password)
	at, ok := t.good[y.pair]
	y.known = ok && now.Sub(at) < goodFor
	var until time.Time
	for _, id := range y.ids() {
		if e := t.find(id, now); e != nil {
			n := e.Value.(*tally)
			if n.until.After(until) {
				until = n.until
			}
			// Many at once are no way around: those under way are counted.
			if l := limits(id.kind); n.pending > 0 && n.failures+n.pending >= l.free && now.Add(time.Second).After(until) {
				until = now.Add(time.Second)
			}
		}
	}
	if until.After(now) {
		return nil, Blocked{until}
	}
	for _, id := range y.ids() {
		t.tally(id, now).pending++
	}
	return y, nil
}

// ids are what an attempt counts for.
func (y *try) ids() []blockID {
	ids := []blockID{{BlockPair, y.pair.account, y.pair.network}, {BlockNetwork, "", y.pair.network}}
	if !y.known {
		ids = append(ids, blockID{BlockAccount, y.pair.account, netip.Prefix{}})
	}
	return ids
}

// undo ends an attempt that says nothing.
func (y *try) undo() { y.end(func(*tally) {}) }

// right forgets the failures of the account from this network, and knows the network.
func (y *try) right() {
	y.end(func(n *tally) {
		if n.id.kind == BlockPair {
			n.failures, n.until, n.wrong = 0, time.Time{}, nil
		}
	})
	y.t.mu.Lock()
	defer y.t.mu.Unlock()
	if len(y.t.good) >= maxGood {
		y.t.forgetGood()
	}
	y.t.good[y.pair] = y.t.now()
}

// forgetGood makes room: half of what is known goes, the oldest first.
func (t *throttle) forgetGood() {
	ages := make([]time.Time, 0, len(t.good))
	for _, at := range t.good {
		ages = append(ages, at)
	}
	slices.SortFunc(ages, time.Time.Compare)
	for pair, at := range t.good {
		if !at.After(ages[len(ages)/2]) {
			delete(t.good, pair)
		}
	}
}

// wrong counts a failure, but for a password that was wrong before.
func (y *try) wrong() {
	now, again := y.t.now(), false
	y.end(func(n *tally) {
		if n.id.kind == BlockPair { // the first of ids
			again = slices.Contains(n.wrong, y.tag)
			n.wrong = slices.DeleteFunc(n.wrong, func(w [16]byte) bool { return w == y.tag })
			n.wrong = slices.Insert(n.wrong, 0, y.tag)
			n.wrong = n.wrong[:min(len(n.wrong), maxWrong)]
		}
		if again {
			return
		}
		n.failures++
		if l := limits(n.id.kind); n.failures >= l.free {
			n.until = now.Add(min(l.first<<min(n.failures-l.free, 20), l.most))
		}
	})
}

func (y *try) end(count func(*tally)) {
	y.t.mu.Lock()
	defer y.t.mu.Unlock()
	now := y.t.now()
	for _, id := range y.ids() {
		n := y.t.tally(id, now)
		n.pending = max(n.pending-1, 0)
		n.last = now
		count(n)
	}
}

// find returns what is counted for something, unless it is old.
func (t *throttle) find(id blockID, now time.Time) *list.Element {
	e := t.byID[id]
	if e == nil {
		return nil
	}
	if n := e.Value.(*tally); n.old(now) {
		t.remove(e)
		return nil
	}
	return e
}

func (n *tally) old(now time.Time) bool {
	return n.pending == 0 && now.Sub(n.last) >= forgetAfter && !n.until.After(now)
}

// tally returns what is counted for something, and makes room for it where it is new.
func (t *throttle) tally(id blockID, now time.Time) *tally {
	if e := t.find(id, now); e != nil {
		t.used.MoveToFront(e)
		return e.Value.(*tally)
	}
	for t.used.Len() >= maxTallies {
		t.remove(t.used.Back())
	}
	n := &tally{id: id, last: now}
	t.byID[id] = t.used.PushFront(n)
	return n
}

func (t *throttle) remove(e *list.Element) {
	delete(t.byID, e.Value.(*tally).id)
	t.used.Remove(e)
}

// A Block is one that is in force.
type Block struct {
	ID       string // for Lift
	Kind     BlockKind
	Account  string       // "": of a network
	Network  netip.Prefix // zero: of an account
	Code     bool         // it is the second factor that was wrong
	Failures int
	Last     time.Time
	Until    time.Time
}

// Blocks are those in force, the last to end first.
func (d *Desk) Blocks() []Block {
	t := d.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	var blocks []Block
	for id, e := range t.byID {
		if n := e.Value.(*tally); n.until.After(now) {
			account, code := strings.CutPrefix(id.account, codeOf)
			blocks = append(blocks, Block{t.name(id), id.kind, account, id.network, code, n.failures, n.last, n.until})
		}
	}
	slices.SortFunc(blocks, func(a, b Block) int { return cmp.Or(b.Until.Compare(a.Until), cmp.Compare(a.ID, b.ID)) })
	return blocks
}

// Lift ends a block, and forgets its failures; false: it was over.
func (d *Desk) Lift(id string) bool {
	t := d.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, e := range t.byID {
		if t.name(key) == id && e.Value.(*tally).until.After(t.now()) {
			t.remove(e)
			return true
		}
	}
	return false
}

// name is how a block is named in a form.
func (t *throttle) name(id blockID) string {
	sum := tag(t.key[:], string(id.kind)+"\x00"+id.account+"\x00"+id.network.String())
	return base32Plain.EncodeToString(sum[:])
}
