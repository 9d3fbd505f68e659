package lookup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"gatepost/internal/mail"
)

// A Source is one place to ask. Exactly one of LDAP and SQL is set.
type Source struct {
	Name         string
	LDAP         string // ldap://, ldaps:// or ldapi://
	StartTLS     bool
	Base         string // where the search begins
	Filter       string // %s the address, %u its local part, %d its domain, each escaped
	User         string // the name to bind by; "": anonymous
	PasswordFile string // read at each new connection
	SQL          string // postgres://…, or the path of an SQLite file
	Query        string // each ? is the address; a row means that it exists
	// PasswordQuery returns the hash of the password of an address, which each ? is (hashOf says what kinds); "": none is asked for.
	PasswordQuery string
	Timeout       time.Duration
	Cache         time.Duration // for which "exists" is believed
	CacheNo       time.Duration // for which "does not exist" is believed
}

// Callout is the name of the look-up that asks the server that would get the mail.
const Callout = "callout"

// A Caller asks a recipient's own server. An error means that it could not tell.
type Caller interface {
	Call(ctx context.Context, rcpt mail.Path) (exists bool, err error)
}

// A Config is what Lookups need.
type Config struct {
	Sources []Source
	Caller  Caller           // nil: there is no callout
	Log     *slog.Logger     // nil: silent
	Now     func() time.Time // nil: time.Now
}

// ErrUnknown: no look-up has that name.
var ErrUnknown = errors.New("lookup: no such look-up")

// ErrResting: the source failed too often and is left alone for a moment.
var ErrResting = errors.New("lookup: resting after failures")

// Lookups asks sources by name. It is safe for use by many goroutines.
type Lookups struct {
	log     *slog.Logger
	now     func() time.Time
	sources map[string]*source
	cache   *cache
	flights singleflight.Group
}

// asker is one kind of source. It is asked by several goroutines.
type asker interface {
	ask(ctx context.Context, rcpt mail.Path) (bool, error)
	close() error
}

// A source is an asker with what keeps it from harm.
type source struct {
	asker
	name       string
	timeout    time.Duration
	yes, no    time.Duration
	slots      chan struct{}
	mu         sync.Mutex
	failures   int // in a row
	restsUntil time.Time
	lastErr    error
	failsSince time.Time
}

const (
	// maxAsked is how many questions a source gets at once.
	maxAsked = 16
	// tolerated is how many failures in a row a source may have before it rests.
	tolerated = 5
	// rest is how long it is left alone; the next question then is a trial.
	rest = 10 * time.Second
	// stale is how long after its time "exists" counts where the source is down.
	stale = 24 * time.Hour
	// capacity bounds the answers that are kept.
	capacity = 100_000
)

// Times of the callout, which costs its server a connection for each question.
const (
	calloutTimeout = 30 * time.Second
	calloutYes     = 12 * time.Hour
	calloutNo      = 10 * time.Minute
)

// New makes look-ups of their configuration. It connects to nobody yet.
func New(c Config) (*Lookups, error) {
	l := &Lookups{log: c.Log, now: c.Now, sources: map[string]*source{}, cache: newCache(capacity)}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.now == nil {
		l.now = time.Now
	}
	for _, s := range c.Sources {
		a, err := open(s)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lookup: %s: %w", s.Name, err), l.Close())
		}
		l.add(s.Name, a, s.Timeout, s.Cache, s.CacheNo)
	}
	if c.Caller != nil {
		l.add(Callout, &callout{caller: c.Caller, now: l.now, all: map[string]time.Time{}}, calloutTimeout, calloutYes, calloutNo)
	}
	return l, nil
}

func open(s Source) (asker, error) {
	if s.LDAP != "" {
		return newLDAP(s)
	}
	return openSQL(s)
}

func (l *Lookups) add(name string, a asker, timeout, yes, no time.Duration) {
	l.sources[name] = &source{asker: a, name: name, timeout: timeout, yes: yes, no: no, slots: make(chan struct{}, maxAsked)}
}

// Close lets go of all connections.
func (l *Lookups) Close() error {
	var errs []error
	for _, s := range l.sources {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Known reports whether a look-up has that name, and which have.
func (l *Lookups) Known(name string) (bool, []string) {
	names := make([]string, 0, len(l.sources))
	for n := range l.sources {
		names = append(names, n)
	}
	slices.Sort(names)
	return l.sources[name] != nil, names
}

// Exists asks the look-up of that name for a recipient. An error means that nobody
// could tell now.
func (l *Lookups) Exists(ctx context.Context, name string, rcpt mail.Path) (bool, error) {
	s := l.sources[name]
	if s == nil {
		_, names := l.Known(name)
		return false, fmt.Errorf("%w as %q; there are %s", ErrUnknown, name, strings.Join(names, ", "))
	}
	rcpt = rcpt.Fold()
	key := name + "\x00" + string(rcpt)
	kept, known := l.cache.get(key)
	now := l.now()
	if known && now.Before(kept.expires) {
		return kept.exists, nil
	}
	exists, err := l.ask(ctx, s, key, rcpt)
	if err == nil {
		return exists, nil
	}
	if known && kept.exists && now.Before(kept.expires.Add(stale)) {
		l.log.Warn("look-up failed; an older answer counts", "lookup", name, "recipient", rcpt, "error", err)
		return true, nil
	}
	return false, fmt.Errorf("lookup: %s: %s: %w", name, rcpt, err)
}

// ask asks once for all that ask the same, and keeps the answer. Who gives up
// leaves the question to the others.
func (l *Lookups) ask(ctx context.Context, s *source, key string, rcpt mail.Path) (bool, error) {
	answer := l.flights.DoChan(key, func() (any, error) {
		// Not the context of who happened to ask first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		exists, err := s.askOnce(ctx, rcpt, l.now)
		if err == nil {
			keep := s.no
			if exists {
				keep = s.yes
			}
			l.cache.put(key, answer{exists: exists, expires: l.now().Add(keep)})
		}
		return exists, err
	})
	select {
	case r := <-answer:
		exists, _ := r.Val.(bool)
		return exists, r.Err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// askOnce asks unless the source rests, and notes how that went.
func (s *source) askOnce(ctx context.Context, rcpt mail.Path, now func() time.Time) (exists bool, err error) {
	err = s.once(ctx, now, func() (err error) {
		exists, err = s.ask(ctx, rcpt)
		return err
	})
	return exists, err
}

// once puts one question unless the source rests, and notes how that went.
func (s *source) once(ctx context.Context, now func() time.Time, question func() error) error {
	if err := s.resting(now()); err != nil {
		return err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return fmt.Errorf("%d questions are under way: %w", maxAsked, ctx.Err())
	}
	err := question()
	s.note(err, now())
	return err
}

func (s *source) resting(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures < tolerated {
		return nil
	}
	if now.Before(s.restsUntil) {
		return fmt.Errorf("%w: %w", ErrResting, s.lastErr)
	}
	s.restsUntil = now.Add(rest) // this question is the trial; the next ones wait for it
	return nil
}

func (s *source) note(err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.failures, s.lastErr = 0, nil
		return
	}
	if s.failures == 0 {
		s.failsSince = now
	}
	s.failures, s.lastErr = s.failures+1, err
	s.restsUntil = now.Add(rest)
}

// A Health is how a source does.
type Health struct {
	Name   string
	Err    error     // of the last question; nil: it answers
	Since  time.Time // when that began
	Asleep bool      // it is asked only now and then
}

// Health returns how each source does, by name.
func (l *Lookups) Health() (all []Health) {
	for _, s := range l.sources {
		s.mu.Lock()
		h := Health{Name: s.name, Err: s.lastErr, Asleep: s.failures >= tolerated}
		if s.lastErr != nil {
			h.Since = s.failsSince
		}
		s.mu.Unlock()
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b Health) int { return strings.Compare(a.Name, b.Name) })
	return all
}
