package tlsreport

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gatepost/internal/daily"
)

// Bounds of what is counted on a day. What goes beyond is not: reports are a courtesy.
const (
	maxDomains  = 10_000
	maxPolicies = 20  // of a domain
	maxDetails  = 100 // of a domain
	maxFailures = 50_000
	maxStrings  = 30     // of a policy
	maxText     = 500    // octets of each text
	maxOpen     = 10_000 // policies between two flushes
)

// A Tally counts sessions. It is safe for use by many goroutines.
type Tally struct {
	rows     Rows
	hostname string
	log      *slog.Logger
	now      func() time.Time

	mu      sync.Mutex
	day     Day
	domains map[string]*seen // of the day
	details int              // of all of them
	open    map[key]*tallied // not in the rows yet
}

// seen is what a domain has had counted on a day, for the bounds.
type seen struct {
	policies map[string]bool
	details  map[Failure]bool
}

type key struct {
	day    Day
	domain string
	policy string // its ID
}

type tallied struct {
	Count
	details map[Failure]int64
}

// NewTally returns a Tally that goes on where the rows of today end. hostname is ours.
func NewTally(ctx context.Context, rows Rows, hostname string, log *slog.Logger, now func() time.Time) (*Tally, error) {
	t := &Tally{rows: rows, hostname: hostname, log: log, now: now, day: DayOf(now()), domains: map[string]*seen{}, open: map[key]*tallied{}}
	known, err := rows.SessionDomains(ctx, t.day)
	if err != nil {
		return nil, fmt.Errorf("tlsreport: %w", err)
	}
	for _, d := range known {
		t.domains[d] = newSeen()
	}
	return t, nil
}

func newSeen() *seen { return &seen{map[string]bool{}, map[Failure]bool{}} }

// Note counts a session. It keeps nothing of s.
func (t *Tally) Note(s Session) {
	p := bounded(*s.Policy)
	k := key{DayOf(t.now()), p.Domain, p.ID()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if k.day != t.day {
		t.day, t.domains, t.details = k.day, map[string]*seen{}, 0
	}
	of := t.domains[k.domain]
	if of == nil {
		if len(t.domains) >= maxDomains {
			return
		}
		of = newSeen()
		t.domains[k.domain] = of
	}
	if !of.policies[k.policy] {
		if len(of.policies) >= maxPolicies {
			return
		}
		of.policies[k.policy] = true
	}
	c := t.open[k]
	if c == nil {
		if len(t.open) >= maxOpen {
			return
		}
		c = &tallied{Count: Count{Day: k.day, Due: due(k.day, k.domain, t.hostname), Policy: p}, details: map[Failure]int64{}}
		t.open[k] = c
	}
	t.count(c, s.Failure, of)
}

func (t *Tally) count(c *tallied, f Failure, of *seen) {
	if f.Result == "" {
		c.Success++
		return
	}
	c.Failure++
	f.MX, f.Receiving, f.Sending, f.Reason = clip(f.MX), clip(f.Receiving), clip(f.Sending), clip(f.Reason)
	if !of.details[f] {
		if len(of.details) >= maxDetails || t.details >= maxFailures {
			return
		}
		of.details[f] = true
		t.details++
	}
	c.details[f]++
}

func bounded(p Policy) Policy {
	q := Policy{Domain: strings.ToLower(clip(p.Domain)), Type: p.Type}
	for _, s := range p.Strings[:min(len(p.Strings), maxStrings)] {
		q.Strings = append(q.Strings, clip(s))
	}
	for _, s := range p.MX[:min(len(p.MX), maxStrings)] {
		q.MX = append(q.MX, clip(s))
	}
	return q
}

// clip shortens a text, at a character's edge. Rows have one text a line.
func clip(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == utf8.RuneError {
			return '?'
		}
		return c
	}, s)
	if len(s) <= maxText {
		return s
	}
	for s = s[:maxText]; !utf8.ValidString(s); {
		s = s[:len(s)-1]
	}
	return s
}

// Run adds to the rows every minute, until ctx ends and once more then.
func (t *Tally) Run(ctx context.Context) error {
	return daily.KeepFlushing(ctx, "tlsreport", t.log, t.Flush)
}

// Flush adds to the rows what was counted since the last time. What can't be stored
// is kept for the next.
func (t *Tally) Flush(ctx context.Context) error {
	t.mu.Lock()
	open := t.open
	t.open = map[key]*tallied{}
	t.mu.Unlock()
	if len(open) == 0 {
		return nil
	}
	var counts []Count
	for _, c := range open {
		one := c.Count
		for f, n := range c.details {
			one.Details = append(one.Details, Detail{f, n})
		}
		counts = append(counts, one)
	}
	err := t.rows.AddSessions(ctx, counts)
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, c := range open {
		t.back(k, c)
	}
	return fmt.Errorf("tlsreport: %w", err)
}

// back merges what could not be stored with what was counted since.
func (t *Tally) back(k key, c *tallied) {
	since := t.open[k]
	if since == nil {
		t.open[k] = c
		return
	}
	since.Success += c.Success
	since.Failure += c.Failure
	for f, n := range c.details {
		since.details[f] += n
	}
}
