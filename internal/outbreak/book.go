// Package outbreak counts to whom one and the same new file goes. Mail that carries a program which
// nobody here has seen before, to many people within minutes, is how most attacks begin, hours
// before a scanner knows the file.
//
// A Book notes, for the SHA-256 of a file, when it was first seen and when each organisation first got
// it. A file is suspect once it went to many organisations within a window while it was new; it stays
// so for as long as it is new. All recipients of one organisation count as one, so that what somebody sends
// to his partners in a firm, be it one by one, is no outbreak.
//
// What is noted counts at once on its node, is written to the Rows within a second, many in one
// commit, and is read by the other nodes within another. Memory is bounded in files and in
// organisations of each; what does not fit is forgotten, never waited for. Their names are kept as
// numbers made of them by a secret key.
package outbreak

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// A Sum is the SHA-256 of a file.
type Sum = [sha256.Size]byte

// Terms are when a file is suspect.
type Terms struct {
	Organisations int           // to so many, MaxOrganisations at most; 0: never
	Window        time.Duration // within that
	New           time.Duration // and no longer than that after it was first seen
}

// DefaultTerms are those of the specification.
func DefaultTerms() Terms {
	return Terms{Organisations: 10, Window: 10 * time.Minute, New: 3 * 24 * time.Hour}
}

// MaxOrganisations is how many organisations that got a file are kept, and the most that Terms may ask for.
const MaxOrganisations = 40

// A Row is that an organisation got a file, first at that time.
type Row struct {
	Sum          Sum
	Organisation int64
	Time         time.Time
}

// Rows keep what was seen; those of several Books may be the same.
type Rows interface {
	// Put writes rows, durably or not at all. Of an organisation that has the file already the older
	// row stays.
	Put(ctx context.Context, rows []Row) error
	// Since returns at most limit rows that come after a place, in the order of time and sum.
	Since(ctx context.Context, after Place, limit int) ([]Row, error)
	// Sweep removes at most limit rows of before a time and says how many.
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
}

// A Place is behind a row, in the order of Rows.Since. That with a Time alone is before all rows
// of that time.
type Place struct {
	Time         time.Time
	Sum          []byte
	Organisation int64
}

// Config is what a Book needs.
type Config struct {
	Rows Rows
	Key  []byte // secret, the same for all who share rows
	Log  *slog.Logger
	Now  func() time.Time // nil: time.Now
	// Old returns the time, and whether rows may be removed that are old by it; nil: Now.
	Old  func(context.Context) (time.Time, bool)
	Keep time.Duration // of rows; 0: DefaultKeep. No file is new for longer
	Most int           // files in memory; 0: DefaultMost
}

// Where nothing else is set.
const (
	DefaultKeep = 7 * 24 * time.Hour
	DefaultMost = 20_000
)

// maxPending bounds the rows that wait to be written.
const maxPending = 10_000

// A Book is safe for use by many goroutines.
type Book struct {
	c Config

	mu      sync.Mutex
	files   map[Sum]*file
	pending []Row
	lost    int
	read    time.Time // of the newest row that was read

	busy sync.Mutex // held while rows are written
}

// A file is which organisations got one, in the order of time.
type file struct{ got []seen }

type seen struct {
	organisation int64
	time         int64 // microseconds
}

// New returns a Book. Its Run writes what it notes, and reads what others do.
func New(c Config) *Book {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Keep <= 0 {
		c.Keep = DefaultKeep
	}
	if c.Most <= 0 {
		c.Most = DefaultMost
	}
	return &Book{c: c, files: map[Sum]*file{}}
}

// A Sighting is what is known of a file that is suspect.
type Sighting struct {
	Organisations int       // within a window, those of the message included
	First         time.Time // seen
}

// Check says whether a file is suspect that a message of this moment carries to organisations, which
// may be named twice. It changes nothing.
func (b *Book) Check(sum Sum, organisations []string, now time.Time, t Terms) (Sighting, bool) {
	if t.Organisations <= 0 {
		return Sighting{}, false
	}
	b.mu.Lock()
	var f file
	if known := b.files[sum]; known != nil {
		f.got = slices.Clone(known.got)
	}
	b.mu.Unlock()
	for _, r := range b.numbers(organisations) {
		f.add(seen{r, now.UnixMicro()})
	}
	if len(f.got) == 0 {
		return Sighting{}, false
	}
	s := Sighting{Organisations: f.most(t.Window), First: time.UnixMicro(f.got[0].time).UTC()}
	return s, s.Organisations >= t.Organisations && now.Sub(s.First) <= t.New
}

// Record notes that a message carried files to organisations. It waits for nothing.
func (b *Book) Record(sums []Sum, organisations []string, now time.Time) {
	numbers := b.numbers(organisations)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, sum := range sums {
		for _, n := range numbers {
			if !b.note(sum, seen{n, now.UnixMicro()}) {
				continue
			}
			if len(b.pending) >= maxPending {
				b.lost++
				continue
			}
			b.pending = append(b.pending, Row{Sum: sum, Organisation: n, Time: now})
		}
	}
}

// numbers are those of a message's organisations, each once.
func (b *Book) numbers(organisations []string) (list []int64) {
	for _, name := range organisations {
		h := hmac.New(sha256.New, b.c.Key)
		h.Write([]byte(name))
		if n := int64(binary.BigEndian.Uint64(h.Sum(nil)) >> 1); !slices.Contains(list, n) {
			list = append(list, n)
		}
		if len(list) > MaxOrganisations {
			break
		}
	}
	return list
}

// note adds to a file and says whether that is new.
func (b *Book) note(sum Sum, s seen) bool {
	f := b.files[sum]
	if f == nil {
		if len(b.files) >= b.c.Most {
			b.forget()
		}
		f = &file{}
		b.files[sum] = f
	}
	return f.add(s)
}

// add puts who got it in its place in the order of time. Of those beyond MaxOrganisations the
// first of all stays, and the oldest of the others goes.
func (f *file) add(s seen) bool {
	for i, old := range f.got {
		if old.organisation != s.organisation {
			continue
		}
		if s.time < old.time { // another node's
			f.got = slices.Delete(f.got, i, i+1)
			break
		}
		return false
	}
	i, _ := slices.BinarySearchFunc(f.got, s.time, func(a seen, t int64) int { return int(min(max(a.time-t, -1), 1)) })
	f.got = slices.Insert(f.got, i, s)
	if len(f.got) > MaxOrganisations {
		f.got = slices.Delete(f.got, 1, 2)
	}
	return true
}

// most is to how many it went at most within a window.
func (f *file) most(window time.Duration) (most int) {
	from := 0
	for i, s := range f.got {
		for s.time-f.got[from].time > window.Microseconds() {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// forget makes room: it lets go of files that one organisation has, else of any, a tenth of all.
func (b *Book) forget() {
	left := max(b.c.Most/10, 1)
	for _, few := range []int{1, MaxOrganisations} {
		for sum, f := range b.files {
			if left > 0 && len(f.got) <= few {
				delete(b.files, sum)
				left--
			}
		}
	}
}

const (
	runEvery   = time.Second
	sweepEvery = time.Minute
	page       = 1000 // rows in one statement
	sweepRows  = 500  // removed in one commit, and
	sweepTurns = 20   // commits a minute
	onceTime   = 10 * time.Second
	lastTime   = 5 * time.Second // for all that is left at the end
	overlap    = time.Minute     // rows may come late, and nodes' clocks differ, by that much
)

// Run writes what is noted and reads what others noted, each second, and removes what is old,
// each minute, until ctx ends; then it writes what is left. Errors are logged, and the next
// turn tries again.
func (b *Book) Run(ctx context.Context) {
	turn, sweep := time.NewTicker(runEvery), time.NewTicker(sweepEvery)
	defer turn.Stop()
	defer sweep.Stop()
	b.failed(ctx, "outbreaks not read", b.Follow(ctx))
	for {
		select {
		case <-turn.C:
			b.failed(ctx, "outbreaks not kept", b.Flush(ctx))
			b.failed(ctx, "outbreaks not read", b.Follow(ctx))
		case <-sweep.C:
			b.failed(ctx, "old outbreaks not removed", b.sweep(ctx))
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			b.failed(last, "outbreaks not kept", b.Flush(last))
			return
		}
	}
}

func (b *Book) failed(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		b.c.Log.Error(what, "error", err)
	}
}

// Flush writes what was noted. Where that fails it is still to be written.
func (b *Book) Flush(ctx context.Context) error {
	b.busy.Lock()
	defer b.busy.Unlock()
	for {
		b.mu.Lock()
		n := min(len(b.pending), sweepRows)
		batch := slices.Clone(b.pending[:n])
		lost := b.lost
		b.lost = 0
		b.mu.Unlock()
		if lost > 0 {
			b.c.Log.Warn("sightings of new files lost in a flood", "rows", lost)
		}
		if n == 0 {
			return nil
		}
		one, cancel := context.WithTimeout(ctx, onceTime)
		err := b.c.Rows.Put(one, batch)
		cancel()
		if err != nil {
			return fmt.Errorf("outbreak: write: %w", err)
		}
		b.mu.Lock()
		if b.pending = b.pending[n:]; len(b.pending) == 0 {
			b.pending = nil
		}
		b.mu.Unlock()
	}
}

// Follow reads the rows that are new: all that are kept, the first time.
func (b *Book) Follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, onceTime)
	defer cancel()
	b.mu.Lock()
	after := Place{Time: b.read.Add(-overlap)}
	if b.read.IsZero() {
		after.Time = b.c.Now().Add(-b.c.Keep)
	}
	b.mu.Unlock()
	for {
		rows, err := b.c.Rows.Since(ctx, after, page)
		if err != nil {
			return fmt.Errorf("outbreak: read: %w", err)
		}
		b.mu.Lock()
		for _, r := range rows {
			b.note(r.Sum, seen{r.Organisation, r.Time.UnixMicro()})
			if r.Time.After(b.read) && !r.Time.After(b.c.Now().Add(overlap)) {
				b.read = r.Time
			}
		}
		b.mu.Unlock()
		if len(rows) < page {
			return nil
		}
		last := rows[len(rows)-1]
		after = Place{Time: last.Time, Sum: last.Sum[:], Organisation: last.Organisation}
	}
}

// sweep removes what is old by a clock that is to be believed.
func (b *Book) sweep(ctx context.Context) error {
	now, ok := b.c.Old(ctx)
	if !ok {
		return nil
	}
	before := now.Add(-b.c.Keep)
	b.mu.Lock()
	for sum, f := range b.files {
		if f.got[len(f.got)-1].time < before.UnixMicro() {
			delete(b.files, sum)
		}
	}
	b.mu.Unlock()
	for range sweepTurns {
		n, err := b.c.Rows.Sweep(ctx, before, sweepRows)
		if err != nil {
			return fmt.Errorf("outbreak: sweep: %w", err)
		}
		if n < sweepRows {
			return nil
		}
	}
	return nil
}
