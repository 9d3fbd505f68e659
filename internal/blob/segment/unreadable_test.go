package segment

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"syscall"
	"testing"

	"gatepost/internal/blob"
	"gatepost/internal/blob/blobtest"
)

// touched returns the contents that have octets in a block of segment n, which is all
// that there is.
func touched(t *testing.T, s *Store, n uint32, number int64) map[blob.ID]bool {
	ids, parts := map[blob.ID]bool{}, map[Ref]bool{}
	seg, err := s.log.files.acquire(n)
	if err != nil {
		t.Fatal(err)
	}
	defer s.log.files.release(seg)
	seg.walk(t.Context(), seg.end, false, func(f Frame, err error) bool {
		hit := f.at < (number+1)*block && f.at+f.size() > number*block
		if f.Kind == kindPart {
			parts[f.Ref] = hit
			return true
		}
		if f.Kind == kindList {
			l, _, _ := seg.list(f.Ref)
			hit = hit || slices.ContainsFunc(l.parts, func(ref Ref) bool { return parts[ref] })
		}
		ids[blob.ID(f.Ref.String())] = hit
		return true
	})
	maps.DeleteFunc(ids, func(_ blob.ID, hit bool) bool { return !hit })
	return ids
}

// A block of a rewritten segment that can't be read costs the contents that have octets
// in it, wherever it is, and check names it.
func TestKeptUnreadable(t *testing.T) {
	d, acked := compacted(t)
	s, _ := openStore(t, d, Options{})
	file := d.names["00000001.kept"]
	for number := range int64(len(file.data)+block-1) / block {
		loses := touched(t, s, 1, number)
		file.bad = map[int64]bool{number: true}
		s, _ = openStore(t, d, Options{})
		for id, want := range acked {
			got, err := blobtest.Read(t.Context(), s, id)
			if loses[id] != errors.Is(err, syscall.EIO) || !loses[id] && !bytes.Equal(got, want) {
				t.Errorf("block %d: %s: got %d octets, %v", number, id, len(got), err)
			}
		}
		named := 0
		whole, err := s.Check(t.Context(), func(blob.ID, error) { named++ })
		if err != nil || named == 0 || whole != len(acked)-len(loses) {
			t.Errorf("block %d: check: got %d whole, want %d, %d named, %v", number, whole, len(acked)-len(loses), named, err)
		}
		file.bad = nil
	}
}

// A long stretch that can't be read is passed in few steps.
func TestResyncStepsOverMuch(t *testing.T) {
	const blocks = 4096
	h := header{kind: kindContent, ref: Ref{1, blocks * block}}
	data := h.append(make([]byte, blocks*block))
	bad := map[int64]bool{}
	for b := range int64(blocks - 16) {
		bad[b] = true
	}
	file := &counted{File: &diskFile{newDisk(1), "x", &inode{data: data, bad: bad}}}
	s := &scanner{file: file, segment: 1, end: int64(len(data))}
	r, err := s.read(0)
	if err != nil || r.next != h.ref.Position || !errors.Is(r.Damage, syscall.EIO) || !errors.Is(r.Damage, blob.ErrDamaged) {
		t.Errorf("got %+v, %v", r, err)
	}
	if file.reads > 300 {
		t.Errorf("%d reads", file.reads)
	}
}

type counted struct {
	File
	reads int
}

func (c *counted) ReadAt(b []byte, off int64) (int, error) {
	c.reads++
	return c.File.ReadAt(b, off)
}

// What the disk can't read in one segment, or in all of one, does not keep the others
// from being compacted, and is left as it is.
func TestCompactionPassesTheUnreadable(t *testing.T) {
	for _, whole := range []bool{false, true} {
		d := newDisk(1)
		c := newScene(t, d, Options{MaxSegment: 20_000}, &blobtest.Register{})
		for i := range 100 {
			c.put(uint64(i), 600)
		}
		c.kill(func(int) bool { return true })
		c.close()
		if whole {
			d.unopened = "00000002.seg"
		} else {
			d.names["00000002.seg"].bad = map[int64]bool{2: true}
		}
		c = newScene(t, d, Options{MaxSegment: 20_000}, c.r)
		rep, err := c.s.Compact(t.Context(), c.r, 0)
		if rep.Files < 2 || whole != errors.Is(err, syscall.EIO) {
			t.Errorf("whole=%v: got %+v, %v", whole, rep, err)
		}
		if n := c.s.log.files.numbers(); !slices.Equal(n, []uint32{2, n[1]}) {
			t.Errorf("whole=%v: left are %d", whole, n)
		}
		named := 0
		if _, err := c.s.Check(t.Context(), func(blob.ID, error) { named++ }); err != nil || named == 0 {
			t.Errorf("whole=%v: check names %d, %v", whole, named, err)
		}
		d.unopened, d.names["00000002.seg"].bad = "", nil
		c.close()
		c = newScene(t, d, Options{}, c.r)
		if rep := blobtest.Compact(t, c.s, c.r); rep.Unknown != 0 || rep.Files != 1 {
			t.Errorf("whole=%v: when it can be read: %+v", whole, rep)
		}
	}
}

// A tail that can't be read does not keep the log from being opened. Nothing of it is
// cut, and what comes goes elsewhere.
func TestUnreadableTail(t *testing.T) {
	for number := range int64(5) {
		d := newDisk(1)
		c := newScene(t, d, Options{}, &blobtest.Register{})
		for i := range 25 {
			c.put(uint64(i), 700)
		}
		loses := touched(t, c.s, 1, number)
		d = d.afterCut() // without a seal
		file := d.names["00000001.seg"]
		file.bad = map[int64]bool{number: true}
		before := bytes.Clone(file.data)
		acked := maps.Clone(c.acked)
		for i := range 2 {
			s, rec, err := Open(d, Options{})
			if err != nil {
				t.Fatalf("block %d: %v", number, err)
			}
			if told := len(rec.Damaged) > 0 && rec.Ended; rec.Cut != 0 || told != (i == 0) {
				t.Errorf("block %d, start %d: recovery: got %+v", number, i, rec)
			}
			b := blobtest.Content(uint64(i), 10)
			acked[blobtest.Put(t, s, b)] = b
			for id, want := range acked {
				got, err := blobtest.Read(t.Context(), s, id)
				if loses[id] != errors.Is(err, syscall.EIO) || !loses[id] && !bytes.Equal(got, want) {
					t.Errorf("block %d: %s: got %d octets, %v", number, id, len(got), err)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if !bytes.Equal(file.data, before) {
			t.Errorf("block %d: the tail was changed", number)
		}
	}
}
