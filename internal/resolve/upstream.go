package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// When a server is suspected. Neither proves anything: a name whose own servers are
// silent makes every resolver silent about it, and a stranger may send mail from many
// such names. So a suspect is asked for the root's name servers, which any resolver
// knows by heart, and only what it says to that counts.
const (
	silences = 3  // tries in a row without an answer
	failures = 10 // answers in a row that tell nothing: SERVFAIL, REFUSED, lame
)

// How long a server in trouble rests between two probes.
const (
	minRest = time.Second
	maxRest = 15 * time.Second
)

// A Condition is how one server is.
type Condition struct {
	Server  string
	Trouble error         // nil: it is well
	Silent  bool          // in trouble it is not asked at all; else after those that are well
	Since   time.Time     // when the trouble was found; zero where there is none
	P95     time.Duration // within which it gave 19 of 20 of its last answers; 0 before the first
}

// An upstream is one of the servers, and how it has been. Methods are safe for use by
// many goroutines.
type upstream struct {
	addr  string
	limit time.Duration // of one try

	mu       sync.Mutex
	took     spread // its answers
	silent   int    // tries in a row without an answer
	failed   int    // answers in a row that told nothing
	probed   bool   // a probe is under way, or rests
	trouble  error
	dead     bool // it did not answer the probe
	troubled time.Time
}

func (u *upstream) condition() Condition {
	u.mu.Lock()
	defer u.mu.Unlock()
	return Condition{Server: u.addr, Trouble: u.trouble, Silent: u.dead, Since: u.troubled, P95: u.took.quantile(0.95)}
}

func (u *upstream) inTrouble() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.trouble != nil
}

// Bounds of the patience with a server: below the first a second question costs more
// than the time it saves.
const (
	minPatience = 50 * time.Millisecond
	fewAnswers  = 20 // of which nothing can be told yet
)

// patience is how long the server is waited for before the next one is asked too.
func (u *upstream) patience() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.limit / 4
	if u.took.n >= fewAnswers {
		p = u.took.quantile(0.95)
	}
	return min(max(p, minPatience), u.limit/2)
}

// note takes in a try, and reports whether the server is to be probed.
func (u *upstream) note(fate string, took time.Duration) (suspect bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch fate {
	case answered:
		u.silent, u.failed = 0, 0
		u.took.add(took)
	case failed:
		u.silent = 0
		u.failed++
		u.took.add(took)
	case silent:
		u.silent++
	}
	if u.probed || u.silent < silences && u.failed < failures {
		return false
	}
	u.probed = true
	return true
}

// judge takes in what the server said to a probe, and reports whether that is news.
// What answers at all is well, but for one that told nobody anything.
func (u *upstream) judge(m *dns.Msg, err error, now time.Time) (news, well bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.trouble != nil
	u.trouble, u.dead = nil, m == nil
	switch {
	case m == nil:
		u.trouble = errors.New(reason(err))
	case err != nil && u.failed >= failures:
		u.trouble = fmt.Errorf("it answers everything with %w", err)
	default:
		u.silent, u.failed, u.probed = 0, 0, false
	}
	well = u.trouble == nil
	if news = well == before; news {
		u.troubled = now
	}
	if well {
		u.troubled = time.Time{}
	}
	return news, well
}

// probe asks a suspect until it is well again, or the resolver is closed.
func (r *Resolver) probe(u *upstream) {
	for rest := minRest; ; rest = min(2*rest, maxRest) {
		ctx, cancel := context.WithTimeout(r.ctx, r.conf.Timeout)
		m, err := r.once(ctx, question{name: ".", typ: NS}, u.addr)
		cancel()
		if r.ctx.Err() != nil {
			return
		}
		if m != nil {
			err = usable(m)
		}
		news, well := u.judge(m, err, r.conf.Now())
		if news {
			r.conf.Report(u.condition())
		}
		if well {
			return
		}
		select {
		case <-time.After(rest):
		case <-r.ctx.Done():
			return
		}
	}
}

// lineUp returns the servers in the order to be asked: those that are well in the
// admin's order, then those that answer nothing of use. Silent ones are left out.
func (r *Resolver) lineUp() []*upstream {
	well := make([]*upstream, 0, len(r.servers))
	var ailing []*upstream
	for _, u := range r.servers {
		switch c := u.condition(); {
		case c.Trouble == nil:
			well = append(well, u)
		case !c.Silent:
			ailing = append(ailing, u)
		}
	}
	return append(well, ailing...)
}

// Conditions tells how each server is, in Config's order.
func (r *Resolver) Conditions() []Condition {
	list := make([]Condition, len(r.servers))
	for i, u := range r.servers {
		list[i] = u.condition()
	}
	return list
}

// Err says why nothing can be looked up: every server is in trouble. It is nil while one
// is well.
func (r *Resolver) Err() error {
	var words []string
	for _, c := range r.Conditions() {
		if c.Trouble == nil {
			return nil
		}
		words = append(words, fmt.Sprintf("%s (%v, since %s)", c.Server, c.Trouble, c.Since.UTC().Format(time.RFC3339)))
	}
	return fmt.Errorf("resolve: no DNS server is of use: %s", strings.Join(words, ", "))
}
