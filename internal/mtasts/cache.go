package mtasts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// A Resolver asks the DNS.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// A Fetcher brings what is served at https://mta-sts.<domain>/.well-known/mta-sts.txt,
// at most MaxSize octets. An error wraps ErrCertificate where the server could not
// prove its name.
type Fetcher interface {
	Fetch(ctx context.Context, domain string) ([]byte, error)
}

// ErrCertificate says that a policy's server has no certificate that is good for it.
var ErrCertificate = errors.New("certificate not valid for the policy's server")

// A Kept is a policy and how we came by it.
type Kept struct {
	Domain  string // lower case
	ID      string // of the TXT record; "" where none was seen
	Policy  Policy
	Fetched time.Time
}

// Expires is when the policy binds nobody any more.
func (k Kept) Expires() time.Time { return k.Fetched.Add(k.Policy.MaxAge) }

// Rows keep policies over a restart.
type Rows interface {
	Policies(ctx context.Context) ([]Kept, error)
	// PutPolicy keeps a policy, unless one is kept that was fetched later.
	PutPolicy(ctx context.Context, k Kept) error
	// DropPolicy removes a domain's policy, unless it was fetched later than that.
	DropPolicy(ctx context.Context, domain string, fetched time.Time) error
}

// Times and bounds of a Cache.
const (
	maxKept   = 10_000           // domains with a policy
	maxFailed = 1000             // domains whose policy could not be fetched
	fetchTime = 20 * time.Second // for one policy
	retryTime = 5 * time.Minute  // after a fetch that failed (RFC 8461 §3.3)
	againTime = time.Minute      // before which no domain has its policy fetched twice
	freshTime = 24 * time.Hour   // after which a policy is fetched anew
	lookTime  = time.Hour        // how often policies are looked through for that
	usedTime  = 30 * 24 * time.Hour
)

// A Config is what a Cache needs.
type Config struct {
	Resolver Resolver
	Fetcher  Fetcher
	Rows     Rows
	Log      *slog.Logger     // nil: silent
	Now      func() time.Time // nil: time.Now
	// Old is Now, and whether policies that are old by it may be removed; nil: they always may.
	Old func(context.Context) (time.Time, bool)
}

// A Cache knows the policies of domains. It is safe for use by many goroutines.
type Cache struct {
	c       Config
	flights singleflight.Group

	mu     sync.Mutex
	kept   map[string]*entry
	failed map[string]failure
}

type entry struct {
	Kept
	used time.Time
}

type failure struct {
	id  string
	at  time.Time
	err error
}

// New returns a Cache that has the policies of the rows.
func New(ctx context.Context, c Config) (*Cache, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	rows, err := c.Rows.Policies(ctx)
	if err != nil {
		return nil, fmt.Errorf("mtasts: %w", err)
	}
	cache := &Cache{c: c, kept: map[string]*entry{}, failed: map[string]failure{}}
	for _, k := range rows[:min(len(rows), maxKept)] {
		cache.kept[k.Domain] = &entry{k, c.Now()}
	}
	return cache, nil
}

// Policy returns what a domain asks of senders; its Mode is "" or None where it asks
// nothing. An error says why a policy that is announced is not known, and comes with
// the zero Policy: mail goes as if there were none (RFC 8461 §3.3), and the domain may
// be told. It waits for a fetch, for at most 20 seconds.
func (c *Cache) Policy(ctx context.Context, domain string) (Policy, error) {
	domain = strings.ToLower(domain)
	kept, known := c.use(domain)
	texts, err := c.c.Resolver.LookupTXT(ctx, "_mta-sts."+domain)
	id, announced := ParseRecord(texts)
	if err != nil || !announced || known && kept.ID == id {
		return kept.Policy, nil // the zero one, unless one is kept
	}
	fresh, err := c.fetch(ctx, domain, id)
	switch {
	case err == nil:
		return fresh.Policy, nil
	case known:
		return kept.Policy, nil
	}
	return Policy{}, err
}

// use returns a policy that is in force.
func (c *Cache) use(domain string) (Kept, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, known := c.kept[domain]
	if !known || !c.c.Now().Before(e.Expires()) {
		return Kept{}, false
	}
	e.used = c.c.Now()
	return e.Kept, true
}

// fetch brings a policy, unless that was done, or failed, a moment ago. Who wants the
// same one waits for the first.
func (c *Cache) fetch(ctx context.Context, domain, id string) (Kept, error) {
	got, err, _ := c.flights.Do(domain, func() (any, error) {
		if k, ok := c.fetchedLately(domain); ok {
			return k, nil
		}
		if err := c.failedLately(domain, id); err != nil {
			return Kept{}, err
		}
		// Not for the one caller's patience: others wait with it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
		defer cancel()
		k, err := c.bring(ctx, domain, id)
		if err != nil {
			c.c.Log.Warn("mtasts: policy not fetched", "domain", domain, "policy_id", id, "error", err)
		}
		c.note(domain, id, err)
		return k, err
	})
	if err != nil {
		return Kept{}, err
	}
	return got.(Kept), nil
}

func (c *Cache) bring(ctx context.Context, domain, id string) (Kept, error) {
	text, err := c.c.Fetcher.Fetch(ctx, domain)
	if err != nil {
		return Kept{}, fmt.Errorf("mtasts: policy of %s: %w", domain, err)
	}
	p, err := ParsePolicy(text)
	if err != nil {
		return Kept{}, fmt.Errorf("mtasts: policy of %s: %w", domain, err)
	}
	k := Kept{Domain: domain, ID: id, Policy: p, Fetched: c.c.Now()}
	c.keep(ctx, k)
	return k, nil
}

// keep puts a policy in force. Where a row can't be written it holds until the next
// restart only, which the log says.
func (c *Cache) keep(ctx context.Context, k Kept) {
	c.mu.Lock()
	e := c.kept[k.Domain]
	if e == nil {
		e = &entry{used: c.c.Now()}
	}
	e.Kept = k
	var victim Kept
	if _, known := c.kept[k.Domain]; !known && len(c.kept) >= maxKept {
		victim = c.kept[c.soonest()].Kept
		delete(c.kept, victim.Domain)
	}
	c.kept[k.Domain] = e
	c.mu.Unlock()
	err := c.c.Rows.PutPolicy(ctx, k)
	if victim.Domain != "" {
		err = errors.Join(err, c.c.Rows.DropPolicy(ctx, victim.Domain, victim.Fetched))
	}
	if err != nil {
		c.c.Log.Error("mtasts: policy not stored", "domain", k.Domain, "error", err)
	}
}

// soonest picks, of a few by chance, the one that ends first.
func (c *Cache) soonest() (victim string) {
	n := 0
	for domain, e := range c.kept {
		if victim == "" || e.Expires().Before(c.kept[victim].Expires()) {
			victim = domain
		}
		if n++; n == 8 {
			break
		}
	}
	return victim
}

// fetchedLately returns a policy that was just fetched, also one that binds no longer
// than that: who publishes another id with each answer has nothing fetched more often.
func (c *Cache) fetchedLately(domain string) (Kept, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, known := c.kept[domain]
	if !known || c.c.Now().Sub(e.Fetched).Abs() >= againTime { // in the future: by a clock that was ahead
		return Kept{}, false
	}
	return e.Kept, true
}

// failedLately returns why a fetch failed that is not to be repeated yet; one for
// another id may be, soon.
func (c *Cache) failedLately(domain, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, bad := c.failed[domain]
	wait := againTime
	if f.id == id {
		wait = retryTime
	}
	if !bad || !c.c.Now().Before(f.at.Add(wait)) {
		return nil
	}
	return f.err
}

func (c *Cache) note(domain, id string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.failed, domain)
	if err == nil {
		return
	}
	for other := range c.failed {
		if len(c.failed) < maxFailed {
			break
		}
		delete(c.failed, other)
	}
	c.failed[domain] = failure{id, c.c.Now(), err}
}
