// Package blobtest holds the contract of blob.Store as tests. Each implementation
// runs them over its own stores:
//
//	func TestContract(t *testing.T) { blobtest.Run(t, open) }
//
// What only the implementation can show (crashes, failing syncs, full disks)
// is tested beside it.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"gatepost/internal/blob"
)

// Run runs the contract. open returns a new, empty store and sees to its end.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, blob.Store)
	}{
		{"what was put is read", testRoundTrip},
		{"ids are short, distinct and in order", testIDs},
		{"many put at once", testConcurrent},
		{"read at any offset", testReadAt},
		{"many read one content", testShared},
		{"unknown ids", testUnknown},
		{"a reader that fails stores nothing", testBadReader},
		{"no more is read than was announced", testLongReader},
		{"an ended context", testContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// Content returns size octets that depend on seed.
func Content(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	r.Read(b)
	return b
}

// Put puts b, and ends the test when that fails.
func Put(t *testing.T, s blob.Store, b []byte) blob.ID {
	t.Helper()
	id, err := s.Put(t.Context(), bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("put %d octets: %v", len(b), err)
	}
	return id
}

// Want compares a content with want.
func Want(t *testing.T, s blob.Store, id blob.ID, want []byte) {
	t.Helper()
	got, err := Read(t.Context(), s, id)
	if err != nil {
		t.Errorf("read %s: %v", id, err)
	} else if !bytes.Equal(got, want) {
		t.Errorf("read %s: got %d octets that differ from the %d put", id, len(got), len(want))
	}
}

// Read returns a content whole.
func Read(ctx context.Context, s blob.Store, id blob.ID) ([]byte, error) {
	c, err := s.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	b := make([]byte, c.Size())
	if n, err := c.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("read %d of %d octets: %w", n, len(b), err)
	}
	return b, nil
}

func testRoundTrip(t *testing.T, s blob.Store) {
	ids := map[int]blob.ID{}
	sizes := []int{0, 1, 39, 40, 4095, 4096, 70_000, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 17}
	for i, n := range sizes {
		ids[n] = Put(t, s, Content(uint64(i), n))
	}
	for i, n := range sizes {
		Want(t, s, ids[n], Content(uint64(i), n))
	}
}

func testIDs(t *testing.T, s blob.Store) {
	last := blob.ID("")
	for _, n := range []int{10, 10, 2 << 20, 0, 10} {
		id := Put(t, s, Content(1, n))
		if id <= last {
			t.Errorf("%q was put after %q and sorts before it", id, last)
		}
		odd := strings.IndexFunc(string(id), func(r rune) bool { return r <= ' ' || r > '~' })
		if id == "" || len(id) > 40 || odd >= 0 {
			t.Errorf("id %q is not 1 to 40 octets of printable ASCII", id)
		}
		last = id
	}
}

func testConcurrent(t *testing.T, s blob.Store) {
	const writers, each = 16, 12
	var ids [writers][each]blob.ID
	content := func(w, i int) []byte { return Content(uint64(w*each+i), (w*each+i)*97) }
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				b := content(w, i)
				id, err := s.Put(t.Context(), bytes.NewReader(b), int64(len(b)))
				if err != nil {
					t.Errorf("put: %v", err)
				}
				ids[w][i] = id
			}
		})
	}
	wg.Wait()
	seen := map[blob.ID]bool{}
	for w := range writers {
		for i := range each {
			if seen[ids[w][i]] {
				t.Errorf("two contents have the id %s", ids[w][i])
			}
			seen[ids[w][i]] = true
			Want(t, s, ids[w][i], content(w, i))
		}
	}
}

func testReadAt(t *testing.T, s blob.Store) {
	for _, n := range []int{0, 100, 5<<19 + 3} {
		want := Content(7, n)
		c, err := s.Open(t.Context(), Put(t, s, want))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if c.Size() != int64(n) {
			t.Errorf("size: got %d, want %d", c.Size(), n)
		}
		from := max(0, min(n, 1<<20)-50) // implementations split where it is round
		to := min(n, from+100)
		if err := iotest.TestReader(io.NewSectionReader(c, int64(from), int64(to-from)), want[from:to]); err != nil {
			t.Errorf("octets %d to %d of %d: %v", from, to, n, err)
		}
		var b [10]byte
		if got, err := c.ReadAt(b[:], int64(n)-4); n > 4 && (got != 4 || err != io.EOF || !bytes.Equal(b[:4], want[n-4:])) {
			t.Errorf("across the end of %d octets: got %d, %v", n, got, err)
		}
		if got, err := c.ReadAt(b[:], int64(n)+1); got != 0 || err != io.EOF {
			t.Errorf("behind the end of %d octets: got %d, %v", n, got, err)
		}
		if _, err := c.ReadAt(b[:], -1); err == nil || err == io.EOF {
			t.Errorf("at -1: got %v", err)
		}
	}
}

func testShared(t *testing.T, s blob.Store) {
	want := Content(3, 3<<20)
	c, err := s.Open(t.Context(), Put(t, s, want))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 40 {
				off := (w*7919 + i*104729) % (len(want) - 5000)
				b := make([]byte, 5000)
				if _, err := c.ReadAt(b, int64(off)); err != nil || !bytes.Equal(b, want[off:off+len(b)]) {
					t.Errorf("5000 octets at %d: wrong, %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

func testUnknown(t *testing.T, s blob.Store) {
	id := Put(t, s, []byte("known"))
	for _, bad := range []blob.ID{"", "nope", "../../etc/passwd", id + "0", blob.ID(strings.Repeat("f", len(id)))} {
		if _, err := s.Open(t.Context(), bad); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("open %q: got %v, want ErrNotFound", bad, err)
		}
	}
}

func testBadReader(t *testing.T, s blob.Store) {
	boom := errors.New("boom")
	before := Put(t, s, []byte("before"))
	for _, size := range []int64{500, 2<<20 + 500} {
		part := io.LimitReader(rand.NewChaCha8([32]byte{}), size-200)
		if id, err := s.Put(t.Context(), io.MultiReader(part, iotest.ErrReader(boom)), size); !errors.Is(err, boom) || id != "" {
			t.Errorf("reader that fails at %d: got %q, %v", size-200, id, err)
		}
		if id, err := s.Put(t.Context(), strings.NewReader("short"), size); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) || id != "" {
			t.Errorf("reader of 5 octets instead of %d: got %q, %v", size, id, err)
		}
	}
	if id, err := s.Put(t.Context(), strings.NewReader("x"), -1); err == nil {
		t.Errorf("put of -1 octets: got %q", id)
	}
	Want(t, s, before, []byte("before"))
	Want(t, s, Put(t, s, []byte("after")), []byte("after"))
}

func testLongReader(t *testing.T, s blob.Store) {
	r := strings.NewReader("wanted, and more")
	id, err := s.Put(t.Context(), r, 6)
	if err != nil {
		t.Fatal(err)
	}
	Want(t, s, id, []byte("wanted"))
	if rest, _ := io.ReadAll(r); string(rest) != ", and more" {
		t.Errorf("left in the reader: %q", rest)
	}
}

func testContext(t *testing.T, s blob.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // whichever of two ready channels a select takes
		if id, err := s.Put(ctx, strings.NewReader("late"), 4); !errors.Is(err, context.Canceled) || id != "" {
			t.Fatalf("put: got %q, %v, want context.Canceled", id, err)
		}
	}
	if _, err := s.Open(ctx, Put(t, s, []byte("x"))); !errors.Is(err, context.Canceled) {
		t.Errorf("open: got %v, want context.Canceled", err)
	}
}
