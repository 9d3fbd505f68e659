package access

import (
	"cmp"
	"crypto/rand"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// A throttle counts failures of log-ins, and blocks for a time where there are too many.
// Three things are counted:
//
//   - an account from a network: what somebody does who has forgotten a password, or
//     guesses it from one place. Blocking that harms nobody else;
//   - an account from everywhere: a guess from many places;
//   - a network: how many accounts were tried from it in vain within forgetAfter, however
//     often each. It is a list of names and passwords that is tried. Of IPv6 a /64 is
//     counted, and the /48 around it, of which one party may have all.
//
// The last two spare an account in networks from which it was logged in to before: a
// stranger's guessing, or a guest's in the same office, does not lock out who works there.
// The same wrong password again counts once: it is a program that has an old one. Whether
// the account exists is not looked at.
//
// Beside these, spray.go counts what bans an address.
//
// Everything is in memory, and bounded. Where room is needed the least serious is
// forgotten first: what is not blocked, with the fewest failures, for longest. So no
// flood of names lets a block go, or a count that is near one.
type throttle struct {
	now func() time.Time
	key [32]byte // of this process

	mu   sync.Mutex
	byID map[BlockKind]map[blockID]*tally
	good map[string][]place // where accounts were logged in to, the last first
	rain sprays
}

// A limit says how many failures are free, and how long the first one beyond blocks;
// each further one blocks for twice as long, up to most.
type limit struct {
	free        int
	first, most time.Duration
}

func (id blockID) limit() limit {
	switch {
	case id.kind == BlockPair:
		return limit{5, 30 * time.Second, time.Hour}
	case id.kind == BlockAccount:
		return limit{30, time.Minute, time.Hour}
	case id.network.Addr().Is6() && id.network.Bits() <= siteBits:
		return limit{100, time.Minute, time.Hour}
	}
	return limit{40, time.Minute, time.Hour}
}

const (
	forgetAfter = 2 * time.Hour // without a failure
	goodFor     = 30 * 24 * time.Hour
	maxTallies  = 10_000 // of each kind
	maxGood     = 10_000 // accounts
	maxPlaces   = 16     // networks of one of them
	maxWrong    = 10     // wrong passwords that are known again
	siteBits    = 48
	codeOf      = "second factor of "
)

// A BlockKind is what is blocked.
type BlockKind string

// Kinds of blocks.
const (
	BlockPair    BlockKind = "pair"    // an account from a network
	BlockAccount BlockKind = "account" // an account from networks that it does not know
	BlockNetwork BlockKind = "network" // a network, for accounts that do not know it
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

// A place is a network from which an account was logged in to.
type place struct {
	network netip.Prefix
	at      time.Time
}

type tally struct {
	id       blockID
	failures int
	pending  int       // attempts under way, which count as failures until they end
	last     time.Time // failure
	until    time.Time
	seen     []seen // passwords; of a network accounts. The last first
}

// A seen one counts no more.
type seen struct {
	tag [16]byte
	at  time.Time
}

func newThrottle(now func() time.Time) *throttle {
	t := &throttle{now: now, good: map[string][]place{}, rain: newSprays(), byID: map[BlockKind]map[blockID]*tally{
		BlockPair: {}, BlockAccount: {}, BlockNetwork: {},
	}}
	rand.Read(t.key[:])
	return t
}

// A try is one attempt that was begun. One of its three methods ends it.
type try struct {
	t        *throttle
	pair     pairID
	site     netip.Prefix
	password [16]byte
	account  [16]byte
	known    bool // the network is one that the account knows
}

// Network is what one customer of a provider has: a /24 or /64.
func Network(a netip.Addr) netip.Prefix { return around(a, 24, 64) }

// Site is the most that one customer of a provider may have: the /48 of an IPv6 address.
// It is not valid where there is no more than the Network.
func Site(a netip.Addr) netip.Prefix {
	if a = mail.Unmap(a); !a.Is6() {
		return netip.Prefix{}
	}
	return around(a, 0, siteBits)
}

func around(a netip.Addr, four, six int) netip.Prefix {
	a = mail.Unmap(a)
	bits := six
	if a.Is4() {
		bits = four
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: all such are one network
	}
	return p
}

var adminName = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// accountName is the name by which failures are counted: one, however the account is
// written. Names that can be no account's are all one account, "".
func accountName(s string) string {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "@") {
		address, _ := mail.ParsePath(s) // null where it is none
		return string(address.Fold())
	}
	if s = strings.ToLower(s); !adminName.MatchString(s) {
		return ""
	}
	return s
}

// begin fails with a Blocked where there were too many failures. The account is an
// accountName, or codeOf one.
func (t *throttle) begin(account string, client netip.Addr, password string) (*try, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	y := &try{t: t, pair: pairID{account, Network(client)}, site: Site(client)}
	y.password = tag(t.key[:], account+"\x00"+password)
	y.account = tag(t.key[:], account)
	y.known = t.knows(y.pair, now)
	var until time.Time
	for _, id := range y.ids() {
		if n := t.find(id, now); n != nil {
			if n.until.After(until) {
				until = n.until
			}
			// Many at once are no way around: those under way are counted.
			if n.pending > 0 && n.failures+n.pending >= id.limit().free && now.Add(time.Second).After(until) {
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
	ids := []blockID{{BlockPair, y.pair.account, y.pair.network}}
	if y.known {
		return ids
	}
	ids = append(ids, blockID{BlockAccount, y.pair.account, netip.Prefix{}}, blockID{BlockNetwork, "", y.pair.network})
	if y.site.IsValid() {
		ids = append(ids, blockID{BlockNetwork, "", y.site})
	}
	return ids
}

// undo ends an attempt that says nothing.
func (y *try) undo() { y.end(func(*tally, time.Time) {}) }

// right forgets the failures of the account from this network, and knows the network.
func (y *try) right() {
	y.end(func(n *tally, _ time.Time) {
		if n.id.kind == BlockPair {
			n.failures, n.until, n.seen = 0, time.Time{}, nil
		}
	})
	y.t.mu.Lock()
	defer y.t.mu.Unlock()
	y.t.know(y.pair)
}

// knows reports whether an account was logged in to from a network.
func (t *throttle) knows(p pairID, now time.Time) bool {
	return slices.ContainsFunc(t.good[p.account], func(at place) bool {
		return at.network == p.network && now.Sub(at.at) < goodFor
	})
}

// know notes a network of an account; of one the last are known, so that who logs in
// from very many makes others forget nothing.
func (t *throttle) know(p pairID) {
	old, ok := t.good[p.account]
	if !ok && len(t.good) >= maxGood {
		t.forgetGood()
	}
	list := append(make([]place, 0, len(old)+1), place{p.network, t.now()})
	for _, at := range old {
		if at.network != p.network && len(list) < maxPlaces {
			list = append(list, at)
		}
	}
	t.good[p.account] = list
}

// forgetGood makes room: half of the accounts go, those that were not logged in to for
// longest.
func (t *throttle) forgetGood() {
	ages := make([]time.Time, 0, len(t.good))
	for _, list := range t.good {
		ages = append(ages, list[0].at)
	}
	slices.SortFunc(ages, time.Time.Compare)
	for account, list := range t.good {
		if !list[0].at.After(ages[len(ages)/2]) {
			delete(t.good, account)
		}
	}
}

// wrong counts a failure, but for a password that was wrong before.
func (y *try) wrong() {
	y.end(func(n *tally, now time.Time) {
		fresh := false
		if n.id.kind == BlockNetwork {
			n.seen = slices.DeleteFunc(n.seen, func(s seen) bool { return now.Sub(s.at) >= forgetAfter })
			fresh = n.see(y.account, now, n.id.limit().free+10)
			n.failures = len(n.seen)
		} else if fresh = n.see(y.password, now, maxWrong); fresh {
			n.failures++
		}
		if !fresh {
			return
		}
		n.last = now
		if l := n.id.limit(); n.failures >= l.free {
			n.until = now.Add(min(l.first<<min(n.failures-l.free, 20), l.most))
		}
	})
}

// see notes what failed, and reports whether it is new.
func (n *tally) see(tag [16]byte, now time.Time, most int) bool {
	size := len(n.seen)
	n.seen = slices.DeleteFunc(n.seen, func(s seen) bool { return s.tag == tag })
	fresh := len(n.seen) == size
	n.seen = slices.Insert(n.seen, 0, seen{tag, now})
	n.seen = n.seen[:min(len(n.seen), most)]
	return fresh
}

func (y *try) end(count func(*tally, time.Time)) {
	y.t.mu.Lock()
	defer y.t.mu.Unlock()
	now := y.t.now()
	for _, id := range y.ids() {
		n := y.t.tally(id, now)
		n.pending = max(n.pending-1, 0)
		count(n, now)
		if n.old(now) {
			delete(y.t.byID[id.kind], id)
		}
	}
}

// find returns what is counted for something, unless it is old.
func (t *throttle) find(id blockID, now time.Time) *tally {
	n := t.byID[id.kind][id]
	if n != nil && n.old(now) {
		delete(t.byID[id.kind], id)
		return nil
	}
	return n
}

// old reports whether there is nothing to remember. Only failures make it last longer.
func (n *tally) old(now time.Time) bool {
	return n.pending == 0 && (n.failures == 0 || now.Sub(n.last) >= forgetAfter) && !n.until.After(now)
}

// tally returns what is counted for something, and makes room for it where it is new.
func (t *throttle) tally(id blockID, now time.Time) *tally {
	if n := t.find(id, now); n != nil {
		return n
	}
	all := t.byID[id.kind]
	if len(all) >= maxTallies {
		makeRoom(all, now)
	}
	n := &tally{id: id}
	all[id] = n
	return n
}

// makeRoom forgets the tenth that is least serious. What is blocked or under way stays,
// unless there is nothing else: then one goes, the first to end.
func makeRoom(all map[blockID]*tally, now time.Time) {
	held := func(n *tally) int {
		if n.until.After(now) {
			return 2
		}
		return min(n.pending, 1)
	}
	list := slices.SortedFunc(maps.Values(all), func(a, b *tally) int {
		if a, b := held(a), held(b); a != b {
			return a - b
		}
		if held(a) == 2 {
			return a.until.Compare(b.until)
		}
		return cmp.Or(a.failures-b.failures, a.last.Compare(b.last))
	})
	for i, n := range list[:max(len(list)/10, 1)] {
		if i > 0 && held(n) > 0 {
			return
		}
		delete(all, n.id)
	}
}
