package blobtest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"gatepost/internal/blob"
)

// RunCompacter runs the contract of blob.Compacter over stores that open makes, each new
// and empty, and whose files are full at some 4 MB.
func RunCompacter(t *testing.T, open func(t *testing.T) blob.Compacter) {
	for _, c := range []struct {
		name string
		test func(*testing.T, blob.Compacter)
	}{
		{"the dead go, the living keep their names", testCompact},
		{"nothing goes that is not dead", testCompactNothing},
		{"unknown contents are met, and live for a day", testUnknownContents},
		{"who is found alive at last stays", testRevived},
		{"an open content stays readable", testCompactOpen},
		{"putting and reading go on", testCompactBusy},
		{"compacting, with an ended context", testCompactContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// sizes of contents that a test puts; some are in parts.
func sizes(i int) int { return []int{0, 30, 3000, 900, 20_000, 5000, 1<<20 + 77, 2500}[i%8] }

// fill puts n contents that have an owner each.
func fill(t *testing.T, s blob.Store, r *Register, n int) []blob.ID {
	ids := make([]blob.ID, n)
	for i := range ids {
		ids[i] = Put(t, s, Content(uint64(i), sizes(i)))
		r.Own(ids[i], sizes(i))
	}
	return ids
}

// Compact compacts with no bound, and ends the test when that fails.
func Compact(t *testing.T, s blob.Compacter, r blob.Register) blob.Report {
	t.Helper()
	rep, err := s.Compact(t.Context(), r, 0)
	if err != nil {
		t.Fatalf("compact: %v", err)
	}
	return rep
}

// gone checks that a content is not found.
func gone(t *testing.T, s blob.Store, id blob.ID) {
	t.Helper()
	if _, err := s.Open(t.Context(), id); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open %s after its end: got %v, want ErrNotFound", id, err)
	}
}

func testCompact(t *testing.T, s blob.Compacter) {
	r := &Register{}
	ids := fill(t, s, r, 64)
	for round := range 3 { // the last one takes all
		for i, id := range ids {
			if i%4 >= 3-round || round == 2 {
				r.Disown(id)
			}
		}
		r.Day()
		if rep := Compact(t, s, r); rep.Buried == 0 && round > 0 || rep.Files == 0 && round > 0 {
			t.Errorf("round %d: got %+v", round, rep)
		}
		buried := 0
		for i, id := range ids {
			switch {
			case r.Buried(id):
				buried++
				gone(t, s, id)
			default:
				Want(t, s, id, Content(uint64(i), sizes(i)))
			}
		}
		if round == 2 && buried < len(ids)/2 {
			t.Errorf("all are dead, and %d of %d are gone", buried, len(ids))
		}
	}
	Want(t, s, Put(t, s, []byte("after")), []byte("after"))
}

func testCompactNothing(t *testing.T, s blob.Compacter) {
	r := &Register{}
	ids := fill(t, s, r, 64)
	for _, id := range ids[:60] {
		r.Disown(id) // the day is not over
	}
	rep := Compact(t, s, r)
	for i, id := range ids {
		Want(t, s, id, Content(uint64(i), sizes(i)))
	}
	if rep.Buried+rep.Unknown != 0 || rep.Freed != 0 {
		t.Errorf("got %+v", rep)
	}
}

func testUnknownContents(t *testing.T, s blob.Compacter) {
	r, other := &Register{}, &Register{}
	ids := fill(t, s, other, 64) // r knows none of them
	if rep := Compact(t, s, r); rep.Unknown == 0 || rep.Buried > 0 {
		t.Errorf("first: got %+v", rep)
	}
	r.Own(ids[1], sizes(1)) // its commit comes late
	r.Day()
	if rep := Compact(t, s, r); rep.Unknown != 0 || rep.Buried == 0 {
		t.Errorf("a day later: got %+v", rep)
	}
	Want(t, s, ids[1], Content(1, sizes(1)))
	for i, id := range ids {
		if r.Buried(id) {
			gone(t, s, id)
		} else {
			Want(t, s, id, Content(uint64(i), sizes(i)))
		}
	}
}

func testRevived(t *testing.T, s blob.Compacter) {
	r := &Register{}
	ids := fill(t, s, r, 64)
	for _, id := range ids {
		r.Disown(id)
	}
	r.Day()
	r.Deny = func(id blob.ID) bool { return true }
	if rep, err := s.Compact(t.Context(), r, 0); !errors.Is(err, blob.ErrAlive) || rep.Freed > 0 {
		t.Errorf("got %+v, %v, want ErrAlive", rep, err)
	}
	for i, id := range ids {
		Want(t, s, id, Content(uint64(i), sizes(i)))
	}
	r.Deny = nil
	if rep := Compact(t, s, r); rep.Buried == 0 {
		t.Errorf("then: got %+v", rep)
	}
}

func testCompactOpen(t *testing.T, s blob.Compacter) {
	r := &Register{}
	ids := fill(t, s, r, 64)
	open := make([]blob.Content, len(ids))
	for i, id := range ids {
		c, err := s.Open(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open[i] = c
		r.Disown(id)
	}
	r.Day()
	if rep := Compact(t, s, r); rep.Buried == 0 {
		t.Errorf("got %+v", rep)
	}
	for i, c := range open {
		b := make([]byte, c.Size())
		if n, err := c.ReadAt(b, 0); n < len(b) || !bytes.Equal(b, Content(uint64(i), sizes(i))) {
			t.Errorf("content %d: read %d octets, %v", i, n, err)
		}
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	}
}

func testCompactBusy(t *testing.T, s blob.Compacter) {
	r := &Register{}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var puts atomic.Int64
	var day sync.RWMutex // no day is over between a content and its reference
	for w := range 4 {
		wg.Go(func() {
			for i := w; ctx.Err() == nil; i += 4 {
				b := Content(uint64(i), sizes(i/4))
				day.RLock()
				id, err := s.Put(t.Context(), bytes.NewReader(b), int64(len(b)))
				r.Own(id, len(b))
				day.RUnlock()
				if err != nil {
					t.Errorf("put: %v", err)
					return
				}
				if got, err := Read(t.Context(), s, id); err != nil || !bytes.Equal(got, b) {
					t.Errorf("read %s: %v", id, err)
				}
				if i%3 > 0 {
					r.Disown(id)
				}
				puts.Add(1)
			}
		})
	}
	buried := 0
	for puts.Load() < 200 && !t.Failed() {
		buried += Compact(t, s, r).Buried
		day.Lock()
		r.Day()
		day.Unlock()
	}
	stop()
	wg.Wait()
	if buried == 0 {
		t.Error("nothing was buried")
	}
}

func testCompactContext(t *testing.T, s blob.Compacter) {
	r := &Register{}
	ids := fill(t, s, r, 16)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Compact(ctx, r, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	for i, id := range ids {
		Want(t, s, id, Content(uint64(i), sizes(i)))
	}
}
