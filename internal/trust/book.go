package trust

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"gatepost/internal/mail"
)

const (
	// remember is how long a look-up is not repeated: others change rows beneath the cache.
	remember = time.Second
	// maxCached bounds the keys that are remembered. One that finds no room empties the
	// cache: it fills within a second anyway.
	maxCached = 10_000
	// maxUses bounds the uses noted between two flushes. What is beyond is not noted;
	// it would be the next time.
	maxUses = 10_000
	// freshUse is how old the noted use is at least when another is written down.
	freshUse   = 24 * time.Hour
	flushEvery = 5 * time.Second
	lastFlush  = 5 * time.Second // how long the end of Run may take
	pruneEvery = 24 * time.Hour
	pruneSome  = 500
	pruneRests = 12 // times as long as a step took
)

// A Config is what a Book needs.
type Config struct {
	Rows Rows
	// Scopes returns in whose scopes a sender may count for mail to a recipient; none where
	// he never does, since the address is the recipient's own, or of the same domain.
	Scopes func(rcpt, sender mail.Path) []Scope
	Log    *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
	// Old returns the time by which Run tells what is old, and whether it may go by it
	// now; nil: Now, always.
	Old func(context.Context) (time.Time, bool)
}

// A Book answers how much senders are trusted. It is safe for use by many goroutines.
type Book struct {
	c Config

	mu    sync.Mutex
	known map[Key]looked
	uses  map[Key]time.Time

	senders *known      // of whom something is known; nil: not read, or too many
	good    time.Time   // until when senders holds without another look at the news
	news    int64       // the last number taken in
	loaded  time.Time   // when senders was begun
	loading bool        // senders is being read
	late    []mail.Path // learnt meanwhile
}

// looked is what a look-up found, good until then.
type looked struct {
	entry Entry // the zero Entry: nothing is known
	until time.Time
}

// New returns a Book. The caller runs Run beside it.
func New(c Config) *Book {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	return &Book{c: c, known: map[Key]looked{}, uses: map[Key]time.Time{}}
}

// Weigh returns, of what is known of a sender in the scopes of a recipient, the entry that
// weighs most at now; false where none weighs anything. A tag of BATV does not count.
func (b *Book) Weigh(ctx context.Context, rcpt, sender mail.Path, now time.Time) (best Entry, ok bool, err error) {
	sender = sender.Unsigned()
	if b.stranger(sender) {
		return Entry{}, false, nil
	}
	var keys []Key
	for _, s := range b.c.Scopes(rcpt, sender) {
		keys = append(keys, Key{s, sender})
	}
	entries, err := b.find(ctx, keys)
	if err != nil {
		return Entry{}, false, fmt.Errorf("trust: weigh %s for %s: %w", sender, rcpt, err)
	}
	for _, e := range entries {
		if w := e.At(now); w > 0 && (!ok || w > best.At(now)) {
			best, ok = e, true
		}
	}
	return best, ok, nil
}

// find looks keys up, in memory first.
func (b *Book) find(ctx context.Context, keys []Key) (found []Entry, err error) {
	now := b.c.Now()
	var ask []Key
	b.mu.Lock()
	for _, k := range keys {
		l, ok := b.known[k]
		switch {
		case !ok || !now.Before(l.until):
			ask = append(ask, k)
		case l.entry.Key == k:
			found = append(found, l.entry)
		}
	}
	b.mu.Unlock()
	if len(ask) == 0 {
		return found, nil
	}
	read, err := b.c.Rows.Find(ctx, ask)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known)+len(ask) > maxCached {
		clear(b.known)
	}
	for _, k := range ask {
		b.known[k] = looked{until: now.Add(remember)}
	}
	for _, e := range read {
		b.known[e.Key] = looked{e, now.Add(remember)}
	}
	return append(found, read...), nil
}

// Use notes, at now, that an entry counted for mail. It costs no I/O.
func (b *Book) Use(e Entry, now time.Time) {
	if now.Sub(e.Used) < freshUse {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, noted := b.uses[e.Key]; noted || len(b.uses) < maxUses {
		b.uses[e.Key] = now
	}
}

// Flush writes the uses noted so far. Run does so every few seconds.
func (b *Book) Flush(ctx context.Context) error {
	b.mu.Lock()
	taken := b.uses
	b.uses = map[Key]time.Time{}
	b.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	list := make([]Use, 0, len(taken))
	for _, k := range slices.SortedFunc(maps.Keys(taken), Compare) {
		list = append(list, Use{k, taken[k]})
	}
	if err := b.c.Rows.Use(ctx, list); err != nil {
		return fmt.Errorf("trust: note uses: %w", err)
	}
	return nil
}

// Set puts a weight in the place of what was known, as an admin says.
func (b *Book) Set(ctx context.Context, k Key, w Weight) (Entry, error) {
	now := b.c.Now()
	e := Entry{Key: Key{k.Scope, k.Sender.Unsigned()}, Weight: min(max(w, 0), Most), Used: now, Learnt: now, How: Admin}
	defer b.drop()
	if err := b.c.Rows.Set(ctx, e); err != nil {
		return Entry{}, fmt.Errorf("trust: set %s: %w", k.Sender, err)
	}
	b.Learnt(e.Key)
	return e, nil
}

// Learn raises a weight by what such an event is worth, unless it was raised within a day: what
// many messages say costs one row a day. Weights that a transaction teaches (Rows) don't
// come by here.
func (b *Book) Learn(ctx context.Context, k Key, how How) error {
	k.Sender = k.Sender.Unsigned()
	found, err := b.find(ctx, []Key{k})
	if err != nil {
		return fmt.Errorf("trust: learn %s: %w", k.Sender, err)
	}
	now := b.c.Now()
	e := Entry{Key: k}
	if len(found) > 0 {
		if e = found[0]; now.Sub(e.Learnt) < freshUse {
			return nil
		}
	}
	e.Weight = min(e.At(now)+how.Worth(), Most)
	e.Used, e.Learnt, e.How = now, now, e.How|how
	defer b.Learnt(k)
	if err := b.c.Rows.Set(ctx, e); err != nil {
		return fmt.Errorf("trust: learn %s: %w", k.Sender, err)
	}
	return nil
}

// Forget removes what is known of a sender in a scope, and reports whether it was there.
func (b *Book) Forget(ctx context.Context, k Key) (bool, error) {
	defer b.drop()
	gone, err := b.c.Rows.Forget(ctx, Key{k.Scope, k.Sender.Unsigned()})
	if err != nil {
		return false, fmt.Errorf("trust: forget %s: %w", k.Sender, err)
	}
	return gone, nil
}

// Forgive takes back what the release of a held message taught, and reports whether it had
// taught anything.
func (b *Book) Forgive(ctx context.Context, held string) (bool, error) {
	defer b.drop()
	taught, err := b.c.Rows.Forgive(ctx, held, b.c.Now())
	if err != nil {
		return false, fmt.Errorf("trust: take back what %s taught: %w", held, err)
	}
	return taught, nil
}

// Learnt has the next look-up of a key read its row: what changed it was committed.
func (b *Book) Learnt(k Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k.Sender = k.Sender.Unsigned()
	delete(b.known, k)
	b.learnt(k.Sender)
}

// drop has the next look-ups read rows.
func (b *Book) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.known)
}

// Prune removes what weighs nothing any more at now, in its own pace, and returns how many
// entries. It looks at all of them.
func (b *Book) Prune(ctx context.Context, now time.Time) (total int, err error) {
	var last Key
	for {
		began := time.Now()
		next, n, err := b.c.Rows.Prune(ctx, last, now, pruneSome)
		total += n
		if err != nil {
			return total, fmt.Errorf("trust: prune: %w", err)
		}
		if next == (Key{}) {
			return total, nil
		}
		last = next
		select {
		case <-time.After(pruneRests * time.Since(began)):
		case <-ctx.Done():
			return total, ctx.Err()
		}
	}
}

// Run follows other nodes, writes uses, and removes once a day what weighs nothing, until ctx ends. An error is
// logged, and the next turn tries again.
func (b *Book) Run(ctx context.Context) {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { b.runPrune(ctx) })
	beside.Go(func() { b.runFollow(ctx) })
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := b.Flush(ctx); err != nil && ctx.Err() == nil {
				b.c.Log.Warn("trust: uses not noted", "error", err)
			}
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			if err := b.Flush(ctx); err != nil {
				b.c.Log.Warn("trust: uses not noted", "error", err)
			}
			return
		}
	}
}

func (b *Book) runPrune(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if now, ok := b.c.Old(ctx); ok {
			if n, err := b.Prune(ctx, now); err != nil && !errors.Is(err, context.Canceled) {
				b.c.Log.Error("trust: what weighs nothing is not removed", "error", err)
			} else if n > 0 {
				b.c.Log.Info("trust: removed what weighs nothing", "entries", n)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (b *Book) runFollow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if err := b.Follow(ctx); err != nil && ctx.Err() == nil {
			b.c.Log.Warn("trust: what others learnt is not read; each sender is looked up", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
