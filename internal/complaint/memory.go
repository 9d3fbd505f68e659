package complaint

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/mail"
)

// MaxListed is how many standings a Memory has, the heaviest.
const MaxListed = 100_000

// A Memory has the subjects that are listed, in front of the rows: looking one up costs no
// I/O. It follows the rows within a few seconds (Desk.Run). It is safe for use by many
// goroutines.
type Memory struct {
	measure Measure
	spare   func(netip.Addr) bool
	now     func() time.Time
	held    atomic.Pointer[listed]

	mu   sync.Mutex // of who reads the rows
	due  []Standing // heavy, and what was accepted of them is to be counted; maxDue at most
	mark int64      // of the rows when they were read
	read time.Time  // when they were
}

// listed are standings by what they are about.
type listed struct {
	clients map[netip.Prefix]Standing
	senders map[mail.Path]Standing
	domains map[string]Standing
}

func newMemory(c Config) *Memory {
	m := &Memory{measure: c.Measure, spare: c.Spare, now: c.Now}
	m.held.Store(&listed{})
	return m
}

// Client returns the standing of a client's network if it is listed at a time.
func (m *Memory) Client(a netip.Addr, now time.Time) (Standing, bool) {
	l := m.held.Load()
	if len(l.clients) == 0 || !a.IsValid() {
		return Standing{}, false
	}
	s, ok := l.clients[network(a)]
	return s, ok && m.measure.Listed(s, now) && !m.spare(a)
}

// Sender returns the standing of a sender, or else of his domain, if it is listed at a
// time.
func (m *Memory) Sender(p mail.Path, now time.Time) (Standing, bool) {
	l := m.held.Load()
	if len(l.senders)+len(l.domains) == 0 || p.IsNull() {
		return Standing{}, false
	}
	p = p.Canonical()
	if s, ok := l.senders[p]; ok && m.measure.Listed(s, now) {
		return s, true
	}
	if len(l.domains) == 0 {
		return Standing{}, false
	}
	s, ok := l.domains[Organisation(p.Domain())]
	return s, ok && m.measure.Listed(s, now)
}

// Listed reports whether an address is listed now, and why, for a DNS list.
func (m *Memory) Listed(a netip.Addr) (text string, ok bool) {
	now := m.now()
	s, ok := m.Client(a, now)
	if !ok {
		return "", false
	}
	return fmt.Sprintf("mail from %s was complained of: %s", s.Name, m.measure.Why(s, now)), true
}

// Len is how many subjects are in memory.
func (m *Memory) Len() int {
	l := m.held.Load()
	return len(l.clients) + len(l.senders) + len(l.domains)
}

// Rereading even where nothing is said to have changed: of two commits the later one may
// be seen first.
const rereadEvery = time.Minute

// follow reads the rows again where they have changed.
func (m *Memory) follow(ctx context.Context, rows Rows) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	mark, err := rows.Changed(ctx)
	if err != nil {
		return err
	}
	if mark == m.mark && !m.read.IsZero() && now.Sub(m.read).Abs() < rereadEvery {
		return nil
	}
	list, err := rows.Standings(ctx, "", m.measure.Threshold, MaxListed)
	if err != nil {
		return err
	}
	m.set(list, now)
	m.mark, m.read = mark, now
	return nil
}

// maxDue is of how many subjects, at each look, what was accepted is counted.
const maxDue = 10

// isDue reports whether what was accepted of a subject is to be counted, in its turn: its
// complaints are enough otherwise, and nobody has looked, or not for long.
func (m *Memory) isDue(s Standing, now time.Time) bool {
	return m.measure.Share > 0 && m.measure.Heavy(s, now) && (s.Accepted < 0 || now.Sub(s.Looked).Abs() >= acceptedAgain)
}

// takeDue returns those that are due, and forgets them until the rows are read again.
func (m *Memory) takeDue() []Standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.due
	m.due = nil
	return list
}

// set replaces what is in memory by those of the standings that are listed now. m.mu is
// held, or m is nobody else's.
func (m *Memory) set(list []Standing, now time.Time) {
	m.due = nil
	l := &listed{clients: map[netip.Prefix]Standing{}, senders: map[mail.Path]Standing{}, domains: map[string]Standing{}}
	for _, s := range list {
		if len(m.due) < maxDue && m.isDue(s, now) {
			m.due = append(m.due, s)
		}
		if !m.measure.Listed(s, now) {
			continue
		}
		switch s.Kind {
		case OfClient:
			if p, ok := prefix(s.Name); ok {
				l.clients[p] = s
			}
		case OfSender:
			l.senders[mail.Path(s.Name)] = s
		case OfDomain:
			l.domains[s.Name] = s
		}
	}
	m.held.Store(l)
}

// prefix reads the name of a client.
func prefix(name string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(name); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(name)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
