package allowance

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// Limits of one log-in. A limit of 0 is none.
type Limits struct {
	Minute, Hour, Day int // messages
	Recipients        int // different ones in a day
	LockAt            int // times Hour, Day or Recipients from which on it is stopped; 0: never
}

// A Count is what one log-in did within an hour, on one node.
type Count struct {
	Box      int64
	Hour     int64 // since 1970
	Messages int64 // begun
	Refused  int64 // not begun, since there were too many
	Fresh    int64 // recipients that it had not written to within a day
	Excess   int64 // recipients that were put off, since there were too many
	Wrong    int64 // recipients that do not exist, and reports that came back
	Networks int64 // from which it logged in
}

func (c *Count) add(o Count) {
	c.Messages += o.Messages
	c.Refused += o.Refused
	c.Fresh += o.Fresh
	c.Excess += o.Excess
	c.Wrong += o.Wrong
	c.Networks += o.Networks
}

// A Kind is an answer in a word.
type Kind int

// Kinds of answers.
const (
	Fine    Kind = iota
	Later        // too much for now
	Stopped      // until somebody says so
)

// An Answer is what a log-in may do; Why says in words why not.
type Answer struct {
	Kind Kind
	Why  string
}

// Bounds of what a Book has in memory. Above maxBoxes accounts, or maxSeenAll recipients, those that have
// not been used for idle make room at the next Sync; above twice as many no further one is begun.
const (
	maxBoxes    = 20_000
	maxSeenAll  = 2_000_000
	maxNetworks = 64 // of one log-in in an hour
	maxSeen     = 100_000
	idle        = time.Minute
	readTime    = 2 * time.Second // for the rows of one log-in
)

// busy is what a log-in hears for which there is no room.
const busy = "too many log-ins at once"

// hours are a day, and the one that has begun.
const hours = 24

// A Config is what a Book needs.
type Config struct {
	Rows   Rows
	Node   string        // a name that no other process has, nor had
	Limits func() Limits // of each log-in that has none of its own
	// Owners returns who has a say in the limits of a mailbox: itself, then its domain.
	Owners func(box int64) []Owner
	// Told is called once, on one node, for each log-in that the limits have stopped.
	Told func(ctx context.Context, s Stop)
	Log  *slog.Logger
	Now  func() time.Time
	// Old is Now, and whether counts that are old by it may be forgotten; nil: they always may.
	Old func(context.Context) (time.Time, bool)
}

// A Book counts. It is safe for use by many goroutines.
type Book struct {
	c    Config
	seed maphash.Seed

	mu    sync.Mutex
	boxes map[int64]*account
	stops map[int64]Stop
	own   map[Owner]Own
	fresh []Stop // that are no rows yet
	since time.Time
}

// New returns a Book, to which Run is to be given.
func New(c Config) *Book {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	return &Book{c: c, seed: maphash.MakeSeed(), boxes: map[int64]*account{}, stops: map[int64]Stop{}}
}

// An account is what is known of one log-in.
type account struct {
	minutes  []minute               // those of the last hour in which it asked
	slots    map[int64]*slot        // by hour, those of the last day
	seen     map[uint64]int64       // recipients, by the hour of the last mail to them
	networks map[netip.Prefix]int64 // by the hour of the last log-in
	used     time.Time              // when anything was counted here last
	unread   bool                   // its rows could not be read yet, so that none may be written
}

type minute struct {
	at int64 // since 1970
	n  int
}

// A slot is one hour.
type slot struct {
	own    Count // since the account is in memory
	dirty  bool
	others map[string]Count // by node; of this one what it counted before
}

// at returns the slot of an hour.
func (a *account) at(hour int64) *slot {
	s := a.slots[hour]
	if s == nil {
		s = &slot{own: Count{Hour: hour}}
		if a.slots == nil {
			a.slots = map[int64]*slot{}
		}
		for old := range a.slots {
			if old <= hour-hours {
				delete(a.slots, old)
			}
		}
		a.slots[hour] = s
	}
	return s
}

// sum adds up the last n hours, of all nodes.
func (a *account) sum(hour int64, n int) (total Count) {
	for at, s := range a.slots {
		if at > hour-int64(n) && at <= hour {
			total.add(s.own)
			for _, o := range s.others {
				total.add(o)
			}
		}
	}
	return total
}

// inHour is how many messages the last sixty minutes had: of this node exactly, of others as if
// those of an hour had come evenly.
func (a *account) inHour(now time.Time) int {
	n, at, hour := 0, now.Unix()/60, now.Unix()/3600
	for _, m := range a.minutes {
		if m.at > at-60 {
			n += m.n
		}
	}
	for _, o := range a.at(hour).others {
		n += int(o.Messages + o.Refused)
	}
	if before := a.slots[hour-1]; before != nil {
		for _, o := range before.others {
			n += int(o.Messages+o.Refused) * int(3600-now.Unix()%3600) / 3600
		}
	}
	return n
}

// tick counts a message that is asked for, and returns how many the minute has.
func (a *account) tick(now time.Time) int {
	at := now.Unix() / 60
	if n := len(a.minutes); n == 0 || a.minutes[n-1].at != at {
		a.minutes = append(slices.DeleteFunc(a.minutes, func(m minute) bool { return m.at <= at-60 || m.at > at }), minute{at: at})
	}
	m := &a.minutes[len(a.minutes)-1]
	m.n++
	return m.n
}

// of returns the account of a mailbox, which know has brought, with its present hour; nil where there
// was no room.
func (b *Book) of(box int64, now time.Time) (*account, *slot) {
	a := b.boxes[box]
	if a == nil {
		return nil, nil
	}
	a.used = now
	s := a.at(now.Unix() / 3600)
	s.own.Box, s.dirty = box, true
	return a, s
}

// Begin is asked whether a log-in may begin a message, which is counted.
func (b *Book) Begin(box int64) Answer {
	now := b.c.Now()
	b.know(box, now)
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, stopped := b.stops[box]; stopped {
		return Answer{Stopped, s.Reason}
	}
	return b.begin(box, b.limits(box), now)
}

func (b *Book) begin(box int64, limits Limits, now time.Time) Answer {
	a, s := b.of(box, now)
	if a == nil {
		return Answer{Later, busy}
	}
	minute := a.tick(now)
	hour, day := a.inHour(now), a.sum(now.Unix()/3600, hours)
	asked := int(day.Messages+day.Refused) + 1
	for _, l := range []struct {
		n, limit int
		lock     bool
		what     Measure
	}{
		{hour, limits.Hour, true, InHour}, {asked, limits.Day, true, InDay}, {minute, limits.Minute, false, InMinute},
	} {
		if l.limit <= 0 || l.n <= l.limit {
			continue
		}
		s.own.Refused++
		if l.lock && limits.LockAt > 0 && l.n >= l.limit*limits.LockAt {
			return b.stop(box, now, Over{l.what, l.n, l.limit})
		}
		return Answer{Later, fmt.Sprintf("%d %s are allowed", l.limit, l.what)}
	}
	s.own.Messages++
	return Answer{}
}

// To is asked whether a log-in may write to a recipient, and is given all for whom he stands. Those who are
// new are counted, or, where that would be too many, none is.
func (b *Book) To(box int64, rcpts ...mail.Path) Answer {
	now := b.c.Now()
	b.know(box, now)
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, stopped := b.stops[box]; stopped {
		return Answer{Stopped, s.Reason}
	}
	return b.to(box, b.limits(box), now, rcpts)
}

func (b *Book) to(box int64, limits Limits, now time.Time, rcpts []mail.Path) Answer {
	hour := now.Unix() / 3600
	a, s := b.of(box, now)
	if a == nil {
		return Answer{Later, busy}
	}
	fresh := map[uint64]bool{}
	for _, rcpt := range rcpts {
		key := maphash.String(b.seed, string(rcpt.Fold().Base()))
		if last, known := a.seen[key]; known && last > hour-hours {
			a.seen[key] = hour
		} else {
			fresh[key] = true
		}
	}
	if len(fresh) == 0 {
		return Answer{}
	}
	day := a.sum(hour, hours)
	if limits.Recipients > 0 && day.Fresh+int64(len(fresh)) > int64(limits.Recipients) {
		s.own.Excess++ // one, whatever he stands for: who writes to a long list is no thief
		if len(fresh) > 1 {
			return Answer{Later, fmt.Sprintf("%d more recipients, %d different ones in a day are allowed", len(fresh), limits.Recipients)}
		}
		if asked := int(day.Fresh + day.Excess + 1); limits.LockAt > 0 && asked >= limits.Recipients*limits.LockAt {
			return b.stop(box, now, Over{ToOthers, asked, limits.Recipients})
		}
		return Answer{Later, fmt.Sprintf("%d %s are allowed", limits.Recipients, ToOthers)}
	}
	s.own.Fresh += int64(len(fresh))
	if a.seen == nil {
		a.seen = map[uint64]int64{}
	}
	for key := range fresh {
		if len(a.seen) < maxSeen {
			a.seen[key] = hour
		}
	}
	return Answer{}
}

// Onward is asked whether the rules of a mailbox may send a message on. That is counted by itself: what
// strangers write takes nothing of what the owner may send, and stops him never.
func (b *Book) Onward(box int64, to mail.Path) Answer {
	now := b.c.Now()
	b.know(-box, now)
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, stopped := b.stops[box]; stopped {
		return Answer{Stopped, s.Reason}
	}
	limits := b.limits(box)
	limits.LockAt = 0
	if a := b.begin(-box, limits, now); a.Kind != Fine {
		return a
	}
	return b.to(-box, limits, now, []mail.Path{to})
}

// Wrong counts a recipient that does not exist, or a report that came back.
func (b *Book) Wrong(box int64) {
	now := b.c.Now()
	b.know(box, now)
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, s := b.of(box, now); s != nil {
		s.own.Wrong++
	}
}

// LoggedIn notes from which network (/24, /48) somebody logged in.
func (b *Book) LoggedIn(box int64, peer netip.Addr) {
	bits := 24
	if peer.Is6() {
		bits = 48
	}
	network, err := peer.Prefix(bits)
	if err != nil {
		return
	}
	now := b.c.Now()
	b.know(box, now)
	b.mu.Lock()
	defer b.mu.Unlock()
	hour := now.Unix() / 3600
	a, s := b.of(box, now)
	if a == nil {
		return
	}
	if last, known := a.networks[network]; known && last == hour {
		return
	}
	for n, last := range a.networks {
		if last < hour {
			delete(a.networks, n)
		}
	}
	if len(a.networks) >= maxNetworks {
		return
	}
	if a.networks == nil {
		a.networks = map[netip.Prefix]int64{}
	}
	a.networks[network] = hour
	s.own.Networks++
}
