package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/blob/blobtest"
)

// A scene is a store with a register over a disk. The register outlives the disk's
// power, as the rows do.
type scene struct {
	t     *testing.T
	s     *Store
	r     *blobtest.Register
	acked map[blob.ID][]byte // what must be there
	close func()
}

func newScene(t *testing.T, fsys FS, opt Options, r *blobtest.Register) *scene {
	t.Helper()
	s, rec, err := Open(fsys, opt)
	if err != nil || len(rec.Damaged) > 0 {
		t.Fatalf("open: %v, found damaged: %v", err, rec.Damaged)
	}
	s.chunk = 700
	c := &scene{t, s, r, map[blob.ID][]byte{}, sync.OnceFunc(func() { s.Close() })}
	t.Cleanup(c.close)
	return c
}

// put puts and owns a content. It returns false where the power is out.
func (c *scene) put(seed uint64, size int) bool {
	b := blobtest.Content(seed, size)
	id, err := c.s.Put(c.t.Context(), bytes.NewReader(b), int64(size))
	if err != nil {
		return false
	}
	c.r.Own(id, size)
	c.acked[id] = b
	return true
}

// kill ends those of the contents whose place in the order of ids which wants.
func (c *scene) kill(which func(int) bool) {
	for i, id := range slices.Sorted(maps.Keys(c.acked)) {
		if which(i) {
			c.r.Disown(id)
			delete(c.acked, id)
		}
	}
	c.r.Day()
}

// script fills a log, kills most of it and compacts it twice, with puts in between.
func (c *scene) script() {
	for i := range 40 {
		if !c.put(uint64(i), []int{100, 900, 30, 2000, 400}[i%5]) {
			return
		}
	}
	c.kill(func(i int) bool { return i%10 < 6 })
	c.s.Compact(c.t.Context(), c.r, 0)
	for i := range 10 {
		if !c.put(uint64(100+i), 600) {
			return
		}
	}
	c.kill(func(i int) bool { return i%2 == 0 })
	c.s.Compact(c.t.Context(), c.r, 0)
	c.put(200, 10)
}

// The power is cut at every single step of filling, compacting, and compacting again:
// all that is alive is there, nothing is damaged, and compaction goes on.
func TestCompactionCutAnywhere(t *testing.T) {
	opt := Options{MaxSegment: 4 << 10}
	whole := newDisk(1)
	c := newScene(t, whole, opt, &blobtest.Register{})
	c.script()
	sound(t, c.s, c.acked)
	c.close()
	for _, what := range []string{"rename", "remove"} {
		if !slices.ContainsFunc(whole.trace, func(s string) bool { return s[:6] == what }) {
			t.Fatalf("no %s was done: the test tests too little", what)
		}
	}
	for step := range whole.trace {
		for seed := range uint64(3) {
			d := newDisk(seed)
			d.powerFor = step
			r := &blobtest.Register{}
			c := newScene(t, d, opt, r)
			c.script()
			c.close()
			d = d.afterCut()
			after := newScene(t, d, opt, r)
			sound(t, after.s, c.acked)
			for range 2 { // what was left over is met, and goes
				blobtest.Compact(t, after.s, r)
				sound(t, after.s, c.acked)
				r.Day()
			}
			for id := range c.acked {
				r.Disown(id)
			}
			r.Day()
			blobtest.Compact(t, after.s, r)
			after.close()
			// The tail, and parts of a list in it that nobody was told of.
			if n := len(after.s.log.files.numbers()); n > 2 {
				t.Errorf("%d segments are left of nothing", n)
			}
			if t.Failed() {
				t.Fatalf("step %d (%s), seed %d", step, whole.trace[step], seed)
			}
		}
	}
}

// Power cuts while many put, read and die, and a compaction runs.
func TestCompactionStorm(t *testing.T) {
	moved := int64(0)
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 7))
		d, r, acked := newDisk(seed), &blobtest.Register{}, map[blob.ID][]byte{}
		for range 4 {
			c := newScene(t, d, small, r)
			d.mu.Lock()
			d.powerFor = 20 + rng.IntN(300)
			d.mu.Unlock()
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for ctx.Err() == nil {
					rep, _ := c.s.Compact(ctx, r, 0)
					moved += rep.Moved
				}
			}()
			storm(t, c.s, rng.Uint64(), c.acked)
			stop()
			<-done
			c.close()
			for id, b := range c.acked {
				r.Own(id, len(b))
			}
			maps.Copy(acked, c.acked)
			d = d.afterCut()
			c = newScene(t, d, small, r)
			sound(t, c.s, acked)
			c.acked = acked
			c.kill(func(int) bool { return rng.IntN(3) > 0 })
			if rng.IntN(3) == 0 { // else the next storm meets it
				blobtest.Compact(t, c.s, r)
			}
			sound(t, c.s, acked)
			c.close()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
	if moved == 0 {
		t.Error("no storm met a compaction at work: the test tests too little")
	}
}

// A disk that fills while a segment is rewritten: nothing is changed, nothing is left
// behind, and it is done when there is room.
func TestCompactionOnFullDisk(t *testing.T) {
	for _, lies := range []bool{false, true} {
		t.Run(fmt.Sprintf("met=%v", lies), func(t *testing.T) {
			d := newDisk(1)
			d.lies = lies
			c := newScene(t, d, Options{MaxSegment: 8 << 10, MinFree: 2000}, &blobtest.Register{})
			for i := range 20 {
				c.put(uint64(i), 1000)
			}
			c.kill(func(i int) bool { return i%4 > 0 })
			if err := c.s.log.Turn(t.Context()); err != nil { // no zeros stand behind the tail that give room when they go
				t.Fatal(err)
			}
			d.mu.Lock()
			d.space = d.used() + 500
			d.mu.Unlock()
			if _, err := c.s.Compact(t.Context(), c.r, 0); !errors.Is(err, blob.ErrFull) {
				t.Errorf("got %v, want ErrFull", err)
			}
			if list, _ := d.List(); slices.ContainsFunc(list, func(n string) bool { return strings.HasSuffix(n, unfinished) }) {
				t.Errorf("files: %q", list)
			}
			sound(t, c.s, c.acked)
			if c.s.Err() != nil {
				t.Error(c.s.Err())
			}
			d.mu.Lock()
			d.space += 8000
			d.mu.Unlock()
			if rep := blobtest.Compact(t, c.s, c.r); rep.Freed == 0 {
				t.Errorf("got %+v", rep)
			}
			sound(t, c.s, c.acked)
			if !c.put(99, 100) {
				t.Error("nothing is taken any more")
			}
		})
	}
}

// What is copied is what was put, or nothing is done, and that is told once. A second read
// that is right will do.
func TestCompactionCopiesNoDamage(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong int // reads of the record that come back wrong
		files int
	}{{"always", 1 << 30, 1}, {"once", 1, 2}} {
		t.Run(c.name, func(t *testing.T) {
			d, r := newDisk(1), &blobtest.Register{}
			fsys := &lying{FS: d}
			sc := newScene(t, fsys, Options{MaxSegment: 20_000}, r)
			for i := range 40 {
				sc.put(uint64(i), 600)
			}
			sc.kill(func(i int) bool { return i%4 > 0 })
			fsys.wrong, fsys.at = c.wrong, int64(headerSize+600)*4+headerSize+300
			if rep, err := sc.s.Compact(t.Context(), r, 0); rep.Files != c.files || errors.Is(err, blob.ErrDamaged) != (c.files == 1) {
				t.Errorf("got %+v, %v", rep, err)
			}
			if rep, err := sc.s.Compact(t.Context(), r, 0); rep.Files+rep.Unknown > 0 || err != nil {
				t.Errorf("then: got %+v, %v", rep, err)
			}
			fsys.wrong = 0
			sound(t, sc.s, sc.acked)
		})
	}
}

// A lying FS hands out a wrong octet at some place of the first segment.
type lying struct {
	FS
	at    int64
	wrong int // times
}

func (l *lying) Create(name string) (File, error) {
	f, err := l.FS.Create(name)
	if err == nil && name == "00000001.seg" {
		f = lyingFile{f, l}
	}
	return f, err
}

type lyingFile struct {
	File
	l *lying
}

func (f lyingFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	if i := f.l.at - off; i >= 0 && i < int64(n) && f.l.wrong > 0 {
		f.l.wrong--
		b[i] ^= 1
	}
	return n, err
}

// The segment that is being written is ended for a compaction when it is big, or when
// the disk is short.
func TestCompactionTurns(t *testing.T) {
	for _, c := range []struct {
		name  string
		size  int
		short bool
		want  bool
	}{
		{"big", 200 << 10, false, true},
		{"not big", 60 << 10, false, false},
		{"not big, disk short", 60 << 10, true, true},
		{"small, disk short", 10 << 10, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDisk(1)
			sc := newScene(t, d, Options{MaxSegment: 1 << 20, MinFree: 1 << 20}, &blobtest.Register{})
			sc.s.chunk = chunkSize
			sc.put(1, c.size)
			sc.put(2, c.size/2)
			sc.kill(func(i int) bool { return i == 0 })
			d.mu.Lock()
			if c.short {
				d.space = d.used() + 800<<10
			}
			d.mu.Unlock()
			rep := blobtest.Compact(t, sc.s, sc.r)
			if (rep.Files == 1) != c.want || (rep.Freed > int64(c.size/2)) != c.want {
				t.Errorf("got %+v", rep)
			}
			sound(t, sc.s, sc.acked)
		})
	}
}

// The parts of a content that is being put belong to it before it has a name, in
// whatever segment they are; those of a reader that failed are nobody's.
func TestCompactionKnowsWhoseThePartsAre(t *testing.T) {
	c := newScene(t, newDisk(1), Options{MaxSegment: 2000}, &blobtest.Register{})
	b := blobtest.Content(1, 10*700)
	for _, fails := range []bool{false, true} {
		r, w := io.Pipe()
		result := make(chan blob.ID, 1)
		go func() {
			id, _ := c.s.Put(t.Context(), r, int64(len(b)))
			result <- id
		}()
		w.Write(b[:len(b)-700])
		for i := range 8 { // the segments of the parts are full by now
			c.put(uint64(i), 700)
		}
		c.kill(func(int) bool { return true })
		blobtest.Compact(t, c.s, c.r)
		blobtest.Compact(t, c.s, c.r) // has seen the tail before the list is there
		if fails {
			w.CloseWithError(errors.New("boom"))
			<-result
			for i := range 8 {
				c.put(uint64(i), 700)
			}
			c.kill(func(int) bool { return true })
			blobtest.Compact(t, c.s, c.r)
			if n := len(c.s.log.files.numbers()); n > 1 {
				t.Errorf("the parts of nobody hold %d segments", n)
			}
			break
		}
		w.Write(b[len(b)-700:])
		id := <-result
		blobtest.Want(t, c.s, id, b)
		c.r.Own(id, len(b))
		blobtest.Compact(t, c.s, c.r)
		blobtest.Want(t, c.s, id, b)
		c.acked[id] = b
	}
}

// More is copied than a second allows, so as many seconds are waited.
func TestPace(t *testing.T) {
	var waited time.Duration
	p := pace{rate: 1000, wait: func(_ context.Context, d time.Duration) error { waited += d; return nil }}
	for range 1000 {
		if err := p.spend(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
	}
	if waited+p.owed < 4990*time.Millisecond || waited+p.owed > 5010*time.Millisecond || p.owed >= minWait {
		t.Errorf("waited %s, owed %s", waited, p.owed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&pace{rate: 1, wait: wait}).spend(ctx, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// gated counts the octets that rewriting writes, and lets none through while the gate is
// locked.
type gated struct {
	FS
	octets *atomic.Int64
	gate   *sync.Mutex
}

func (g gated) Create(name string) (File, error) {
	f, err := g.FS.Create(name)
	if err == nil && strings.HasSuffix(name, unfinished) {
		f = gatedFile{f, g}
	}
	return f, err
}

type gatedFile struct {
	File
	gated
}

func (f gatedFile) WriteAt(b []byte, off int64) (int, error) {
	f.gate.Lock()
	defer f.gate.Unlock()
	f.octets.Add(int64(len(b)))
	return f.File.WriteAt(b, off)
}

// BenchmarkPutWhileCompacting puts 50 KiB messages from 10 writers, in turn with a
// compaction at work and without, and reports the ratio of the rates.
func BenchmarkPutWhileCompacting(b *testing.B) {
	for name, rate := range map[string]int64{"8MiB": 8 << 20, "16MiB": 16 << 20, "unbounded": 0} {
		b.Run(name, func(b *testing.B) { benchmarkCompacting(b, rate) })
	}
}

func benchmarkCompacting(b *testing.B, rate int64) {
	fsys, err := OS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	var moved atomic.Int64
	var gate sync.Mutex
	s, _, err := Open(gated{fsys, &moved, &gate}, Options{MaxSegment: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	r := &blobtest.Register{}
	content := blobtest.Content(1, 50<<10)
	put := func(n int, live func(int) bool) {
		for i := range n {
			id, err := s.Put(b.Context(), bytes.NewReader(content), int64(len(content)))
			if err != nil {
				b.Error(err)
				return
			}
			if r.Own(id, len(content)); !live(i) {
				r.Disown(id)
			}
		}
	}
	const writers, slice = 10, 500
	puts := func() time.Duration {
		begin := time.Now()
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() { put(slice/writers, func(int) bool { return true }) })
		}
		wg.Wait()
		return time.Since(begin)
	}
	put(10_000, func(i int) bool { return i%5 < 2 })        // 500 MB, three fifths of them dead
	if _, err := s.Compact(b.Context(), r, 0); err != nil { // reads all headers
		b.Fatal(err)
	}
	r.Day()
	gate.Lock()
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Compact(ctx, r, rate)
	}()
	var alone, beside time.Duration
	b.ResetTimer()
	for range b.N {
		alone += puts()
		gate.Unlock()
		beside += puts()
		gate.Lock()
	}
	b.StopTimer()
	gate.Unlock()
	stop()
	<-done
	b.ReportMetric(alone.Seconds()/beside.Seconds(), "ratio")
	b.ReportMetric(float64(b.N)*slice/beside.Seconds(), "msg/s")
	b.ReportMetric(float64(moved.Load())/1e6/beside.Seconds(), "MB-moved/s")
}
