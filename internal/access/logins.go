package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// A Login is that a mailbox was logged in to, or by an admin to the pages, at a door from a network: of one IPv4 address, or an IPv6 /64, whose
// addresses a machine changes daily.
type Login struct {
	Box    int64      // the mailbox, or the admin: a number is one's alone
	Door   string     // "imap", "pop3", "sieve", "submission", "web"
	Client netip.Addr // the last one
	First  time.Time  // that is kept
	Last   time.Time  // to againEvery
	Count  int64      // since First
}

// network is what a Login is told apart by.
func (l Login) network() netip.Prefix { return NetworkOf(l.Client) }

// NetworkOf returns the network of a client by which its log-ins are told apart.
func NetworkOf(client netip.Addr) netip.Prefix {
	client = mail.Unmap(client)
	bits := 32
	if client.Is6() {
		bits = 64
	}
	p, _ := client.Prefix(bits) // the zero one of the zero address
	return p
}

// How much is kept of a mailbox, and in memory.
const (
	MaxLogins   = 50 // of one mailbox; the oldest go
	LoginsFor   = 90 * 24 * time.Hour
	againEvery  = 15 * time.Minute // between two rows of the same log-in: programs come each few minutes
	flushEvery  = 5 * time.Second
	maxFresh    = 20_000  // that wait for a flush; beyond it they are not noted
	maxRecently = 100_000 // that are known to be written
)

// LoginRows keeps log-ins.
type LoginRows interface {
	// AddLogins adds counts, and moves Last and Client on; of a mailbox the most recent max stay. What is noted of a
	// mailbox that is gone is nothing.
	AddLogins(ctx context.Context, list []Login, max int) error
	// Logins are those of a mailbox, the last first.
	Logins(ctx context.Context, box int64) ([]Login, error)
	// ExpireLogins removes those whose Last is before a time.
	ExpireLogins(ctx context.Context, before time.Time) error
}

// Logins notes who logged in, from where, for the owners of mailboxes to see, and of admins for operators. Doors tell it; a few seconds later it
// writes what is new. It is safe for use by many goroutines; a nil one notes nothing.
type Logins struct {
	rows LoginRows
	now  func() time.Time

	mu      sync.Mutex
	pending map[loginKey]Login
	written map[loginKey]time.Time
}

type loginKey struct {
	box     int64
	door    string
	network netip.Prefix
}

// NewLogins returns one that knows of none. The caller runs Run beside it.
func NewLogins(rows LoginRows, now func() time.Time) *Logins {
	return &Logins{rows: rows, now: now, pending: map[loginKey]Login{}, written: map[loginKey]time.Time{}}
}

// Note says that somebody logged in. It does not wait.
func (l *Logins) Note(box int64, door string, client netip.Addr) {
	if l == nil || box <= 0 || !client.IsValid() {
		return
	}
	now := l.now()
	n := Login{Box: box, Door: door, Client: mail.Unmap(client), First: now, Last: now, Count: 1}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(n)
}

func (l *Logins) add(n Login) {
	key := loginKey{n.Box, n.Door, n.network()}
	old, there := l.pending[key]
	switch {
	case there && old.Last.After(n.Last):
		old.Count, old.First = old.Count+n.Count, n.First
		n = old
	case there:
		n.Count, n.First = n.Count+old.Count, old.First
	case len(l.pending) >= maxFresh:
		return
	}
	l.pending[key] = n
}

// due takes what is to be written: what is new, and of the rest what was written a while ago; all of it at the end.
func (l *Logins) due(all bool) (list []Login) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.written, func(k loginKey, at time.Time) bool { return now.Sub(at) >= againEvery })
	for key, n := range l.pending {
		if _, lately := l.written[key]; lately && !all {
			continue
		}
		list = append(list, n)
		delete(l.pending, key)
		if len(l.written) < maxRecently {
			l.written[key] = now
		}
	}
	return list
}

// Flush writes what is due; all is also what would wait.
func (l *Logins) Flush(ctx context.Context, all bool) error {
	list := l.due(all)
	for some := range slices.Chunk(list, 1000) {
		if err := l.rows.AddLogins(ctx, some, MaxLogins); err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, n := range some {
				delete(l.written, loginKey{n.Box, n.Door, n.network()})
				l.add(n)
			}
			return fmt.Errorf("access: note log-ins: %w", err)
		}
	}
	return nil
}

// lastFlush is how long the flush at the end may take.
const lastFlush = 5 * time.Second

// Run writes log-ins until ctx ends, and then the rest. failed is told what could not be written, which is tried again.
func (l *Logins) Run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			if err := l.Flush(last, true); err != nil {
				failed(err)
			}
			return
		}
		if err := l.Flush(ctx, false); err != nil && !errors.Is(err, context.Canceled) {
			failed(err)
		}
	}
}

// Of returns the log-ins of a mailbox, the last first, those too that are not written yet.
func (l *Logins) Of(ctx context.Context, box int64) ([]Login, error) {
	list, err := l.rows.Logins(ctx, box)
	if err != nil {
		return nil, fmt.Errorf("access: log-ins: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, n := range l.pending {
		if key.box != box {
			continue
		}
		at := slices.IndexFunc(list, func(o Login) bool { return o.Door == n.Door && o.network() == key.network })
		if at < 0 {
			list = append(list, n)
			continue
		}
		list[at].Client, list[at].Last, list[at].Count = n.Client, n.Last, list[at].Count+n.Count
	}
	slices.SortStableFunc(list, func(a, b Login) int { return b.Last.Compare(a.Last) })
	return list, nil
}

// note is Note for a person at the pages.
func (l *Logins) note(p Person, from Client) {
	l.Note(p.ID, "web", from.Addr) // of an owner the mailbox, and no admin has the number of one
}
