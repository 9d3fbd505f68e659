package resolve

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// errNobody is why nobody was asked.
var errNobody = errors.New("no DNS server answers anything")

// An unanswered question is one of which no server said a word, or none but those that
// say the same to everything: it tells of the servers and nothing of the name.
type unanswered struct{ error }

func (u unanswered) Unwrap() error { return u.error }

// A reply is what came of a try at one server: the message, or why there is none of use.
type reply struct {
	from *upstream
	m    *dns.Msg
	err  error
}

// ask puts one question to the servers until one knows; where all were silent it goes
// round again, since packets get lost. The server is one whose word counts: who knew, or who failed last.
func (r *Resolver) ask(ctx context.Context, q question) (m *dns.Msg, server string, err error) {
	for range r.conf.Rounds {
		servers := r.lineUp()
		if len(servers) == 0 {
			return nil, "", unanswered{errNobody}
		}
		last := r.race(ctx, q, servers)
		m, server, err = last.m, last.from.addr, last.err
		if err == nil || !errors.As(err, new(unanswered)) || !isTimeout(err) || ctx.Err() != nil {
			break
		}
	}
	return m, server, err
}

// race asks the first server, and with it the next one where it fails, or takes longer
// than it mostly does. The first good answer wins, and the other tries are ended before
// race returns. Of failures one counts in which a server said something.
func (r *Resolver) race(ctx context.Context, q question, servers []*upstream) reply {
	if len(servers) == 1 {
		return r.try(ctx, q, servers[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	var tries sync.WaitGroup
	defer tries.Wait()
	defer cancel()
	replies := make(chan reply, len(servers))
	timer := time.NewTimer(0) // begins the first try
	defer timer.Stop()
	var worst reply
	for asked, replied := 0, 0; replied < len(servers); {
		select {
		case got := <-replies:
			if replied++; got.err == nil {
				return got
			}
			if worst.from == nil || !errors.As(got.err, new(unanswered)) {
				worst = got
			}
			timer.Reset(0)
		case <-timer.C:
			if asked < len(servers) {
				u := servers[asked]
				asked++
				tries.Go(func() { replies <- r.try(ctx, q, u) })
				timer.Reset(u.patience())
			}
		}
	}
	return worst
}

// try asks one server once, and remembers how it was.
func (r *Resolver) try(ctx context.Context, q question, u *upstream) reply {
	begun := time.Now()
	within, cancel := context.WithTimeout(ctx, r.conf.Timeout)
	defer cancel()
	m, err := r.once(within, q, u.addr)
	took := time.Since(begun)
	fate := answered
	switch {
	case m != nil:
		if err = usable(m); err != nil {
			fate = failed
		}
	case ctx.Err() != nil:
		fate = givenUp
	default:
		fate = silent
	}
	r.conf.Observer.Exchange(u.addr, fate, took.Seconds())
	if fate == givenUp && took >= u.patience() { // who is overtaken each time is silent too
		fate = silent
	}
	if u.note(fate, took) {
		r.probes.Go(func() { r.probe(u) })
	}
	if err != nil && (m == nil || u.inTrouble()) {
		err = unanswered{err}
	}
	return reply{u, m, err}
}
