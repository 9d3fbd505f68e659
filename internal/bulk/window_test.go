package bulk

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// text makes a fingerprint of a text of its own.
func text(seed int, extra ...string) *Fingerprint {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	var list []string
	for range 60 {
		var word strings.Builder
		for range 6 {
			word.WriteByte(byte('a' + r.IntN(26)))
		}
		list = append(list, word.String())
	}
	f := Of(letter("Subject: x", strings.Join(append(list, extra...), " ")), strings.ToLower)
	return &f
}

func add(w *Window, f *Fingerprint, from, to int, signer string, now time.Time) {
	for i := from; i < to; i++ {
		w.Add(f, fmt.Sprintf("org%d.example", i), signer, now)
	}
}

// Nodes tell each other hashes: they have to be those of the standard.
func TestHash(t *testing.T) {
	for _, name := range []string{"", "a", "example.org"} {
		h := fnv.New32a()
		h.Write([]byte(name))
		if got := hash(name); got != h.Sum32() {
			t.Errorf("%q: %d, want %d", name, got, h.Sum32())
		}
	}
}

func TestWindow(t *testing.T) {
	w := New(Config{})
	f := text(1)
	if got := w.Look(f, []string{"a.example", "b.example", "a.example"}, noon); got != (Seen{Organisations: 2}) {
		t.Errorf("at first: %+v", got)
	}
	add(w, f, 0, 10, "", noon)
	add(w, f, 0, 10, "", noon.Add(time.Second)) // the same again
	for name, tt := range map[string]struct {
		f     *Fingerprint
		orgs  []string
		after time.Duration
		want  Seen
	}{
		"seen":                   {f, nil, time.Minute, Seen{Organisations: 10}},
		"with its own":           {f, []string{"org1.example", "new.example"}, time.Minute, Seen{Organisations: 11}},
		"one that is near":       {text(1, "extra", "words"), nil, time.Minute, Seen{Organisations: 10, Near: true}},
		"another":                {text(2), nil, time.Minute, Seen{}},
		"just within the window": {f, nil, Span - time.Second, Seen{Organisations: 10}},
		"too long ago":           {f, nil, Span + time.Second, Seen{}},
		"too long ago, but own":  {f, []string{"x.example"}, Span + time.Second, Seen{Organisations: 1}},
	} {
		if got := w.Look(tt.f, tt.orgs, noon.Add(tt.after)); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
	add(w, text(1, "extra", "words"), 10, 15, "", noon)
	add(w, f, 15, 100, "", noon)
	if got := w.Look(f, nil, noon); got.Organisations != MaxOrganisations || got.Near {
		t.Errorf("all: %+v", got)
	}
	short := Fingerprint{Sum: Sum{1}, Short: true}
	add(w, &short, 0, 10, "", noon)
	if got := w.Look(&short, nil, noon); got != (Seen{}) || w.Len() != 1 {
		t.Errorf("a short text: %+v", got)
	}
}

// The window slides: who was seen again counts on.
func TestWindowSlides(t *testing.T) {
	w := New(Config{})
	f := text(1)
	for i := range 30 {
		add(w, f, i, i+1, "", noon.Add(time.Duration(i)*time.Minute))
	}
	if got := w.Look(f, nil, noon.Add(29*time.Minute)); got.Organisations != 10 {
		t.Errorf("got %+v, want those of ten minutes", got)
	}
	w.Add(f, "org0.example", "", noon.Add(29*time.Minute))
	if got := w.Look(f, nil, noon.Add(29*time.Minute)); got.Organisations != 11 {
		t.Errorf("with one that came again: %+v", got)
	}
}

func TestWindowBounded(t *testing.T) {
	w := New(Config{Groups: 100})
	for i := range 1000 {
		add(w, text(i), 0, 2, "", noon)
		add(w, text(0), i, i+1, "", noon) // in use all the time
	}
	if n := w.Len(); n != 100 || w.index.Len() != 100 || len(w.groups) > 101 || len(w.dirty) > 100 {
		t.Errorf("%d fingerprints, %d sketches, %d groups", n, w.index.Len(), len(w.groups))
	}
	for i, want := range map[int]int{0: MaxOrganisations, 1: 0, 900: 0, 902: 2, 999: 2} {
		if got := w.Look(text(i), nil, noon); got.Organisations != want {
			t.Errorf("text %d: got %+v, want %d", i, got, want)
		}
	}
}

func TestStops(t *testing.T) {
	w := New(Config{Stop: 3})
	f := text(1)
	for i, want := range []Seen{{Organisations: 1, Signers: 1}, {Organisations: 1, Signers: 1}, {Organisations: 1, Signers: 2}, {Organisations: 1, Signers: 3, Stopped: true}} {
		w.Add(f, "here.example", []string{"a.example", "a.example", "b.example", "c.example"}[i], noon)
		if got := w.Look(f, nil, noon); got != want {
			t.Errorf("after %d: got %+v, want %+v", i+1, got, want)
		}
	}
	if got := w.Look(text(1, "extra"), nil, noon); !got.Stopped {
		t.Errorf("one that is near: %+v", got)
	}
}

// Domains that signed a text once do not silence it for ever, here or on another node.
func TestStopsForADay(t *testing.T) {
	rows, now := &table{}, noon
	clock := func() time.Time { return now }
	a, b := New(Config{Rows: rows, Now: clock, Stop: 3}), New(Config{Rows: rows, Now: clock, Stop: 3})
	f := text(1)
	for i := range 3 {
		a.Add(f, "here.example", fmt.Sprint("s", i, ".example"), now)
	}
	for _, tt := range []struct {
		after  time.Duration
		signer string // who signs it again then
		want   bool
	}{{time.Minute, "", true}, {23 * time.Hour, "s0.example", true}, {25 * time.Hour, "s0.example", true}, {48 * time.Hour, "s0.example", false}, {72 * time.Hour, "", false}} {
		now = noon.Add(tt.after)
		a.Add(f, "here.example", tt.signer, now)
		for _, err := range []error{a.Share(t.Context()), b.Follow(t.Context())} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if gotA, gotB := a.Look(f, nil, now).Stopped, b.Look(f, nil, now).Stopped; gotA != tt.want || gotB != tt.want {
			t.Errorf("after %s: %v, on the other node %v, want %v", tt.after, gotA, gotB, tt.want)
		}
	}
}

// table is Rows in a slice.
type table struct {
	list    []Delta
	puts    int
	expired []time.Time
	failing error
}

func (r *table) Put(_ context.Context, list []Delta) error {
	if r.failing != nil {
		return r.failing
	}
	r.puts++
	for _, d := range list {
		d.ID = int64(len(r.list) + 1)
		r.list = append(r.list, d)
	}
	return nil
}

func (r *table) Load(_ context.Context, after int64, since time.Time, f func(Delta) error) error {
	for _, d := range r.list {
		if d.ID <= after || d.Time.Before(since) && !d.Stopped {
			continue
		}
		if err := f(d); err != nil {
			return err
		}
	}
	return r.failing
}

func (r *table) Expire(_ context.Context, before, stopped time.Time, _ int) (int, error) {
	r.expired = append(r.expired, before, stopped)
	return 0, r.failing
}

// Two nodes count together; what came to few is not told.
func TestShared(t *testing.T) {
	rows := &table{}
	now := noon
	clock := func() time.Time { return now }
	a, b := New(Config{Rows: rows, Now: clock}), New(Config{Rows: rows, Now: clock})
	turn := func() {
		t.Helper()
		for _, err := range []error{a.Share(t.Context()), b.Share(t.Context()), a.Follow(t.Context()), b.Follow(t.Context())} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	wants := func(what string, f *Fingerprint, inA, inB int) {
		t.Helper()
		if gotA, gotB := a.Look(f, nil, now), b.Look(f, nil, now); gotA.Organisations != inA || gotB.Organisations != inB {
			t.Errorf("%s: got %+v and %+v, want %d and %d", what, gotA, gotB, inA, inB)
		}
	}
	f := text(1)
	add(a, f, 0, 2, "", now)
	turn()
	wants("to two", f, 2, 0)
	add(a, f, 2, 12, "", now)
	add(b, text(1, "extra"), 8, 20, "", now)
	turn()
	wants("to twenty", f, 20, 20)
	puts := rows.puts
	add(a, f, 0, 12, "", now.Add(time.Second))
	turn()
	if rows.puts != puts {
		t.Error("the same is told again")
	}
	c := New(Config{Rows: rows, Now: clock}) // a node that starts
	if err := c.Follow(t.Context()); err != nil || c.Look(f, nil, now).Organisations != 20 {
		t.Errorf("after a start: %+v, %v", c.Look(f, nil, now), err)
	}
	now = now.Add(Span + time.Minute)
	turn()
	wants("long after", f, 0, 0)
	for i := range DefaultStop {
		a.Add(f, "here.example", fmt.Sprint("s", i, ".example"), now)
	}
	turn()
	if got := b.Look(f, nil, now); !got.Stopped {
		t.Errorf("stopped elsewhere: %+v", got)
	}
	rows.failing = errors.New("away")
	add(a, f, 0, 20, "", now.Add(time.Hour))
	if err := a.Share(t.Context()); !errors.Is(err, rows.failing) {
		t.Errorf("got %v", err)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &table{}
		w := New(Config{Rows: rows})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		synctest.Wait() // its first turn is over: none falls between two of these
		add(w, text(1), 0, 5, "", time.Now())
		bubble.Sleep(2 * shareEvery)
		if len(rows.list) != 1 || len(rows.expired) != 2 || time.Since(rows.expired[0]) < Span {
			t.Errorf("told %d, expired before %v", len(rows.list), rows.expired)
		}
		add(w, text(2), 0, 5, "", time.Now())
		cancel()
		<-done
		if len(rows.list) != 2 {
			t.Errorf("at the end %d were told", len(rows.list))
		}
	})
}

// By a clock that leapt no row is removed.
func TestClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &table{}
		var believed atomic.Bool
		w := New(Config{Rows: rows, Old: func(context.Context) (time.Time, bool) { return time.Now().AddDate(1, 0, 0), believed.Load() }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		bubble.Sleep(2 * expireEvery)
		if len(rows.expired) != 0 {
			t.Errorf("expired before %v", rows.expired)
		}
		believed.Store(true)
		bubble.Sleep(2 * expireEvery)
		if len(rows.expired) == 0 {
			t.Error("believed, and nothing is removed")
		}
		cancel()
		<-done
	})
}
