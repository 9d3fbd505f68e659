package ban

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// A Config is what a Bans needs.
type Config struct {
	Rows     Rows
	Ladder   Ladder
	Most     int                                                // active bans; 0: DefaultMost
	Contact  string                                             // an address or URL where to ask for help, told to who is banned
	Never    func(netip.Addr) (why string)                      // "": may be banned; nil: only this machine is not
	Observer Observer                                           // nil counts nothing
	Log      *slog.Logger                                       // nil: silent
	Now      func() time.Time                                   // nil: time.Now
	Old      func(ctx context.Context) (now time.Time, ok bool) // by which rows are old; nil: Now
}

// An Observer counts. Its methods must not wait.
type Observer interface {
	// BanImposed is called for each ban of this node's, with its cause.
	BanImposed(cause string)
	// BanRefused is called for who is refused because of a ban, with where: "smtp",
	// "submission", "imap", "web".
	BanRefused(door string)
}

// DefaultMost is how many bans are active at once, where nothing else is set.
const DefaultMost = 100_000

// A Bans is the bans of all nodes, as one node knows them. It is safe for use by many
// goroutines.
type Bans struct {
	c     Config                 // of which what Set changes is in set
	set   atomic.Pointer[Config] // its ladder, number and contact
	table *table
	skew  atomic.Int64 // microseconds that the store's clock is ahead of ours

	mu       sync.Mutex // of table's writers, and of what follows
	revision int64
	waiting  map[netip.Prefix]waiting
	hits     map[netip.Prefix]Hits
	wake     chan struct{} // somebody waits to be written

	rows sync.Mutex // held while rows are read or written, so that none comes to memory after a newer one
}

// A waiting order is one that counts, and is not written yet.
type waiting struct {
	Order
	since int64 // microseconds, by the store's clock
}

// New loads the bans that are active. The caller runs Run beside it.
func New(ctx context.Context, c Config) (*Bans, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = blind{}
	}
	if c.Never == nil {
		c.Never = func(netip.Addr) string { return "" }
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	b := &Bans{c: c, table: newTable(), waiting: map[netip.Prefix]waiting{}, hits: map[netip.Prefix]Hits{}, wake: make(chan struct{}, 1)}
	b.Set(c)
	return b, b.Refresh(ctx)
}

// Set puts the ladder, the number and the contact of another Config in force. Bans that are
// there stay as they are.
func (b *Bans) Set(c Config) {
	if c.Most <= 0 {
		c.Most = DefaultMost
	}
	b.set.Store(&c)
}

type blind struct{}

func (blind) BanImposed(string) {}
func (blind) BanRefused(string) {}

// storeNow is the time by the store's clock, in microseconds.
func (b *Bans) storeNow() int64 { return b.c.Now().UnixMicro() + b.skew.Load() }

// Now is the time by the store's clock.
func (b *Bans) Now() time.Time { return time.UnixMicro(b.storeNow()).UTC() }

// Find returns the ban that keeps an address out now, of those whose cause shuts the door
// that asks; nil: any. Of several it is that of the longest network. It has the ID, network,
// cause, step and end; all else is in the store. Who is never banned is not found. It takes
// no lock.
func (b *Bans) Find(addr netip.Addr, shuts func(Cause) bool) (Ban, bool) {
	n, void, ok := b.held(addr, shuts)
	if !ok || void != "" {
		return Ban{}, false
	}
	return n, true
}

// Held returns the ban that names an address now, as Find does, also one that keeps nobody
// out because the address is never banned; void says why that is so.
func (b *Bans) Held(addr netip.Addr) (n Ban, void string, ok bool) { return b.held(addr, nil) }

func (b *Bans) held(addr netip.Addr, shuts func(Cause) bool) (n Ban, void string, ok bool) {
	addr = mail.Unmap(addr)
	if !addr.IsValid() {
		return Ban{}, "", false
	}
	a := b.table.find(addr, func(a *active) bool { return a.until > b.storeNow() && (shuts == nil || shuts(a.cause)) })
	if a == nil {
		return Ban{}, "", false
	}
	return a.ban(), b.never(addr), true
}

// never says why an unmapped address is never banned.
func (b *Bans) never(addr netip.Addr) string {
	if addr.IsLoopback() || addr.IsUnspecified() {
		return "it is this machine"
	}
	return b.c.Never(addr)
}

// Impose bans a client for a cause, for as long as the ladder says. The ban counts here
// when it returns, and is written within about a second. Who is never banned is not, and
// who is banned already is not banned for longer, unless the cause outweighs that of the
// ban; neither is an error.
func (b *Bans) Impose(_ context.Context, client netip.Addr, cause, note string) error {
	o := Order{Network: Network(client), Cause: Cause(cause), Note: cut(note), Who: ByNode}
	switch {
	case !o.Network.IsValid():
		return fmt.Errorf("ban: impose on %v: no address", client)
	case !o.Cause.Known():
		return fmt.Errorf("ban: impose on %s: %w %q", o.Network, errCause, cause)
	}
	if why := b.never(mail.Unmap(client)); why != "" {
		b.c.Log.Info("not banned", "client", client, "cause", cause, "note", o.Note, "reason", why)
		return nil
	}
	if b.enqueue(o) {
		b.c.Observer.BanImposed(cause)
		b.c.Log.Info("banned", "network", o.Network, "cause", cause, "note", o.Note)
	}
	return nil
}

// maxWaiting bounds the bans that wait to be written. In a flood that is wider what comes
// on top counts in memory, for the ladder's first rung, and is never written.
const maxWaiting = 10_000

// enqueue has a ban count, and be written soon; false: there is one that weighs as much.
func (b *Bans) enqueue(o Order) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.storeNow()
	e := b.table.edit()
	until := now + b.set.Load().Ladder.Rung(1).Microseconds() // which rung it is the store knows
	if a := e.get(o.Network); a != nil && a.until > now {
		if !o.Cause.Outweighs(a.cause) {
			return false
		}
		until = max(until, a.until)
	}
	e.put(&active{network: o.Network, cause: o.Cause, step: 1, until: until})
	e.makeRoom(b.set.Load().Most)
	e.done()
	if _, waits := b.waiting[o.Network]; waits || len(b.waiting) < maxWaiting {
		b.waiting[o.Network] = waiting{o, now}
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// Add bans a network by hand, and returns when that is written. It takes the place of the
// ban that is there; d is how long it lasts, 0 as the ladder says. It fails with ErrNever.
func (b *Bans) Add(ctx context.Context, network netip.Prefix, d time.Duration, who, note string) (Ban, error) {
	if why := b.never(network.Addr()); why != "" {
		return Ban{}, fmt.Errorf("ban: %s %w: %s", network, ErrNever, why)
	}
	o := Order{Network: network, Cause: Admin, Note: cut(note), Who: who, For: d, Replace: true}
	b.rows.Lock()
	defer b.rows.Unlock()
	list, err := b.c.Rows.Impose(ctx, []Order{o}, b.set.Load().Ladder)
	if err != nil {
		return Ban{}, fmt.Errorf("ban: %s: %w", network, err)
	}
	b.c.Observer.BanImposed(string(Admin))
	b.c.Log.Info("banned", "network", network, "cause", string(Admin), "note", o.Note, "by", who, "until", list[0].Until)
	b.took(list)
	return list[0], nil
}

// took puts what was written into memory.
func (b *Bans) took(list []Ban) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.table.edit()
	for _, n := range list {
		if w, ok := b.waiting[n.Network]; ok && !w.Cause.Outweighs(n.Cause) { // else it came while this was written
			delete(b.waiting, n.Network)
		}
		e.apply(n, b.storeNow())
	}
	e.makeRoom(b.set.Load().Most)
	e.done()
}

// apply makes of a row what memory has. A ban that is to take the row's place and is not
// written yet stays.
func (e edit) apply(n Ban, now int64) {
	until, old := n.Until.UnixMicro(), e.get(n.Network)
	if n.Lifted.IsZero() && until > now {
		if old == nil || old.id != 0 || old.until <= now || !old.cause.Outweighs(n.Cause) {
			e.put(&active{network: n.Network, cause: n.Cause, id: n.ID, until: until, step: n.Step})
		}
		return
	}
	if old != nil && old.id == n.ID {
		e.drop(n.Network)
	}
}

// Lift ends a ban before its time. What names it is its ID, its network, or an address in
// that. It fails with ErrNone where nothing is banned so.
func (b *Bans) Lift(ctx context.Context, what, who, reason string) (Ban, error) {
	if err := b.write(ctx); err != nil { // it may be one that waits
		return Ban{}, err
	}
	id, err := b.named(what)
	if err != nil {
		return Ban{}, fmt.Errorf("ban: lift %s: %w", what, err)
	}
	return b.lift(ctx, id, Lifting{Who: who, Reason: cut(reason)})
}

// selfOften is how long who lifted his own ban can't lift another.
const selfOften = 24 * time.Hour

// LiftOwn ends the ban of a client who asks for it himself, which must be for failed
// log-ins, once a day. It fails with ErrNone, ErrOther or ErrOften.
func (b *Bans) LiftOwn(ctx context.Context, client netip.Addr, reason string) error {
	if err := b.write(ctx); err != nil {
		return err
	}
	n, ok := b.Find(client, func(c Cause) bool { return c == Login })
	if !ok {
		if _, other := b.Find(client, nil); other {
			return fmt.Errorf("ban: lift own: %w", ErrOther)
		}
		return fmt.Errorf("ban: lift own: %w", ErrNone)
	}
	_, err := b.lift(ctx, n.ID, Lifting{Who: BySelf, Reason: cut(reason), Once: selfOften})
	return err
}

func (b *Bans) lift(ctx context.Context, id int64, l Lifting) (Ban, error) {
	b.rows.Lock()
	defer b.rows.Unlock()
	n, err := b.c.Rows.Lift(ctx, id, l)
	if err != nil {
		return Ban{}, fmt.Errorf("ban: lift %d: %w", id, err)
	}
	b.took([]Ban{n})
	b.c.Log.Info("ban lifted", "id", n.ID, "network", n.Network, "cause", string(n.Cause), "by", l.Who, "reason", l.Reason)
	return n, nil
}

// Bans returns bans from the store, the newest first.
func (b *Bans) Bans(ctx context.Context, q Query) ([]Ban, error) {
	list, err := b.c.Rows.Find(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("ban: list: %w", err)
	}
	return list, nil
}

// Of returns the bans of a network, which is named by a ban's ID, itself or an address in
// it, those that ended too, and those of the network around it that is banned; the newest
// first. It fails with ErrNone.
func (b *Bans) Of(ctx context.Context, what string) ([]Ban, error) {
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	if id, ok := number(what); ok {
		list, err := b.Bans(ctx, Query{ID: id})
		if err != nil || len(list) == 0 {
			return nil, orNone(err)
		}
		what = list[0].Network.String()
	}
	network, err := ParseNetwork(what)
	if err != nil {
		return nil, err
	}
	networks := []netip.Prefix{network}
	if a := b.table.find(network.Addr(), func(a *active) bool { return a.network.Bits() < network.Bits() }); a != nil {
		networks = append(networks, a.network)
	}
	list, err := b.Bans(ctx, Query{Networks: networks, Limit: 100})
	if err != nil || len(list) == 0 {
		return nil, orNone(err)
	}
	return list, nil
}

func orNone(err error) error {
	if err == nil {
		err = ErrNone
	}
	return err
}

// named finds the ID of an active ban.
func (b *Bans) named(what string) (int64, error) {
	if id, ok := number(what); ok {
		return id, nil
	}
	network, err := ParseNetwork(what)
	if err != nil {
		return 0, err
	}
	a := b.table.get(networkKey(network))
	if a == nil && !strings.Contains(what, "/") {
		a = b.table.find(network.Addr(), func(*active) bool { return true })
	}
	if a == nil || a.id == 0 {
		return 0, ErrNone
	}
	return a.id, nil
}

// Counts is how many bans are active, by cause.
func (b *Bans) Counts() map[Cause]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := map[Cause]int{}
	for _, c := range Causes() {
		counts[c] = b.table.causes[c]
	}
	return counts
}

// Notice is what who is banned is told: that he is, until when, and where to ask. It
// names no cause: that would tell a guesser what gave him away.
func (b *Bans) Notice(n Ban) string {
	now, until := time.UnixMicro(b.storeNow()).UTC(), n.Until.UTC().Add(time.Minute-1) // to the minute, and not too early
	layout := "15:04"
	if until.YearDay() != now.YearDay() || until.Year() != now.Year() {
		layout = "2006-01-02 15:04"
	}
	text := fmt.Sprintf("%s is banned until %s UTC", n.Where(), until.Format(layout))
	switch {
	case b.set.Load().Contact == "":
		return text
	case strings.Contains(b.set.Load().Contact, "://"):
		return text + "; if this is a mistake, see " + b.set.Load().Contact
	}
	return text + "; if this is a mistake, write to " + b.set.Load().Contact
}

// cut bounds a note, and makes one line of it.
func cut(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if len(s) > MaxNote {
		s = strings.ToValidUTF8(s[:MaxNote], "")
	}
	return s
}
