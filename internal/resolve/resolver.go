package resolve

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
)

// A Resolver answers questions about names. It is safe for use by many
// goroutines at once.
type Resolver struct {
	conf     Config
	ctx      context.Context // of the work; ended by Close
	cancel   context.CancelFunc
	cache    *cache
	flights  singleflight.Group
	places   *semaphore.Weighted
	slow     *semaphore.Weighted // of those places, for questions that take long
	servers  []*upstream
	probes   sync.WaitGroup
	exchange func(ctx context.Context, network, server string, query *dns.Msg) (*dns.Msg, error)
}

// New returns a Resolver. Close must be called.
func New(conf Config) (*Resolver, error) {
	conf, err := conf.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Resolver{
		conf: conf, ctx: ctx, cancel: cancel, exchange: exchange,
		cache: newCache(conf.CacheSize, conf.CacheMemory), places: semaphore.NewWeighted(int64(conf.InFlight)),
		slow: semaphore.NewWeighted(int64(max(conf.InFlight/slowPart, 1))),
	}
	for _, addr := range conf.Servers {
		r.servers = append(r.servers, &upstream{addr: addr, limit: conf.Timeout})
	}
	return r, nil
}

// errClosed is the cause of failures after Close.
var errClosed = errors.New("resolver is closed")

// Close cancels what is under way and waits for it. Lookups after it fail with
// ErrTemporary.
func (r *Resolver) Close() {
	r.cancel()
	// Who holds every place is alone, so nobody begins a probe any more.
	_ = r.places.Acquire(context.Background(), int64(r.conf.InFlight))
	r.places.Release(int64(r.conf.InFlight))
	r.probes.Wait()
}

// Lookup asks for the records of one type. The error, if any, is a *net.DNSError
// that wraps ErrNoName, ErrNoData or ErrTemporary; with the first two, Answer.Name
// and Answer.TTL tell of what and for how long. With an ErrTemporary that wraps a
// StaleError there are records, Answer.Stale is set, and nothing vouches for them.
//
// When ctx ends first, or its Budget is spent, the error is ErrTemporary; the question
// itself is pursued for whoever else waits, and for the cache.
func (r *Resolver) Lookup(ctx context.Context, name string, typ Type) (Answer, error) {
	a, err := r.lookup(ctx, name, typ)
	r.conf.Observer.Question(told(a, err))
	return a, err
}

func (r *Resolver) lookup(ctx context.Context, name string, typ Type) (Answer, error) {
	plain, err := canonical(name)
	q := question{name: plain, typ: typ}
	if err != nil {
		// A name that can't be put in a question has no records (RFC 7208 §4.3).
		return Answer{Name: name}, notFound(question{name: name, typ: typ}, ErrNoName)
	}
	if k, ok := r.cache.get(q, r.conf.Now()); ok {
		k.answer.Cached = true
		return k.answer, k.err
	}
	ctx, done, err := spend(ctx)
	if err != nil {
		return Answer{Name: name}, temporary(q, "", err)
	}
	defer done()
	flight := r.flights.DoChan(q.typ.String()+" "+q.name, func() (any, error) { return r.fetch(q), nil })
	select {
	case result := <-flight:
		k := result.Val.(kept)
		return k.answer, k.err
	case <-ctx.Done():
		return Answer{Name: name}, temporary(q, "", context.Cause(ctx))
	}
}

// told is the outcome's word for an Observer.
func told(a Answer, err error) string {
	switch {
	case a.Stale:
		return "stale"
	case a.Cached:
		return "cached"
	case err == nil:
		return "found"
	case errors.Is(err, ErrNoName):
		return "no-name"
	case errors.Is(err, ErrNoData):
		return "no-data"
	}
	return "failed"
}

// A question that was not answered for slowAfter goes on only while fewer than one in
// slowPart of all places are taken by such ones. So a stranger with thousands of names whose
// servers are silent can't have the rest wait for him: three quarters of the places are free
// again each time so much has passed.
const (
	slowAfter = 500 * time.Millisecond
	slowPart  = 4
)

var errSlow = errors.New("no answer yet, and too many questions wait as long")

// goesOn lets a question take long, as long as there is room for it; else give is called.
// The returned function ends that.
func (r *Resolver) goesOn(give context.CancelCauseFunc) (end func()) {
	taken := make(chan bool, 1)
	late := time.AfterFunc(slowAfter, func() {
		ok := r.slow.TryAcquire(1)
		if !ok {
			give(errSlow)
		}
		taken <- ok
	})
	return func() {
		if !late.Stop() && <-taken {
			r.slow.Release(1)
		}
	}
}

// fetch asks the servers and keeps what they say.
func (r *Resolver) fetch(q question) kept {
	ctx, cancel := context.WithTimeout(r.ctx, r.limit())
	defer cancel()
	if err := r.places.Acquire(ctx, 1); err != nil {
		return kept{answer: Answer{Name: q.name}, err: temporary(q, "", r.whyNoPlace())}
	}
	defer r.places.Release(1)
	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	defer r.goesOn(give)()
	answer, err := r.follow(ctx, q)
	if errors.Is(context.Cause(ctx), errSlow) && errors.Is(err, ErrTemporary) { // says nothing about the name
		return kept{answer: answer, err: temporary(q, "", errSlow)}
	}
	if r.ctx.Err() != nil && errors.Is(err, ErrTemporary) {
		return kept{answer: answer, err: temporary(q, "", errClosed)}
	}
	life := lifetime(answer, err)
	if life <= 0 {
		return kept{answer: answer, err: err}
	}
	answer.TTL = life
	k := r.remember(q, kept{answer: answer, err: err}, r.conf.Now())
	r.cache.put(q, k)
	return k
}

// remember makes an outcome one to be kept: with records, they are the news from now on;
// with a failure, the news stay what they were, and take its place where no server could
// say better (RFC 8767 §5). That something is absent is no news: a failure must never
// look like it.
func (r *Resolver) remember(q question, k kept, now time.Time) kept {
	k.expires = now.Add(k.answer.TTL)
	switch {
	case r.conf.Stale <= 0:
	case k.err == nil:
		k.last = &news{answer: k.answer, told: now, until: k.expires.Add(r.conf.Stale)}
	case errors.Is(k.err, ErrTemporary):
		k.last = r.cache.news(q, now)
		if k.last == nil || !errors.As(k.err, new(unanswered)) {
			break
		}
		k.answer = k.last.answer
		k.answer.Stale, k.answer.AD, k.answer.TTL = true, false, staleTTL
		k.err = temporary(q, "", &StaleError{Age: now.Sub(k.last.told), cause: k.err})
		k.expires = now.Add(staleTTL)
	}
	return k
}

// limit is the time for one question with all its tries.
func (r *Resolver) limit() time.Duration {
	return r.conf.Timeout * time.Duration(r.conf.Rounds*len(r.conf.Servers)+1)
}

func (r *Resolver) whyNoPlace() error {
	if r.ctx.Err() != nil {
		return errClosed
	}
	return errors.New("too many questions under way")
}

// canonical returns the one spelling of a name by which it is asked, compared and
// kept: lower case, without the final dot, special octets escaped as the dns library
// escapes those of answers. An octet that is not a letter, digit or hyphen is legal
// (RFC 2181 §11); SPF's macros make such names.
func canonical(name string) (string, error) {
	if isPlain(name) {
		return name, nil
	}
	if name == "" {
		return "", errors.New("empty name")
	}
	var wire [255]byte
	n, err := dns.PackDomainName(dns.Fqdn(strings.ReplaceAll(name, `\`, `\\`)), wire[:], 0, nil, false)
	if err != nil {
		return "", err
	}
	s, _, err := dns.UnpackDomainName(wire[:n], 0)
	return strings.ToLower(undot(s)), err
}

// isPlain reports whether a name is in canonical form, and of no odd octets, as nearly
// all are.
func isPlain(name string) bool {
	label := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if label == 0 || label > 63 {
				return false
			}
			label = 0
			continue
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
		label++
	}
	return label > 0 && label <= 63 && len(name) <= 253
}
