package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gatepost/internal/blob"
	"gatepost/internal/blob/blobtest"
)

// small makes segments roll and contents split often.
var small = Options{MaxSegment: 8 << 10}

func openStore(t *testing.T, fsys FS, opt Options) (*Store, Recovery) {
	t.Helper()
	s, rec, err := Open(fsys, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, rec
}

func openDir(t *testing.T, dir string) (*Store, Recovery) {
	t.Helper()
	fsys, err := OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	return openStore(t, fsys, Options{})
}

func TestContract(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) FS{
		"os": func(t *testing.T) FS {
			fsys, err := OS(filepath.Join(t.TempDir(), "blob"))
			if err != nil {
				t.Fatal(err)
			}
			return fsys
		},
		"memory": func(*testing.T) FS { return newDisk(1) },
	} {
		t.Run(name, func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) blob.Store {
				s, _ := openStore(t, open(t), Options{MaxSegment: 1 << 20})
				return s
			})
			blobtest.RunCompacter(t, func(t *testing.T) blob.Compacter {
				s, _ := openStore(t, open(t), Options{MaxSegment: 4 << 20})
				return s
			})
		})
	}
}

// storm puts random contents from several goroutines until one fails, and adds
// those that were acknowledged to acked.
func storm(t *testing.T, s *Store, seed uint64, acked map[blob.ID][]byte) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range uint64(6) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, w))
			for range 60 {
				b := blobtest.Content(rng.Uint64(), rng.IntN(1<<rng.IntN(12)+1))
				id, err := s.Put(t.Context(), bytes.NewReader(b), int64(len(b)))
				if err != nil {
					return
				}
				mu.Lock()
				if acked[id] != nil {
					t.Errorf("the id %s was given twice", id)
				}
				acked[id] = b
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// sound checks that all that was acknowledged is there, that nothing is
// damaged, and that the walk over ids meets each of them, in order.
func sound(t *testing.T, s *Store, acked map[blob.ID][]byte) {
	t.Helper()
	for id, b := range acked {
		blobtest.Want(t, s, id, b)
	}
	if _, err := s.Check(t.Context(), func(id blob.ID, err error) { t.Errorf("damaged: %s: %v", id, err) }); err != nil {
		t.Error(err)
	}
	var ids []blob.ID
	for id, err := range s.IDs(t.Context()) {
		if err != nil {
			t.Errorf("id %s: %v", id, err)
		}
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) {
		t.Error("ids are not walked in order")
	}
	for id := range acked {
		if _, ok := slices.BinarySearch(ids, id); !ok {
			t.Errorf("%s is not among the ids", id)
		}
	}
}

// Whatever a power cut does to what was not synced, all that was acknowledged
// is there, nothing is damaged, and the log goes on; three times on one disk.
func TestPowerCut(t *testing.T) {
	cuts, torn := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 99))
		d, acked := newDisk(seed), map[blob.ID][]byte{}
		for range 3 {
			s, rec, err := Open(d, small)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if len(rec.Damaged) > 0 {
				t.Errorf("seed %d: found damaged: %v", seed, rec.Damaged)
			}
			if rec.Cut > 0 {
				torn++
			}
			s.chunk = 700
			sound(t, s, acked)
			d.mu.Lock()
			d.powerFor = rng.IntN(160)
			d.mu.Unlock()
			storm(t, s, rng.Uint64(), acked)
			s.Close()
			cuts++
			d = d.afterCut()
		}
		s, _ := openStore(t, d, small)
		sound(t, s, acked)
		blobtest.Want(t, s, blobtest.Put(t, s, []byte("goes on")), []byte("goes on"))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if torn < cuts/20 {
		t.Errorf("%d of %d cuts left a torn tail: the test tests too little", torn, cuts)
	}
}

// After one failed sync nothing is taken any more, though the next would succeed.
func TestFailedSyncBreaksTheLog(t *testing.T) {
	d := newDisk(1)
	s, _ := openStore(t, d, Options{})
	id := blobtest.Put(t, s, []byte("before"))
	d.mu.Lock()
	d.syncErr = syscall.EIO
	d.mu.Unlock()
	for range 3 {
		if _, err := s.Put(t.Context(), strings.NewReader("lost"), 4); !errors.Is(err, blob.ErrBroken) || !errors.Is(err, syscall.EIO) {
			t.Errorf("put: got %v, want ErrBroken and its cause", err)
		}
	}
	if !errors.Is(s.Err(), blob.ErrBroken) {
		t.Errorf("Err: got %v", s.Err())
	}
	blobtest.Want(t, s, id, []byte("before"))
	s2, _ := openStore(t, d.afterCut(), Options{})
	sound(t, s2, map[blob.ID][]byte{id: []byte("before")})
	blobtest.Put(t, s2, []byte("after"))
}

// A directory whose sync failed may lose the segment that was made in it.
func TestFailedDirectorySyncBreaksTheLog(t *testing.T) {
	d := newDisk(1)
	s, _ := openStore(t, d, Options{})
	d.powerFor = 1 // the creation
	if _, err := s.Put(t.Context(), strings.NewReader("lost"), 4); !errors.Is(err, blob.ErrBroken) {
		t.Errorf("put: got %v, want ErrBroken", err)
	}
}

func TestSegmentIsDurableBeforeItIsUsed(t *testing.T) {
	d := newDisk(1)
	s, _ := openStore(t, d, Options{MaxSegment: 100})
	blobtest.Put(t, s, make([]byte, 100))
	blobtest.Put(t, s, make([]byte, 100))
	want := []string{
		"create 00000001.seg", "syncdir", "write 00000001.seg", "sync 00000001.seg",
		"sync 00000001.seg", "create 00000002.seg", "syncdir", "write 00000002.seg", "sync 00000002.seg",
	}
	if !slices.Equal(d.trace, want) {
		t.Errorf("got %q\nwant %q", d.trace, want)
	}
}

// A full disk refuses, whether it was seen coming or met while writing, and
// mail is taken again as soon as there is space.
func TestFullDisk(t *testing.T) {
	for _, lies := range []bool{false, true} {
		t.Run(fmt.Sprintf("met=%v", lies), func(t *testing.T) {
			d := newDisk(1)
			d.lies = lies
			s, _ := openStore(t, d, Options{MinFree: 1000})
			acked := map[blob.ID][]byte{}
			storm(t, s, 1, acked)
			d.mu.Lock()
			d.space = d.used() + 1500
			d.mu.Unlock()
			if _, err := s.Put(t.Context(), bytes.NewReader(make([]byte, 3000)), 3000); !errors.Is(err, blob.ErrFull) {
				t.Errorf("put: got %v, want ErrFull", err)
			}
			b := blobtest.Content(1, 400)
			acked[blobtest.Put(t, s, b)] = b // small enough
			storm(t, s, 2, acked)
			d.mu.Lock()
			d.space *= 2
			d.mu.Unlock()
			b = blobtest.Content(2, 3000)
			acked[blobtest.Put(t, s, b)] = b
			sound(t, s, acked)
			s2, rec := openStore(t, d.afterCut(), Options{})
			if len(rec.Damaged) > 0 {
				t.Errorf("damaged: %v", rec.Damaged)
			}
			sound(t, s2, acked)
		})
	}
}

// Who reads slowly holds up nobody else.
func TestSlowReaderHoldsNobody(t *testing.T) {
	s, _ := openStore(t, newDisk(1), small)
	s.chunk = 100
	r, w := io.Pipe()
	result := make(chan error, 1)
	go func() {
		_, err := s.Put(t.Context(), r, 1000)
		result <- err
	}()
	w.Write(make([]byte, 450)) // four parts are taken, the fifth is begun
	acked := map[blob.ID][]byte{}
	storm(t, s, 1, acked)
	boom := errors.New("boom")
	w.CloseWithError(boom)
	if err := <-result; !errors.Is(err, boom) {
		t.Errorf("put: got %v", err)
	}
	sound(t, s, acked)
}

// damageAt flips a bit of a file.
func damageAt(t *testing.T, path string, off int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[off] ^= 4
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Damage below what was synced once stays where it is, is named, and costs no
// neighbour; a torn tail is cut.
func TestDamage(t *testing.T) {
	sizes := []int{100, 200, 300}
	at := []int64{0, 140, 380, 720} // of the frames, and the end
	for _, c := range []struct {
		name    string
		off     int64 // of the flipped bit
		damaged int   // which content, -1: none
		cut     int64
		crash   bool // without a seal
	}{
		{"magic of the first", 0, 0, 0, true},
		{"header of the second", at[1] + 20, 1, 0, true},
		{"record of the second", at[1] + headerSize + 5, 1, 0, true},
		{"header of the last after a crash", at[2] + 30, -1, at[3] - at[2], true},
		{"record of the last after a crash", at[3] - 1, -1, at[3] - at[2], true},
		{"header of the last", at[2] + 30, 2, 0, false},
		{"record of the last", at[3] - 1, 2, 0, false},
		{"the seal", at[3] + 9, -1, headerSize, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s, _ := openDir(t, dir)
			var ids []blob.ID
			for i, n := range sizes {
				ids = append(ids, blobtest.Put(t, s, blobtest.Content(uint64(i), n)))
			}
			path := filepath.Join(dir, "00000001.seg")
			s.log.Close()
			s.log, _, _ = OpenLog(newDisk(1), Options{}) // for the cleanup
			if c.crash {
				if err := os.Truncate(path, at[3]); err != nil {
					t.Fatal(err)
				}
			}
			damageAt(t, path, c.off)

			s, rec := openDir(t, dir)
			if rec.Cut != c.cut || (len(rec.Damaged) > 0) != (c.damaged >= 0) {
				t.Errorf("recovery: got %+v", rec)
			}
			var named []blob.ID
			whole, err := s.Check(t.Context(), func(id blob.ID, err error) {
				named = append(named, id)
				if !errors.Is(err, blob.ErrDamaged) {
					t.Errorf("cause: got %v", err)
				}
			})
			want := len(ids) - len(named)
			if c.cut > headerSize {
				want--
			}
			if err != nil || whole != want {
				t.Errorf("check: got %d whole, want %d, %v", whole, want, err)
			}
			for i, id := range ids {
				switch {
				case i == c.damaged:
					if _, err := s.Open(t.Context(), id); !errors.Is(err, blob.ErrDamaged) || !slices.Equal(named, []blob.ID{id}) {
						t.Errorf("open the damaged %s: %v; named: %v", id, err, named)
					}
				case i == 2 && c.cut > headerSize:
					if _, err := s.Open(t.Context(), id); !errors.Is(err, blob.ErrNotFound) {
						t.Errorf("open what was cut off: %v", err)
					}
				default:
					blobtest.Want(t, s, id, blobtest.Content(uint64(i), sizes[i]))
				}
			}
			blobtest.Want(t, s, blobtest.Put(t, s, []byte("new")), []byte("new"))
		})
	}
}

// A content in parts is damaged when one of them is.
func TestDamagedPart(t *testing.T) {
	dir := t.TempDir()
	s, _ := openDir(t, dir)
	s.chunk = 100
	id := blobtest.Put(t, s, blobtest.Content(1, 350))
	damageAt(t, filepath.Join(dir, "00000001.seg"), 140+headerSize+3)
	var named []blob.ID
	if _, err := s.Check(t.Context(), func(id blob.ID, _ error) { named = append(named, id) }); err != nil {
		t.Error(err)
	}
	if !slices.Equal(named, []blob.ID{id}) {
		t.Errorf("named: got %v, want %v", named, id)
	}
	c, err := s.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 350)
	if n, err := c.ReadAt(b, 0); n != 100 || !errors.Is(err, blob.ErrDamaged) {
		t.Errorf("read: got %d octets, %v", n, err)
	}
}

// A log is cut after the last whole frame, wherever the tear is.
func TestTornAnywhere(t *testing.T) {
	d := newDisk(1)
	s, _ := openStore(t, d, Options{})
	acked := map[blob.ID][]byte{}
	for i := range 3 {
		b := blobtest.Content(uint64(i), 30)
		acked[blobtest.Put(t, s, b)] = b
	}
	last := blobtest.Put(t, s, blobtest.Content(9, 30))
	file := d.names["00000001.seg"].data
	for end := 3 * 70; end < 4*70; end++ {
		torn := newDisk(1)
		torn.names["00000001.seg"] = &inode{data: bytes.Clone(file[:end])}
		s, rec := openStore(t, torn, Options{})
		if want := int64(len(bytes.TrimRight(file[:end], "\x00")) - 3*70); rec.Cut != want || len(rec.Damaged) > 0 {
			t.Fatalf("%d octets left: got %+v, want cut %d", end, rec, want)
		}
		sound(t, s, acked)
		if got := blobtest.Put(t, s, []byte("new")); got != last {
			t.Fatalf("%d octets left: new content is at %s, want %s", end, got, last)
		}
	}
}

// A log that is opened and closed, and nothing more, does not grow.
func TestSealIsWrittenOnce(t *testing.T) {
	d := newDisk(1)
	var sizes []int
	for i := range 4 {
		s, rec, err := Open(d, Options{})
		if err != nil || rec.Cut > 0 {
			t.Fatal(rec, err)
		}
		if i < 1 {
			blobtest.Put(t, s, []byte("x"))
		}
		for id, err := range s.IDs(t.Context()) {
			if id != "00000001-0000000000" || err != nil {
				t.Errorf("met %s, %v", id, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		sizes = append(sizes, len(d.names["00000001.seg"].synced))
	}
	if want := []int{81, 81, 81, 81}; !slices.Equal(sizes, want) {
		t.Errorf("sizes: got %v, want %v", sizes, want)
	}
}

// More segments than open files.
func TestManySegments(t *testing.T) {
	s, _ := openStore(t, newDisk(1), Options{MaxSegment: 1})
	acked := map[blob.ID][]byte{}
	for i := range 3 * maxOpen {
		b := blobtest.Content(uint64(i), i)
		acked[blobtest.Put(t, s, b)] = b
	}
	sound(t, s, acked)
	if s.log.files.opened > maxOpen+1 {
		t.Errorf("%d files are open", s.log.files.opened)
	}
}

// Bytes of any kind in a segment: no panic, no content that was not put, and
// the log goes on.
func FuzzRecovery(f *testing.F) {
	d := newDisk(1)
	s, _, err := Open(d, Options{})
	if err != nil {
		f.Fatal(err)
	}
	s.chunk = 50
	for _, n := range []int{0, 10, 40, 120} {
		if _, err := s.Put(f.Context(), bytes.NewReader(make([]byte, n)), int64(n)); err != nil {
			f.Fatal(err)
		}
	}
	s.Close()
	whole := d.names["00000001.seg"].data
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(append(bytes.Clone(whole[:100]), whole...))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newDisk(1)
		d.names["00000001.seg"] = &inode{data: b}
		s, _ := openStore(t, d, Options{})
		for frame, err := range s.log.Frames(t.Context(), true) {
			if err != nil {
				t.Fatal(err)
			}
			record, _, err := s.log.Read(frame.Ref)
			if (err == nil) != (frame.Damage == nil) {
				t.Errorf("frame %+v, but read says %v", frame, err)
			}
			if err == nil && !bytes.Contains(b, record) {
				t.Errorf("frame %+v has a record that is not in the file", frame)
			}
			blobtest.Read(t.Context(), s, blob.ID(frame.Ref.String())) // no panic
		}
		new := blobtest.Put(t, s, []byte("new"))
		s2, rec := openStore(t, d, Options{})
		if rec.Cut > 0 {
			t.Errorf("a second recovery cuts %d octets", rec.Cut)
		}
		blobtest.Want(t, s2, new, []byte("new"))
	})
}

// BenchmarkPut puts 50 KiB messages from 10 and 50 writers.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 10, 50} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			fsys, err := OS(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			s, _, err := Open(fsys, Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			content := blobtest.Content(1, 50<<10)
			b.SetBytes(int64(len(content)))
			var before, after syscall.Rusage
			syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			var wg sync.WaitGroup
			work := make(chan struct{}, b.N)
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for range work {
						if _, err := s.Put(b.Context(), bytes.NewReader(content), int64(len(content))); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(cpu)/1e3/float64(b.N), "cpu-us/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
