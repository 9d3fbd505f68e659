package engine

import (
	"context"
	"sync"
	"time"
)

// Run probes the addresses until ctx ends: those that are well each ProbeEvery, so that
// trouble is known before mail meets it; those in trouble soon and then ever more seldom.
func (s *Service) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, at := range s.sites {
		wg.Go(func() { s.watch(ctx, at) })
	}
	wg.Wait()
}

func (s *Service) watch(ctx context.Context, at *site) {
	wait := time.Duration(0)
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-at.wake:
			if wait > probeSoon { // it failed a moment ago: do not wait for the next turn
				wait = probeSoon
				t.Reset(wait)
			}
			continue
		case <-t.C:
		}
		if s.probe(ctx, at) {
			wait = ProbeEvery
		} else {
			wait = min(max(2*wait, probeSoon), probeLatest)
			if s.isClosed(at) {
				wait = probeSoon
			}
		}
		t.Reset(wait)
	}
}

func (s *Service) isClosed(at *site) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return at.state == closed
}

// Probe asks every address now, whatever its turn, and returns when all have answered or
// can't.
func (s *Service) Probe(ctx context.Context) {
	var wg sync.WaitGroup
	for _, at := range s.sites {
		wg.Go(func() { s.probe(ctx, at) })
	}
	wg.Wait()
}

// probe asks one address whether it is well.
func (s *Service) probe(ctx context.Context, at *site) bool {
	own, cancel := context.WithTimeoutCause(ctx, probeTime, errSlow)
	defer cancel()
	info, err := s.config.Probe(own, at.address)
	if ctx.Err() != nil {
		return err == nil
	}
	err = caused(own, err)
	s.mu.Lock()
	at.probed = time.Now()
	changed, aged := false, false
	if err != nil {
		at.silences++
		changed = at.fail(err, s.config.Failures)
	} else {
		aged = s.age(at, info)
		changed = at.answersAgain()
	}
	c := s.condition(at)
	s.mu.Unlock()
	if changed {
		tell(s.config.Report, c)
	}
	if aged {
		tell(s.config.Aged, c)
	}
	return err == nil
}

// answersAgain notes a good probe: what was open may be tried, and who was not tried until
// the next good probe is taken to be well. It reports whether trouble ends.
func (at *site) answersAgain() bool {
	at.silences = 0
	switch {
	case at.state == open:
		at.state = halfOpen
		return false
	case at.trying:
		return false
	case at.state == closed:
		return false // a probe asks less than mail does: it takes no failure back
	}
	return at.close()
}

// age notes what an engine says of itself; it reports whether its signatures have become
// old, or new.
func (s *Service) age(at *site, info Info) bool {
	at.info = info
	old := s.config.OldAfter > 0 && !info.Signatures.IsZero() && time.Since(info.Signatures) > s.config.OldAfter
	changed := old != at.old
	at.old = old
	return changed
}

// A Condition is how one address of an engine is.
type Condition struct {
	Kind, Address string
	Trouble       error     // why it is not asked; nil: it is
	Since         time.Time // of the trouble
	Trying        bool      // it answers again and is being tried; Trouble is what was
	Info          Info
	Old           bool      // its virus signatures are
	Probed        time.Time // zero: not yet
	Answers       int64     // to questions about mail since it was made
	Failures      int64
}

func (s *Service) condition(at *site) Condition {
	return Condition{
		Kind: s.config.Kind, Address: at.address, Trouble: at.trouble, Since: at.since, Trying: at.state == halfOpen,
		Info: at.info, Old: at.old, Probed: at.probed, Answers: at.answers, Failures: at.failed,
	}
}

// Conditions tells how each address is, in order.
func (s *Service) Conditions() []Condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Condition, len(s.sites))
	for i, at := range s.sites {
		list[i] = s.condition(at)
	}
	return list
}

// Err says why the engine can't be asked, nil where an address is well.
func (s *Service) Err() error {
	for _, c := range s.Conditions() {
		if c.Trouble == nil {
			return nil
		}
	}
	return s.down()
}
