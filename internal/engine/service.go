package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Defaults of a Service.
const (
	DefaultFailures = 3                // in a row, after which an address is left alone
	DefaultParallel = 32               // questions at one time
	ProbeEvery      = 15 * time.Second // while an address is well
	probeSoon       = time.Second      // after a failure
	probeLatest     = 30 * time.Second // while it is left alone
	probeTime       = 5 * time.Second
	noDeadline      = time.Minute // for who is asked without one
)

// A Config says what a Service is. Probe is needed, and an address.
type Config struct {
	Kind      string // "clamd"
	Addresses []string
	Parallel  int // questions at one time; 0 is DefaultParallel. Further ones wait
	Failures  int // in a row, after which an address is left alone; 0 is DefaultFailures
	// Probe asks an address whether it is well, as cheaply as the engine allows.
	Probe func(ctx context.Context, address string) (Info, error)
	// OldAfter is the age from which an engine's signatures are old; 0 is never.
	OldAfter time.Duration
	// Report is told when an address falls into trouble or out of it, Aged when its signatures
	// become old or new; nil: nobody is. They must not wait.
	Report, Aged func(Condition)
}

// Info is what an engine says of itself.
type Info struct {
	Version    string
	Signatures time.Time // of its virus signatures; zero: it does not say
}

// A Service is one engine at one or more addresses, the first that is well being asked. It
// is a circuit breaker (Nygard, Release It!) for each of them: an address that failed so
// often in a row is open, and not asked; Run probes it, and once it answers one question
// is tried on it (half-open), or a second probe, before all are again. An address that
// stopped, hangs or talks nonsense so costs a few messages some time, not each of them.
type Service struct {
	config Config
	slots  chan struct{}

	mu    sync.Mutex
	sites []*site
}

type state uint8

const (
	closed   state = iota // well: everybody asks
	open                  // in trouble: nobody does
	halfOpen              // a probe was answered: one may try
)

// A site is one address; guarded by Service.mu.
type site struct {
	address  string
	state    state
	failures int // in a row
	silences int // probes in a row that failed
	trying   bool
	trouble  error // until it is closed again
	since    time.Time
	old      bool
	info     Info
	probed   time.Time
	answers  int64
	failed   int64
	wake     chan struct{} // its prober has something to do
}

// New returns a Service whose addresses are taken to be well. Run has to run for those in
// trouble to come back.
func New(c Config) *Service {
	if c.Parallel == 0 {
		c.Parallel = DefaultParallel
	}
	if c.Failures == 0 {
		c.Failures = DefaultFailures
	}
	s := &Service{config: c, slots: make(chan struct{}, c.Parallel)}
	for _, a := range c.Addresses {
		s.sites = append(s.sites, &site{address: a, wake: make(chan struct{}, 1)})
	}
	return s
}

// Do has ask put a question to the first address that is well, and to the next where it
// fails. Each gets an equal share of the time that is left until ctx ends. An error that is
// ErrDeclined is an answer. Where all addresses are in trouble the error comes at once.
func (s *Service) Do(ctx context.Context, ask func(ctx context.Context, address string) error) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer func() { <-s.slots }()
	var failed []error
	list := s.usable()
	for i, at := range list {
		trial, may := s.begin(at)
		if !may {
			continue
		}
		err := s.try(ctx, at, trial, len(list)-i, ask)
		if err == nil || errors.Is(err, ErrDeclined) || errors.Is(ctx.Err(), context.Canceled) {
			return err
		}
		failed = append(failed, fmt.Errorf("%s at %s: %w", s.config.Kind, at.address, err))
	}
	if len(failed) == 0 {
		return s.down()
	}
	return errors.Join(failed...)
}

// take waits for a place, half of the time at most: who gets one must have time to ask.
func (s *Service) take(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	left := timeLeft(ctx)
	t := time.NewTimer(left / 2)
	defer t.Stop()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-t.C:
		return fmt.Errorf("%s: %d questions are under way already", s.config.Kind, s.config.Parallel)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func timeLeft(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return time.Until(end)
	}
	return noDeadline
}

func (s *Service) usable() (list []*site) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.sites {
		if at.state == closed || at.state == halfOpen && !at.trying {
			list = append(list, at)
		}
	}
	return list
}

// begin claims the one try that an address gets which is half-open.
func (s *Service) begin(at *site) (trial, may bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.state == halfOpen && !at.trying {
		at.trying = true
		return true, true
	}
	return false, at.state == closed
}

// try asks one address within its share of the time: one of n that are left.
func (s *Service) try(ctx context.Context, at *site, trial bool, n int, ask func(context.Context, string) error) error {
	own, cancel := context.WithTimeoutCause(ctx, timeLeft(ctx)/time.Duration(n), errSlow)
	defer cancel()
	err := ask(own, at.address)
	err = caused(own, err)
	given := errors.Is(ctx.Err(), context.Canceled) // nobody wants to know any more: it tells nothing of the engine
	s.note(at, trial, err, given)
	return err
}

var errSlow = errors.New("no answer in time")

// caused says why a question failed where its time was over: a connection ends at that
// moment, or a little before, with words of its own.
func caused(ctx context.Context, err error) error {
	switch {
	case err == nil || errors.Is(err, ErrDeclined):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	}
	return err
}

// note counts an answer, or a failure, and opens or closes.
func (s *Service) note(at *site, trial bool, err error, given bool) {
	well := err == nil || errors.Is(err, ErrDeclined)
	s.mu.Lock()
	if trial {
		at.trying = false
	}
	changed := false
	switch {
	case well:
		at.answers++
		changed = at.well(trial)
	case !given:
		at.failed++
		at.failures++
		wake(at.wake)
		changed = at.fail(err, s.config.Failures)
	}
	c := s.condition(at)
	s.mu.Unlock()
	if changed {
		tell(s.config.Report, c)
	}
}

// well closes an address after a good answer; it reports whether that ends its trouble.
// What was asked before it opened and is answered since proves little: it stays open.
func (at *site) well(trial bool) bool {
	if at.state == open || at.state == halfOpen && !trial {
		return false
	}
	at.failures = 0
	return at.close()
}

func (at *site) close() bool {
	at.state, at.failures, at.silences = closed, 0, 0
	was := at.trouble != nil
	at.trouble, at.since = nil, time.Time{}
	return was
}

// fail opens after the last of too many failures; it reports whether trouble begins.
func (at *site) fail(err error, most int) bool {
	if at.state == closed && max(at.failures, at.silences) < most {
		return false
	}
	at.state = open
	began := at.trouble == nil
	at.trouble = err
	if began {
		at.since = time.Now()
	}
	return began
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

func tell(whom func(Condition), c Condition) {
	if whom != nil {
		whom(c)
	}
}

// down says that no address is asked.
func (s *Service) down() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []error
	for _, at := range s.sites {
		why := at.trouble
		if why == nil {
			why = errors.New("is being tried")
		}
		all = append(all, fmt.Errorf("%s at %s is in trouble: %w", s.config.Kind, at.address, why))
	}
	return errors.Join(all...)
}
