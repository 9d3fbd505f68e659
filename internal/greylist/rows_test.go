package greylist

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// fakeRows are rows in memory.
type fakeRows struct {
	Desk
	mu      sync.Mutex
	found   Found
	delays  []Delay
	puts    int
	read    int
	changes int64
	deaf    error // Find fails
	dumb    error // Put fails
	swept   []time.Time
	folded  []string
}

func newFakeRows() *fakeRows {
	return &fakeRows{found: Found{Triplets: map[int64]Triplet{}, Identities: map[string]Identity{}}}
}

func (f *fakeRows) Find(context.Context, []int64, []string) (Found, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read++
	return Found{Triplets: maps.Clone(f.found.Triplets), Identities: maps.Clone(f.found.Identities)}, f.deaf
}

func (f *fakeRows) Put(_ context.Context, b Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dumb != nil {
		return f.dumb
	}
	f.puts++
	for _, t := range b.Triplets {
		old := f.found.Triplets[t.Number]
		f.found.Triplets[t.Number], _ = old.Merge(t)
		if t.State == Passing {
			i := Identity{Name: t.Identity, Expires: t.Expires}
			if old.State == Waiting {
				i.Passes = 1
			}
			f.found.Identities[t.Identity] = f.found.Identities[t.Identity].Merge(i)
		}
	}
	for _, i := range b.Identities {
		f.found.Identities[i.Name] = f.found.Identities[i.Name].Merge(i)
	}
	f.delays = append(f.delays, b.Delays...)
	return nil
}

func (f *fakeRows) Changes(context.Context) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changes, nil
}

func (f *fakeRows) Sweep(_ context.Context, now time.Time, limit int) (Swept, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.swept = append(f.swept, now)
	if len(f.swept)%3 != 0 {
		return Swept{limit, 1}, nil
	}
	return Swept{1, 1}, nil
}

func (f *fakeRows) Trim(context.Context, int, int) (int, Swept, error) { return 7, Swept{}, nil }

func (f *fakeRows) Fold(_ context.Context, day, oldest string, _ int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.folded = append(f.folded, day+" "+oldest)
	return nil
}

// set changes rows while a Book runs.
func (f *fakeRows) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

var (
	noon    = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	errDisk = errors.New("the disk is full")
)

// question is one of ann's, that many seconds after noon.
func question(after int) Question {
	return Question{
		Tx: "tx", Time: noon.Add(time.Duration(after) * time.Second), Sender: "ann@example.org", Recipient: "bob@example.net", Domain: "example.org",
		Identities: []string{"192.0.2.0/24"}, Terms: DefaultTerms(),
	}
}

func openBook(t testing.TB, c Config) *Book {
	t.Helper()
	c.Key = []byte(strings.Repeat("k", 32))
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// try asks, and notes what follows.
func try(t *testing.T, b *Book, q Question, want Result) Answer {
	t.Helper()
	a, err := b.Check(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if a.Result != want {
		t.Errorf("%s from %s at %s: got %s, want %s", q.Sender, q.Identities, q.Time.Sub(noon), a.Result, want)
	}
	b.Record(q, a)
	return a
}

func flush(t *testing.T, b *Book) {
	t.Helper()
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// to is the question about another recipient.
func (q Question) to(rcpt mail.Path) Question { q.Recipient = rcpt; return q }

// by is the question of a client that is known otherwise.
func (q Question) by(identities ...string) Question { q.Identities = identities; return q }
