package dmarc

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gatepost/internal/daily"
	"gatepost/internal/mail"
)

// Bounds of what is counted on a day. What goes beyond is not: reports are a courtesy.
const (
	maxDomains = 10_000
	maxRows    = 2_000 // of a domain
	maxOpen    = 20_000
	maxSums    = 20_000 // between two flushes
	maxText    = 300    // octets of each text
)

// A TallyConfig is what a Tally needs.
type TallyConfig struct {
	Rows     Rows
	Hostname string                   // ours
	Ours     func(domain string) bool // whether a domain is one of ours: of those sums are kept
	Reports  bool                     // whether domains that ask for reports get them
	Log      *slog.Logger
	Now      func() time.Time
}

// A Tally counts messages in the name of domains that ask for reports, and of ours. It is
// safe for use by many goroutines.
type Tally struct {
	c TallyConfig

	mu      sync.Mutex
	day     Day
	domains map[string]map[string]bool // of the day: the rows of each domain, by text
	open    map[rowKey]int64           // not in the rows yet
	sums    map[sumKey]*Sum
}

type rowKey struct {
	Period
	row string // as JSON
}

type sumKey struct {
	domain  string
	day     Day
	network netip.Prefix
}

// NewTally returns a Tally that goes on where the rows of today end.
func NewTally(ctx context.Context, c TallyConfig) (*Tally, error) {
	t := &Tally{c: c, day: DayOf(c.Now()), domains: map[string]map[string]bool{}, open: map[rowKey]int64{}, sums: map[sumKey]*Sum{}}
	known, err := c.Rows.SeenDomains(ctx, t.day)
	if err != nil {
		return nil, fmt.Errorf("dmarc: %w", err)
	}
	for _, d := range known {
		t.domains[d] = map[string]bool{}
	}
	return t, nil
}

// Note counts a message. It does not wait.
func (t *Tally) Note(s Seen) {
	t.mu.Lock()
	defer t.mu.Unlock()
	day := DayOf(t.c.Now())
	if day != t.day {
		t.day, t.domains = day, map[string]map[string]bool{}
	}
	if t.c.Ours(s.Verdict.Author) {
		t.sum(s)
	}
	if t.c.Reports && len(s.Verdict.Record.Reports) > 0 {
		t.row(s)
	}
}

// sum counts a message for one of our domains.
func (t *Tally) sum(s Seen) {
	k := sumKey{s.Verdict.Author, t.day, network(s.Source)}
	sum := t.sums[k]
	if sum == nil {
		if len(t.sums) >= maxSums {
			return
		}
		sum = &Sum{Domain: k.domain, Day: k.day, Reporter: t.c.Hostname, Network: k.network}
		t.sums[k] = sum
	}
	sum.add(1, s.Verdict.DKIM, s.Verdict.SPF, s.Disposition != None)
}

// add counts n messages alike.
func (s *Sum) add(n int64, dkim, spf, acted bool) {
	s.Messages += n
	if dkim || spf {
		s.Passed += n
	}
	if dkim {
		s.DKIM += n
	}
	if spf {
		s.SPF += n
	}
	if acted {
		s.Acted += n
	}
}

// row counts a message for a report.
func (t *Tally) row(s Seen) {
	text, err := json.Marshal(rowOf(s))
	if err != nil {
		return // of texts and flags: it does not happen
	}
	k := rowKey{Period{Day: t.day, Domain: s.Verdict.Domain}, string(text)}
	rows := t.domains[k.Domain]
	switch {
	case rows == nil && len(t.domains) >= maxDomains, !rows[k.row] && len(rows) >= maxRows:
		return
	case rows == nil:
		rows = map[string]bool{}
		t.domains[k.Domain] = rows
	}
	if _, known := t.open[k]; !known && len(t.open) >= maxOpen {
		return
	}
	rows[k.row] = true
	t.open[k]++
}

func rowOf(s Seen) Row {
	r := Row{
		Source: s.Source.String(), Disposition: s.Disposition, DKIM: s.Verdict.DKIM, SPF: s.Verdict.SPF, Reason: s.Reason, Comment: clip(s.Comment),
		HeaderFrom: clip(s.Verdict.Author), EnvelopeFrom: clip(s.EnvelopeFrom), Sender: s.SPF,
	}
	r.Sender.Domain = clip(r.Sender.Domain)
	if s.Verdict.Pass && s.Verdict.Policy != None {
		r.Disposition = "pass" // RFC 9990 §3.1.5
	}
	for _, d := range s.DKIM {
		r.Signatures = append(r.Signatures, DKIMResult{clip(d.Domain), clip(d.Selector), d.Result, clip(d.Human)})
	}
	return r
}

// network is the block of addresses that is told as one.
func network(a netip.Addr) netip.Prefix {
	bits := 64
	if a = mail.Unmap(a); a.Is4() {
		bits = 24
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// clip makes a text one line of printable UTF-8, and shortens it.
func clip(s string) string { return clipTo(s, maxText) }

func clipTo(s string, n int) string {
	s = strings.TrimSpace(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == utf8.RuneError || c == 0xfffe || c == 0xffff {
			return '?'
		}
		return c
	}, s))
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// Run adds to the rows every minute, until ctx ends and once more then.
func (t *Tally) Run(ctx context.Context) error {
	return daily.KeepFlushing(ctx, "dmarc", t.c.Log, t.Flush)
}

// Flush adds to the rows what was counted since the last time. What can't be stored is kept
// for the next.
func (t *Tally) Flush(ctx context.Context) error {
	t.mu.Lock()
	open, sums := t.open, t.sums
	t.open, t.sums = map[rowKey]int64{}, map[sumKey]*Sum{}
	t.mu.Unlock()
	if len(open)+len(sums) == 0 {
		return nil
	}
	list := make([]Sum, 0, len(sums))
	for _, s := range sums {
		list = append(list, *s)
	}
	err := t.c.Rows.AddSeen(ctx, t.counts(open), list)
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, n := range open {
		t.open[k] += n
	}
	for k, s := range sums {
		if since := t.sums[k]; since != nil {
			s.Messages, s.Passed, s.DKIM, s.SPF, s.Acted = s.Messages+since.Messages, s.Passed+since.Passed, s.DKIM+since.DKIM, s.SPF+since.SPF, s.Acted+since.Acted
		}
		t.sums[k] = s
	}
	return fmt.Errorf("dmarc: %w", err)
}

// counts gathers rows by period.
func (t *Tally) counts(open map[rowKey]int64) (list []Count) {
	places := map[Period]int{}
	for k, n := range open {
		i, known := places[k.Period]
		if !known {
			i = len(list)
			places[k.Period] = i
			list = append(list, Count{Period: k.Period, Due: due(k.Day, k.Domain, t.c.Hostname)})
		}
		var r Row
		if json.Unmarshal([]byte(k.row), &r) == nil { // it was made of one
			list[i].Rows = append(list[i].Rows, RowCount{r, n})
		}
	}
	return list
}
