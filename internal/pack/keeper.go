package pack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"gatepost/rules"
)

// A Source says where a pack comes from: one of URL (https) and File is set.
type Source struct {
	Name  string // a file's name, too: letters, digits, - and _
	URL   string
	File  string
	Every time.Duration // between two looks
}

// A Fetcher asks for an https URL. etag and modified are those of the last answer, "" for none;
// fresh is false where the server says that nothing has changed since. An answer of more than
// most octets is an error.
type Fetcher interface {
	Get(ctx context.Context, url, etag, modified string, most int64) (body []byte, newETag, newModified string, fresh bool, err error)
}

// Config is what a Keeper needs.
type Config struct {
	Dir     string // made if need be
	Fetcher Fetcher
	Log     *slog.Logger
	Now     func() time.Time
	Jitter  func(time.Duration) time.Duration // a part of a time, so that not all nodes ask at once; nil: none
}

// ErrUnknown says that no pack has that name.
var ErrUnknown = errors.New("no pack has that name")

// ErrNoOlder says that there is no older version to go back to.
var ErrNoOlder = errors.New("there is no older version")

// A Keeper has packs in force. It may be used by many goroutines.
type Keeper struct {
	c       Config
	refresh sync.Mutex // held while packs are fetched and written

	mu    sync.RWMutex
	packs map[string]*kept
}

// kept is one pack; it is replaced, never changed, but for next.
type kept struct {
	source Source
	state  state
	pack   *rules.Pack // in force, nil: none has come yet
	err    error       // of the last look
	looked time.Time
	next   time.Time
}

// Times and bounds.
const (
	lookTime    = 30 * time.Second // how often Run looks whether something is due
	failedTime  = 15 * time.Minute // after a look that failed
	fetchTime   = time.Minute      // for one fetch
	maxVersions = 5                // kept of a pack
)

// New makes a Keeper without packs.
func New(c Config) *Keeper {
	if c.Jitter == nil {
		c.Jitter = func(time.Duration) time.Duration { return 0 }
	}
	return &Keeper{c: c, packs: map[string]*kept{}}
}

// Set names the packs from now on. What is on disk of them is in force at once; files are
// read at once, too, URLs by Run. It returns what is wrong with files.
func (k *Keeper) Set(ctx context.Context, sources []Source) error {
	k.refresh.Lock()
	defer k.refresh.Unlock()
	k.mu.RLock()
	before := maps.Clone(k.packs)
	k.mu.RUnlock()
	packs, errs := map[string]*kept{}, []error(nil)
	for _, s := range sources {
		if old := before[s.Name]; old != nil && old.source == s {
			packs[s.Name] = old
			continue
		}
		p, err := k.load(s)
		if err != nil {
			errs = append(errs, err)
		}
		packs[s.Name] = p
	}
	k.mu.Lock()
	k.packs = packs
	k.mu.Unlock()
	for _, s := range sources {
		if s.File != "" {
			errs = append(errs, k.look(ctx, s.Name))
		}
	}
	return errors.Join(errs...)
}

// load reads what is on disk of a pack.
func (k *Keeper) load(s Source) (*kept, error) {
	p := &kept{source: s, next: k.c.Now()}
	st, err := readState(k.dir(s.Name))
	if err != nil || st.From != cmp.Or(s.URL, s.File) {
		return p, err
	}
	p.state = st
	for _, v := range st.Versions {
		if v.Number != st.Current {
			continue
		}
		text, err := os.ReadFile(k.file(s.Name, v.Number))
		if err == nil {
			p.pack, err = rules.ParsePack(string(text))
		}
		if err != nil {
			p.state = state{} // have it fetched as if it were new
			return p, fmt.Errorf("pack: %s: version %d: %w", s.Name, v.Number, err)
		}
	}
	return p, nil
}

func (k *Keeper) dir(name string) string { return filepath.Join(k.c.Dir, name) }

func (k *Keeper) file(name string, number int) string {
	return filepath.Join(k.dir(name), fmt.Sprintf("%d.pack", number))
}

// Pack implements filters.Packs.
func (k *Keeper) Pack(name string) (*rules.Pack, error) {
	p := k.get(name)
	if p == nil {
		return nil, fmt.Errorf("pack %q: %w", name, ErrUnknown)
	}
	return p.pack, nil
}

// File implements filters.Packs.
func (k *Keeper) File(path string) (string, error) { return ReadFile(path) }

// ReadFile reads a file with patterns or rules, rules.MaxPack octets at most.
func ReadFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, rules.MaxPack+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > rules.MaxPack {
		return "", fmt.Errorf("%s is longer than %d octets", path, rules.MaxPack)
	}
	return string(text), nil
}

func (k *Keeper) get(name string) *kept {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.packs[name]
}

func (k *Keeper) put(p *kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.packs[p.source.Name] != nil {
		k.packs[p.source.Name] = p
	}
}

// Run looks for new versions when they are due, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		for _, name := range k.due() {
			if err := k.Refresh(ctx, name); err != nil && ctx.Err() == nil {
				k.c.Log.Warn("pack: no new version; the one that is there holds", "pack", name, "error", err)
			}
		}
		timer.Reset(lookTime)
	}
}

func (k *Keeper) due() (names []string) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for name, p := range k.packs {
		if !k.c.Now().Before(p.next) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Refresh looks for a new version now. An error is what is wrong with it, or with who has
// it; what was in force is so still.
func (k *Keeper) Refresh(ctx context.Context, name string) error {
	k.refresh.Lock()
	defer k.refresh.Unlock()
	return k.look(ctx, name)
}

func (k *Keeper) look(ctx context.Context, name string) error {
	p := k.get(name)
	if p == nil {
		return fmt.Errorf("pack %q: %w", name, ErrUnknown)
	}
	next := *p
	next.looked, next.err = k.c.Now(), nil
	wait := next.source.Every
	if err := k.bring(ctx, &next); err != nil {
		next.err, wait = fmt.Errorf("pack %s: %w", name, err), min(failedTime, wait)
	}
	next.next = next.looked.Add(wait + k.c.Jitter(wait/10))
	k.put(&next)
	return next.err
}

// bring takes a new version into p, if there is one.
func (k *Keeper) bring(ctx context.Context, p *kept) error {
	text, etag, modified, err := k.fetch(ctx, p)
	if err != nil || text == nil {
		return err
	}
	sum := sha256.Sum256(text)
	p.state.ETag, p.state.Modified = etag, modified
	known := hex.EncodeToString(sum[:])
	if p.state.has(known) { // in force, or rolled back
		return k.save(p)
	}
	pack, err := rules.ParsePack(string(text))
	if err != nil {
		return fmt.Errorf("the new version is not taken: %w", err)
	}
	v := Version{Number: p.state.Last + 1, Sum: known, Came: k.c.Now(), Version: pack.Version, Title: pack.Title, Patterns: pack.Set.Len(), Rules: len(pack.Rules)}
	if err := writeFile(k.file(p.source.Name, v.Number), text); err != nil {
		return err
	}
	p.state.take(v)
	p.pack = pack
	return k.save(p)
}

// fetch returns what stands at a source, nil where nothing has changed.
func (k *Keeper) fetch(ctx context.Context, p *kept) (text []byte, etag, modified string, err error) {
	if p.source.File != "" {
		s, err := ReadFile(p.source.File)
		return []byte(s), "", "", err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	text, etag, modified, fresh, err := k.c.Fetcher.Get(ctx, p.source.URL, p.state.ETag, p.state.Modified, rules.MaxPack)
	if err != nil || !fresh {
		return nil, "", "", err
	}
	return text, etag, modified, nil
}

// save writes a pack's state, and removes versions that are not kept any more.
func (k *Keeper) save(p *kept) error {
	p.state.From = cmp.Or(p.source.URL, p.source.File)
	for _, gone := range p.state.drop() {
		_ = os.Remove(k.file(p.source.Name, gone)) // what stays is never read
	}
	return p.state.write(k.dir(p.source.Name))
}

// Rollback puts the version before the one in force back. What is rolled back is not taken
// again; a version that differs from it is.
func (k *Keeper) Rollback(name string) error {
	k.refresh.Lock()
	defer k.refresh.Unlock()
	p := k.get(name)
	if p == nil {
		return fmt.Errorf("pack %q: %w", name, ErrUnknown)
	}
	next := *p
	next.state.Versions = slices.Clone(p.state.Versions)
	older, ok := next.state.back()
	if !ok {
		return fmt.Errorf("pack %s: %w", name, ErrNoOlder)
	}
	text, err := os.ReadFile(k.file(name, older))
	if err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	if next.pack, err = rules.ParsePack(string(text)); err != nil {
		return fmt.Errorf("pack %s: version %d: %w", name, older, err)
	}
	if err := k.save(&next); err != nil {
		return err
	}
	k.put(&next)
	return nil
}
