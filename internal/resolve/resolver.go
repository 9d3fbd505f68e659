package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
)

// A Resolver answers questions about names. It is safe for use by many
// goroutines at once.
type Resolver struct {
	conf    Config
	ctx     context.Context // of the work; ended by Close
	cancel  context.CancelFunc
	cache   *cache
	flights singleflight.Group
	places  *semaphore.Weighted
}

// New returns a Resolver. Close must be called.
func New(conf Config) (*Resolver, error) {
	conf, err := conf.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Resolver{
		conf: conf, ctx: ctx, cancel: cancel,
		cache: newCache(conf.CacheSize), places: semaphore.NewWeighted(int64(conf.InFlight)),
	}, nil
}

// errClosed is the cause of failures after Close.
var errClosed = errors.New("resolver is closed")

// Close cancels what is under way and waits for it. Lookups after it fail with
// ErrTemporary.
func (r *Resolver) Close() {
	r.cancel()
	// Who holds every place is alone.
	_ = r.places.Acquire(context.Background(), int64(r.conf.InFlight))
	r.places.Release(int64(r.conf.InFlight))
}

// Lookup asks for the records of one type. The error, if any, is a *net.DNSError
// that wraps ErrNoName, ErrNoData or ErrTemporary; with the first two, Answer.Name
// and Answer.TTL tell of what and for how long.
//
// When ctx ends first the error is ErrTemporary; the question itself is pursued
// for whoever else waits, and for the cache.
func (r *Resolver) Lookup(ctx context.Context, name string, typ Type) (Answer, error) {
	wire, err := canonical(name)
	q := question{name: wire, typ: typ}
	if err != nil {
		// A name that can't be put in a question has no records (RFC 7208 §4.3).
		return Answer{Name: name}, notFound(question{name: name, typ: typ}, ErrNoName)
	}
	if k, ok := r.cache.get(q, r.conf.Now()); ok {
		k.answer.Cached = true
		return k.answer, k.err
	}
	flight := r.flights.DoChan(fmt.Sprint(q.typ, " ", q.name), func() (any, error) { return r.fetch(q), nil })
	select {
	case result := <-flight:
		k := result.Val.(kept)
		return k.answer, k.err
	case <-ctx.Done():
		return Answer{Name: name}, temporary(q, "", context.Cause(ctx))
	}
}

// fetch asks the servers and keeps what they say.
func (r *Resolver) fetch(q question) kept {
	ctx, cancel := context.WithTimeout(r.ctx, r.budget())
	defer cancel()
	if err := r.places.Acquire(ctx, 1); err != nil {
		return kept{answer: Answer{Name: q.name}, err: temporary(q, "", r.whyNoPlace())}
	}
	defer r.places.Release(1)
	answer, err := r.follow(ctx, q)
	if r.ctx.Err() != nil && errors.Is(err, ErrTemporary) {
		return kept{answer: answer, err: temporary(q, "", errClosed)}
	}
	k := kept{answer: answer, err: err}
	if life := lifetime(answer, err); life > 0 {
		k.answer.TTL = life
		k.expires = r.conf.Now().Add(life)
		r.cache.put(q, k)
	}
	return k
}

// budget is the time for one question with all its tries.
func (r *Resolver) budget() time.Duration {
	return r.conf.Timeout * time.Duration(r.conf.Rounds*len(r.conf.Servers)+1)
}

func (r *Resolver) whyNoPlace() error {
	if r.ctx.Err() != nil {
		return errClosed
	}
	return errors.New("too many questions under way")
}

// canonical returns the one spelling of a name by which it is asked, compared and
// kept: lower case, with the final dot, special octets escaped as the dns library
// escapes those of answers. An octet that is not a letter, digit or hyphen is legal
// (RFC 2181 §11); SPF's macros make such names.
func canonical(name string) (string, error) {
	if name == "" {
		return "", errors.New("empty name")
	}
	var wire [255]byte
	n, err := dns.PackDomainName(dns.Fqdn(strings.ReplaceAll(name, `\`, `\\`)), wire[:], 0, nil, false)
	if err != nil {
		return "", err
	}
	s, _, err := dns.UnpackDomainName(wire[:n], 0)
	return strings.ToLower(s), err
}
