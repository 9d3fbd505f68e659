package signing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/dkim"
)

// A Config is what a Desk needs.
type Config struct {
	Rows     Rows
	Resolver dkim.Resolver
	Keep     func() time.Duration // how long the record of a replaced key stays
	Rotate   func() time.Duration // at which age keys are replaced by themselves; 0: never
	Log      *slog.Logger         // nil: silent
	Now      func() time.Time     // nil: time.Now
	// Old is Now, and whether keys may grow old by it; nil: they always may.
	Old func(context.Context) (time.Time, bool)
}

// A Desk has the keys of this system, and signs with them. It is safe for use by many goroutines.
type Desk struct {
	c     Config
	known atomic.Pointer[keyring]
	load  sync.Mutex // one reads the rows at a time
}

// A keyring is the keys as of one revision. It is not changed.
type keyring struct {
	revision int64
	keys     []Key
	signing  map[string][]*lazy // by domain, those that sign; RSA first
}

// lazy is a signer that is made when it is first asked for: reading an RSA key takes time, and most domains
// are quiet.
type lazy struct {
	key    Key
	once   sync.Once
	signer *dkim.Signer
}

// New returns a Desk that knows the keys as they are now. The caller runs Run beside it.
func New(ctx context.Context, c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &Desk{c: c}
	if c.Old == nil {
		d.c.Old = func(context.Context) (time.Time, bool) { return d.c.Now(), true }
	}
	d.known.Store(&keyring{})
	return d, d.reload(ctx)
}

// reload reads the keys. Signers of keys that are as they were stay.
func (d *Desk) reload(ctx context.Context) error {
	d.load.Lock()
	defer d.load.Unlock()
	keys, revision, err := d.c.Rows.List(ctx)
	if err != nil {
		return fmt.Errorf("signing: read keys: %w", err)
	}
	before := d.known.Load()
	ring := &keyring{revision: revision, keys: keys, signing: map[string][]*lazy{}}
	for _, k := range keys {
		if k.State != Active {
			continue
		}
		l := &lazy{key: k}
		for _, b := range before.signing[k.Domain] {
			if b.key.Selector == k.Selector && slices.Equal(b.key.Private, k.Private) {
				l = b
			}
		}
		ring.signing[k.Domain] = append(ring.signing[k.Domain], l)
	}
	for _, list := range ring.signing {
		slices.SortStableFunc(list, func(a, b *lazy) int { return slices.Index(kinds(), a.key.Kind) - slices.Index(kinds(), b.key.Kind) })
	}
	d.known.Store(ring)
	return nil
}

// Keys returns the keys of a domain, by selector; of all where it is "".
func (d *Desk) Keys(domain string) (list []Key) {
	for _, k := range d.known.Load().keys {
		if domain == "" || k.Domain == domain {
			list = append(list, k)
		}
	}
	return list
}

// Signers returns those with which a domain's mail is signed, RSA first; none where it has no key whose record was
// found. It does not wait.
func (d *Desk) Signers(domain string) (list []*dkim.Signer) {
	for _, l := range d.known.Load().signing[domain] {
		l.once.Do(func() {
			private, err := l.key.private()
			if err == nil {
				l.signer, err = dkim.NewSigner(l.key.Domain, l.key.Selector, private)
			}
			if err != nil {
				d.c.Log.Error("signing: a key can't be used", "key", l.key.Name(), "error", err)
			}
		})
		if l.signer != nil {
			list = append(list, l.signer)
		}
	}
	return list
}

// change changes a domain's keys, and knows at once what they are then.
func (d *Desk) change(ctx context.Context, domain string, f func([]Key) ([]Key, error)) error {
	err := d.c.Rows.Change(ctx, domain, f)
	if errors.Is(err, ErrSame) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.reload(ctx)
}

// Create makes a key of each kind for a domain that has none of it. It fails with ErrHasKeys.
func (d *Desk) Create(ctx context.Context, domain string) error {
	return d.add(ctx, domain, false)
}

// Replace makes a new key of each kind. It fails with ErrMakesNone where the domain has none to replace, and ErrWaits where
// new ones wait for their records already.
func (d *Desk) Replace(ctx context.Context, domain string) error { return d.add(ctx, domain, true) }

func (d *Desk) add(ctx context.Context, domain string, replaces bool) error {
	err := d.change(ctx, domain, func(keys []Key) ([]Key, error) { return add(domain, keys, replaces, d.c.Now()) })
	if err != nil {
		return fmt.Errorf("signing: make keys of %s: %w", domain, err)
	}
	return nil
}

// Drop removes one key of a domain at once, whatever it is used for; all of them where selector is "". It fails with
// ErrNoKey.
func (d *Desk) Drop(ctx context.Context, domain, selector string) error {
	err := d.change(ctx, domain, func(keys []Key) ([]Key, error) {
		left := slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return selector == "" || k.Selector == selector })
		if len(left) == len(keys) {
			return nil, ErrNoKey
		}
		return left, nil
	})
	if err != nil {
		return fmt.Errorf("signing: drop key %s of %s: %w", selector, domain, err)
	}
	return nil
}
