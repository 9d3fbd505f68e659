package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/blob/blobtest"
	"gatepost/internal/blob/s3/s3test"
)

// A bucket is one in memory, served.
type bucket struct {
	*s3test.Server
	url string
}

func newBucket(t *testing.T) bucket {
	t.Helper()
	s := s3test.New("mail")
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return bucket{s, web.URL}
}

// config is one that fits the bucket; prefix keeps tests apart.
func (b bucket) config(t *testing.T, prefix string, node uint32) Config {
	return Config{
		Endpoint: b.url, Region: s3test.Region, Bucket: "mail", Prefix: prefix, PathStyle: true, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey,
		Node: node, Owner: "these rows", Dir: t.TempDir(), Cache: 64 << 20, Gather: time.Millisecond,
		wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func openStore(t *testing.T, c Config) *Store {
	t.Helper()
	s, away, err := Open(t.Context(), c)
	if err != nil || away != nil {
		t.Fatalf("open: %v, %v", err, away)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestContract(t *testing.T) {
	b := newBucket(t)
	contract(t, b)
	t.Run("without a cache", func(t *testing.T) {
		var prefixes prefixes
		blobtest.Run(t, func(t *testing.T) blob.Store {
			c := b.config(t, "bare-"+prefixes.next(), 1)
			c.Cache = 0
			return openStore(t, c)
		})
	})
}

// prefixes keep the stores of one bucket apart.
type prefixes struct{ n atomic.Int64 }

func (p *prefixes) next() string { return fmt.Sprintf("p%d/", p.n.Add(1)) }

func contract(t *testing.T, b bucket) {
	var prefixes prefixes
	open := func(t *testing.T) *Store { return openStore(t, b.config(t, prefixes.next(), 1)) }
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t) })
	blobtest.RunCompacter(t, func(t *testing.T) blob.Compacter { return open(t) })
}

// Contents that come together are packed into one object.
func TestPacked(t *testing.T) {
	b := newBucket(t)
	c := b.config(t, "", 1)
	c.Gather = 200 * time.Millisecond
	s := openStore(t, c)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { blobtest.Put(t, s, blobtest.Content(uint64(i), 1000)) })
	}
	wg.Wait()
	if n := len(b.Keys()) - 1; n > 10 { // the owner's apart; the machine may be slow
		t.Errorf("50 contents are in %d objects", n)
	}
}

// What one node puts the other reads, and names never clash.
func TestTwoNodes(t *testing.T) {
	b := newBucket(t)
	one, two := openStore(t, b.config(t, "a/", 1)), openStore(t, b.config(t, "a/", 2))
	for i, size := range []int{0, 10, 3 << 20} {
		want := blobtest.Content(uint64(i), size)
		blobtest.Want(t, two, blobtest.Put(t, one, want), want)
		blobtest.Want(t, one, blobtest.Put(t, two, want), want)
	}
	other := b.config(t, "a/", 3)
	other.Owner = "other rows"
	if _, _, err := Open(t.Context(), other); !errors.Is(err, ErrOwner) {
		t.Errorf("another database: got %v, want ErrOwner", err)
	}
}

// The living of an object that is half dead are read after it has been copied, and after its copy has
// been, on a node that has not seen it.
func TestRewrite(t *testing.T) { rewrite(t, newBucket(t)) }

func rewrite(t *testing.T, b bucket) {
	c := b.config(t, "rewrite/", 1)
	c.Gather = 200 * time.Millisecond
	s := openStore(t, c)
	other := openStore(t, b.config(t, "rewrite/", 2))
	ids := make([]blob.ID, 40)
	r := &blobtest.Register{}
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			ids[i] = blobtest.Put(t, s, blobtest.Content(uint64(i), i*100))
			r.Own(ids[i], i*100)
		})
	}
	wg.Wait()
	moved := int64(0)
	for _, alive := range []int{15, 5, 1, 0} {
		for _, id := range ids[alive:] {
			if !r.Buried(id) {
				r.Disown(id)
			}
		}
		r.Day()
		moved += blobtest.Compact(t, s, r).Moved
		for i, id := range ids {
			other.cache.dropContent(mustParse(t, id))
			if _, err := other.Open(t.Context(), id); r.Buried(id) {
				if !errors.Is(err, blob.ErrNotFound) {
					t.Errorf("of %d alive: content %d is buried: %v", alive, i, err)
				}
				continue
			}
			blobtest.Want(t, other, id, blobtest.Content(uint64(i), i*100))
			blobtest.Want(t, s, id, blobtest.Content(uint64(i), i*100))
		}
	}
	if left, err := s.client.list(t.Context(), contentKeys, ""); moved == 0 || len(left) > 0 || err != nil {
		t.Errorf("%d octets were moved; left: %v, %v", moved, left, err)
	}
}

// Two nodes that compact at once, since one has lost its lease and does not know yet, lose nothing that lives:
// the second begins when the first has made a copy and is about to remove the object.
func TestCompactedByTwo(t *testing.T) {
	b := newBucket(t)
	c := b.config(t, "", 1)
	c.Gather = 200 * time.Millisecond
	s, other, reader := openStore(t, c), openStore(t, b.config(t, "", 2)), openStore(t, b.config(t, "", 3))
	r := &blobtest.Register{}
	var ids [2]blob.ID
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			ids[i] = blobtest.Put(t, s, blobtest.Content(uint64(i), 1000))
			r.Own(ids[i], 1000)
		})
	}
	wg.Wait()
	if mustParse(t, ids[0]).name != mustParse(t, ids[1]).name {
		t.Skip("the machine is too slow to have both in one object")
	}
	r.Disown(ids[0])
	r.Day()
	var once atomic.Bool
	between := func(q *http.Request) int {
		if q.Method == http.MethodDelete && once.CompareAndSwap(false, true) {
			if _, err := other.Compact(t.Context(), r, 0); err != nil {
				t.Errorf("the second: %v", err)
			}
		}
		return 0
	}
	b.Fail.Store(&between)
	if _, err := s.Compact(t.Context(), r, 0); err != nil || !once.Load() {
		t.Fatalf("the first: %v; the second was begun: %t", err, once.Load())
	}
	blobtest.Want(t, reader, ids[1], blobtest.Content(1, 1000))
}

// Who does the next compaction reads no object again whose contents have been met, on another node either, until
// a month has gone by.
func TestMetOnce(t *testing.T) {
	b := newBucket(t)
	c := b.config(t, "", 1)
	old := time.Now().Add(-48 * time.Hour)
	c.Now = func() time.Time { return old }
	s := openStore(t, c)
	r := &blobtest.Register{}
	for i := range 5 {
		r.Own(blobtest.Put(t, s, blobtest.Content(uint64(i), 100)), 100)
	}
	for i, step := range []struct {
		after time.Duration
		reads int64
	}{{0, 5}, {0, 1}, {metAnew, 6}} { // what was met is one object, too
		now := time.Now().Add(step.after)
		c := b.config(t, "", uint32(2+i))
		c.Now = func() time.Time { return now }
		s := openStore(t, c)
		before := b.Count(http.MethodGet)
		blobtest.Compact(t, s, r)
		if got := b.Count(http.MethodGet) - before - 2; got != step.reads { // two lists
			t.Errorf("compaction %d: %d reads, want %d", i, got, step.reads)
		}
	}
}

func mustParse(t *testing.T, id blob.ID) place {
	t.Helper()
	p, err := parseID(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is in the cache is read while S3 is away; what is not is ErrAway, soon; and all is well when it
// is back.
func TestAway(t *testing.T) {
	b := newBucket(t)
	c := b.config(t, "", 1)
	s := openStore(t, c)
	other := openStore(t, b.config(t, "", 2))
	cached := blobtest.Put(t, s, []byte("cached"))
	far := blobtest.Put(t, other, []byte("elsewhere"))
	down := func(*http.Request) int { return http.StatusServiceUnavailable }
	b.Fail.Store(&down)
	for range 3 {
		if _, err := s.Put(t.Context(), strings.NewReader("x"), 1); !errors.Is(err, blob.ErrAway) {
			t.Errorf("put: got %v, want ErrAway", err)
		}
	}
	if err := s.Err(); !errors.Is(err, blob.ErrAway) || !strings.Contains(err.Error(), `bucket "mail"`) {
		t.Errorf("health: got %v", err)
	}
	blobtest.Want(t, s, cached, []byte("cached"))
	before := b.Count(http.MethodGet)
	if _, err := s.Open(t.Context(), far); !errors.Is(err, blob.ErrAway) {
		t.Errorf("open: got %v, want ErrAway", err)
	}
	if n := b.Count(http.MethodGet); n != before {
		t.Errorf("%d requests in spite of the breaker", n-before)
	}
	b.Fail.Store(nil)
	s.client.ping(t.Context())
	if err := s.Err(); err != nil {
		t.Errorf("when it is back: %v", err)
	}
	blobtest.Want(t, s, far, []byte("elsewhere"))
	blobtest.Want(t, s, blobtest.Put(t, s, []byte("x")), []byte("x"))
}

// A node starts while S3 is away, and keeps its cache over a restart.
func TestStartAway(t *testing.T) {
	b := newBucket(t)
	c := b.config(t, "", 1)
	s := openStore(t, c)
	id := blobtest.Put(t, s, []byte("kept"))
	s.Close()
	down := func(*http.Request) int { return http.StatusInternalServerError }
	b.Fail.Store(&down)
	again, away, err := Open(t.Context(), c)
	if err != nil || !errors.Is(away, blob.ErrAway) {
		t.Fatalf("got %v, %v", away, err)
	}
	defer again.Close()
	blobtest.Want(t, again, id, []byte("kept"))
}

// A request that fails is made again.
func TestTries(t *testing.T) {
	b := newBucket(t)
	s := openStore(t, b.config(t, "", 1))
	var n atomic.Int64
	flaky := func(*http.Request) int {
		if n.Add(1)%2 == 1 {
			return http.StatusInternalServerError
		}
		return 0
	}
	b.Fail.Store(&flaky)
	for i, size := range []int{100, 2 << 20} {
		want := blobtest.Content(uint64(i), size)
		id := blobtest.Put(t, s, want)
		s.cache.dropContent(mustParse(t, id))
		blobtest.Want(t, s, id, want)
	}
}

// What is not what was put is never handed out, be it in S3 or in the cache.
func TestDamaged(t *testing.T) {
	b := newBucket(t)
	s := openStore(t, b.config(t, "", 1))
	small, large := blobtest.Put(t, s, []byte("sound")), blobtest.Put(t, s, blobtest.Content(1, 3<<20))
	var told []blob.ID
	damaged := func(id blob.ID, _ error) { told = append(told, id) }
	if n, err := s.Check(t.Context(), damaged); n != 2 || err != nil || len(told) > 0 {
		t.Fatalf("check: %d whole, %v, %q", n, err, told)
	}
	for _, id := range []blob.ID{small, large} {
		s.cache.dropContent(mustParse(t, id))
		b.Change(contentKeys+string(id[:nameSize]), func(o []byte) []byte { o[1] ^= 1; return o })
	}
	for _, id := range []blob.ID{small, large} {
		if _, err := blobtest.Read(t.Context(), s, id); !errors.Is(err, blob.ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", id, err)
		}
	}
	if n, err := s.Check(t.Context(), damaged); n != 0 || err != nil || len(told) != 2 {
		t.Errorf("check: %d whole, %v, %q", n, err, told)
	}
	id := blobtest.Put(t, s, []byte("in the cache"))
	s.cache.put(partName(id, 0), nil)
	p := mustParse(t, id)
	s.cache.dropContent(p)
	s.cache.put(partName(id, 0), []byte("in_the_cache"))
	blobtest.Want(t, s, id, []byte("in the cache"))
}

// The cache keeps within its bound, and what was used last.
func TestCacheBound(t *testing.T) {
	b := newBucket(t)
	c := b.config(t, "", 1)
	c.Cache = 10_000
	s := openStore(t, c)
	first := blobtest.Put(t, s, make([]byte, 1000))
	for i := range 30 {
		blobtest.Put(t, s, blobtest.Content(uint64(i), 1000))
		blobtest.Want(t, s, first, make([]byte, 1000))
	}
	u := s.Usage()
	if u.CacheOctets > c.Cache || u.CacheFiles != 10 || u.Misses != 0 {
		t.Errorf("got %+v", u)
	}
	again, err := openCache(s.cache.dir, 5000)
	if err != nil {
		t.Fatal(err)
	}
	if _, octets := again.used(); octets > 5000 {
		t.Errorf("opened again, smaller: %d octets", octets)
	}
}

// What is wrong with the settings is said in words that tell what to do.
func TestProbe(t *testing.T) {
	b := newBucket(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"all is well", func(*Config) {}, ""},
		{"no such bucket", func(c *Config) { c.Bucket = "post" }, "no such bucket: make it"},
		{"unknown key", func(c *Config) { c.AccessKey = "AKIDOTHER" }, "the access key is not known there"},
		{"wrong secret", func(c *Config) { c.SecretKey = "wrong" }, "the secret key is wrong"},
		{"wrong region", func(c *Config) { c.Region = "us-east-1" }, "another region"},
		{"nobody there", func(c *Config) { c.Endpoint = gone.URL }, gone.URL + " does not answer"},
		{"no address", func(c *Config) { c.Endpoint = "s3.example.org" }, "no address such as"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := b.config(t, "x/", 1)
			c.change(&cfg)
			err := Probe(t.Context(), cfg)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if left := b.Keys(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// FuzzIndex: whatever an object ends with, its index is read within bounds.
func FuzzIndex(f *testing.F) {
	name := nameOf(1, 1)
	f.Add(appendIndex([]byte("content"), []entry{{place{name, 0, 7, 1}, 0}}))
	f.Add(appendIndex(nil, nil))
	f.Fuzz(func(t *testing.T, tail []byte) {
		list, _, err := parseIndex(name, tail)
		if err != nil {
			return
		}
		for _, e := range list {
			if p, err := parseID(e.id()); err != nil || p != e.place {
				t.Fatalf("%+v: read back %+v, %v", e.place, p, err)
			}
		}
		if again := appendIndex(nil, list); len(list) > 0 && !bytes.Equal(again[len(again)-footSize:len(again)-8], tail[len(tail)-footSize:len(tail)-8]) {
			t.Fatal("written again it is another")
		}
	})
}
