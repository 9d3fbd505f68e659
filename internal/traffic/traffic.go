// Package traffic counts what client networks and senders do, in memory: connections and
// messages of the last minute, connections open now, recipients that were tried and did not
// exist, offences against the protocol, and what their mail was like. The filters rate,
// early-talker and dhap look at it.
//
// A client counts as its network: IPv4 /24, IPv6 /64, which one party usually holds as a
// whole. What leads to a ban is counted for its address alone, too. Each kind of count is a table of its own, of a fixed size: when it is full, those
// that were not updated for longest give way. So any number of clients can come by and memory stays
// as it is; what a flood of new networks can do is to have others forgotten, and then they
// are strangers again. Histories, which spare a network limits, are made by accepted mail
// alone, so that a flood of connections can't touch them.
//
// Counts are a node's own and forgotten at a restart: the limits then begin anew, and
// for some hours every network is a stranger. The package waits for nothing, and asks
// nobody but its clock.
package traffic

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// Stretches of time that are counted over.
const (
	Minute  = time.Minute        // connections and messages
	Harvest = time.Hour          // recipients
	Faults  = time.Hour          // offences against the protocol
	Past    = 7 * 24 * time.Hour // histories
	Inbound = time.Hour          // messages to a mailbox, and their octets
)

// A Config is what Traffic needs to know. The zero value of a number is the default given
// beside it.
type Config struct {
	Entries int // in each table, rounded up to a multiple of 64: 100,000
	// Good says when a network's history is good: it has had so many messages accepted that
	// were no spam, the first of them so long ago. 50 and 6 hours.
	GoodMessages int
	GoodAge      time.Duration
	Now          func() time.Time    // nil: time.Now
	Hash         func(string) uint64 // of addresses; nil: one that nobody outside can foresee
}

// Traffic is the counters of a node. It is safe for use by many goroutines.
type Traffic struct {
	cfg   Config
	begun time.Time

	connections table[window]
	messages    table[window]
	senders     table[window]
	tries       table[tries]
	own         table[tries] // of addresses; of IPv6 they are networks
	histories   table[history]
	patient     table[struct{}]
	faults      table[window]
	inbound     table[inflow]

	Pit Pit // for those who are slowed down

	mu   sync.Mutex
	open map[key]int // bounded by the connections that are open
}

// New returns Traffic that has seen nothing.
func New(c Config) *Traffic {
	if c.Entries <= 0 {
		c.Entries = 100_000
	}
	if c.GoodMessages <= 0 {
		c.GoodMessages = 50
	}
	if c.GoodAge <= 0 {
		c.GoodAge = 6 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Hash == nil {
		seed := maphash.MakeSeed()
		c.Hash = func(s string) uint64 { return maphash.String(seed, s) }
	}
	t := &Traffic{cfg: c, begun: c.Now(), open: map[key]int{}}
	most := (c.Entries + shards - 1) / shards
	t.connections.most, t.messages.most, t.senders.most, t.tries.most = most, most, most, most
	t.own.most, t.histories.most, t.patient.most, t.faults.most = most, most, most, most
	t.inbound.most = most
	return t
}

// Network is whom a client's address counts for.
func Network(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // an address that is not valid gives the zero Prefix: one network more
	return p
}

// now is the time since the counters began, which a clock that steps does not turn back
// behind zero.
func (t *Traffic) now() time.Duration { return max(t.cfg.Now().Sub(t.begun), 0) }

// Arrived counts a connection as open, whatever becomes of it, and returns how many of its
// network are, with it. The caller calls left, once, when it is over.
func (t *Traffic) Arrived(a netip.Addr) (open int, left func()) {
	k := network(a)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[k]++
	return t.open[k], func() { t.leave(k) }
}

// Connected counts a connection that was let in.
func (t *Traffic) Connected(a netip.Addr) {
	now := t.now()
	t.connections.update(network(a), now, func(w *window) { w.add(now, Minute) })
}

func (t *Traffic) leave(k key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[k]--; t.open[k] <= 0 {
		delete(t.open, k)
	}
}

// Connections is how many connections of a's network were let in within the last minute.
func (t *Traffic) Connections(a netip.Addr) (minute float64) {
	now := t.now()
	w, _ := t.connections.look(network(a))
	return w.sum(now, Minute)
}

// Sent counts a message of a client's network, and of a sender whose mail comes from that
// network: anybody can write any sender, and must not use up what the true one may send.
// The null path counts for nobody, since it is everybody's.
func (t *Traffic) Sent(a netip.Addr, sender mail.Path) {
	now := t.now()
	t.messages.update(network(a), now, func(w *window) { w.add(now, Minute) })
	if !sender.IsNull() {
		t.senders.update(t.sender(a, sender), now, func(w *window) { w.add(now, Minute) })
	}
}

// Messages is how many messages a's network has sent within the last minute, and how many
// of those were a sender's.
func (t *Traffic) Messages(a netip.Addr, sender mail.Path) (client, bySender float64) {
	now := t.now()
	w, _ := t.messages.look(network(a))
	s, _ := t.senders.look(t.sender(a, sender))
	if sender.IsNull() {
		s = window{}
	}
	return w.sum(now, Minute), s.sum(now, Minute)
}

// sender is the key of a sender in the network of an address. Of IPv6 it leaves out two
// bits, which are the same wherever addresses are routed.
func (t *Traffic) sender(a netip.Addr, p mail.Path) key {
	n := network(a)
	return key{hi: t.cfg.Hash(string(p.Fold())), lo: n.hi<<2 | n.lo}
}

// Waited notes that a's network has let us greet it first.
func (t *Traffic) Waited(a netip.Addr) {
	t.patient.update(network(a), t.now(), func(*struct{}) {})
}

// Patient reports whether it has within the time given.
func (t *Traffic) Patient(a netip.Addr, within time.Duration) bool {
	at, ok := t.patient.touched(network(a))
	return ok && t.now()-at < within
}

// Fault counts an offence of a against the protocol, and returns how many of that address,
// of IPv6 of its /64, there were within the last hour. Its neighbours have no part in that.
func (t *Traffic) Fault(a netip.Addr) (n float64) {
	now := t.now()
	t.faults.update(address(a), now, func(w *window) {
		w.add(now, Faults)
		n = w.sum(now, Faults)
	})
	return n
}

// An inflow is what strangers brought to a mailbox.
type inflow struct{ messages, kib window } // KiB, each message's rounded up

// Stored counts a message of a stranger that came into a mailbox, by the mailbox's number.
func (t *Traffic) Stored(box, octets int64) {
	now := t.now()
	t.inbound.update(mailboxKey(box), now, func(f *inflow) {
		f.messages.add(now, Inbound)
		f.kib.addMany(now, Inbound, (max(octets, 0)+1023)/1024)
	})
}

// Inbound is how many came into it within the last hour, and of how many octets, to a KiB each.
func (t *Traffic) Inbound(box int64) (messages, octets float64) {
	f, _ := t.inbound.look(mailboxKey(box))
	return f.messages.sum(t.now(), Inbound), f.kib.sum(t.now(), Inbound) * 1024
}
