package segment

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"gatepost/internal/blob"
	"gatepost/internal/blob/blobtest"
)

// compacted returns a disk with one rewritten segment and an empty one behind it, and
// what is in the former.
func compacted(t *testing.T) (*disk, map[blob.ID][]byte) {
	d := newDisk(1)
	c := newScene(t, d, Options{MaxSegment: 1 << 20}, &blobtest.Register{})
	for i := range 400 {
		c.put(uint64(i), 1000+i)
	}
	if err := c.s.log.Turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.kill(func(i int) bool { return i%3 > 0 })
	if rep := blobtest.Compact(t, c.s, c.r); rep.Files != 1 {
		t.Fatalf("compact: %+v", rep)
	}
	sound(t, c.s, c.acked)
	c.close()
	if list, _ := d.List(); !slices.Contains(list, "00000001.kept") || len(list) != 2 {
		t.Fatalf("files: %q", list)
	}
	return d, c.acked
}

// A rewritten segment bears damage as others do: of the index it costs nothing, of a
// frame that frame.
func TestKeptDamage(t *testing.T) {
	whole, acked := compacted(t)
	file := whole.names["00000001.kept"].data
	start := int(10+headerSize) + 3*len(acked)*2000/indexStep // behind the index, surely
	ids := slices.Sorted(maps.Keys(acked))
	for name, c := range map[string]struct {
		from, to int
		costs    int // contents, at most
		named    bool
	}{
		"magic of the index":  {0, 1, 0, true},
		"record of the index": {headerSize + 3, headerSize + 4, 0, false},
		"all of the index":    {0, headerSize + 5, 0, true},
		"a record":            {start + 20_000, start + 20_001, 1, true},
		"a record and more":   {start + 40_000, start + 41_500, 3, true},
		"the last octet":      {len(file) - 1, len(file), 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(1)
			b := bytes.Clone(file)
			for i := c.from; i < c.to; i++ {
				b[i] ^= 0x55
			}
			d.names["00000001.kept"] = &inode{data: b}
			d.names["00000002.seg"] = &inode{}
			s, _ := openStore(t, d, Options{})
			lost := 0
			for _, id := range ids {
				got, err := blobtest.Read(t.Context(), s, id)
				switch {
				case errors.Is(err, blob.ErrDamaged):
					lost++
				case err != nil || !bytes.Equal(got, acked[id]):
					t.Errorf("%s: %v", id, err)
				}
			}
			if lost > c.costs || c.costs > 0 && lost == 0 {
				t.Errorf("%d contents are lost, want up to %d", lost, c.costs)
			}
			named := 0
			if _, err := s.Check(t.Context(), func(blob.ID, error) { named++ }); err != nil || (named > 0) != c.named {
				t.Errorf("check names %d, %v", named, err)
			}
			r := &blobtest.Register{}
			for _, id := range ids {
				r.Own(id, len(acked[id]))
				r.Disown(id)
			}
			r.Day()
			rep := blobtest.Compact(t, s, r)
			if _, err := s.Open(t.Context(), ids[0]); (err == nil) != (rep.Files == 0) {
				t.Errorf("after %+v: %v", rep, err)
			}
			blobtest.Want(t, s, blobtest.Put(t, s, []byte("new")), []byte("new"))
		})
	}
}

// What was never there is not found among what was kept.
func TestKeptKnowsNoOther(t *testing.T) {
	d, acked := compacted(t)
	s, _ := openStore(t, d, Options{})
	for id := range acked {
		ref, _ := ParseRef(string(id))
		for _, off := range []int64{-1, 1, 40, 1 << 30} {
			if _, _, err := s.log.Read(Ref{ref.Segment, ref.Position + off}); !errors.Is(err, blob.ErrNotFound) && ref.Position+off >= 0 {
				t.Fatalf("%s and %d: %v", id, off, err)
			}
		}
	}
	if _, _, err := s.log.Read(Ref{1, maxPosition}); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the index as a record: %v", err)
	}
	seg, err := s.log.files.acquire(1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.log.files.release(seg)
	if n, most := len(seg.index.entries), int(seg.end/indexStep)+1; n > most || n < 2 {
		t.Errorf("the index has %d entries, want up to %d", n, most)
	}
}

// A log whose last segment is lost does not append to one that was rewritten.
func TestKeptIsNeverTheTail(t *testing.T) {
	d, acked := compacted(t)
	delete(d.names, "00000002.seg")
	s, _ := openStore(t, d, Options{})
	acked[blobtest.Put(t, s, []byte("new"))] = []byte("new")
	sound(t, s, acked)
}

// Bytes of any kind in a rewritten segment: no panic, no content that was not put.
func FuzzKept(f *testing.F) {
	d := newDisk(1)
	s, _, err := Open(d, Options{MaxSegment: 1 << 20})
	if err != nil {
		f.Fatal(err)
	}
	r := &blobtest.Register{}
	for i := range 6 {
		id, err := s.Put(f.Context(), bytes.NewReader(make([]byte, i*20)), int64(i*20))
		if err != nil {
			f.Fatal(err)
		}
		r.Own(id, i*20)
		if i > 2 {
			r.Disown(id)
		}
	}
	r.Day()
	if err := errors.Join(s.log.Turn(f.Context())); err != nil {
		f.Fatal(err)
	}
	if _, err := s.Compact(f.Context(), r, 0); err != nil {
		f.Fatal(err)
	}
	s.Close()
	whole := d.names["00000001.kept"].data
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(whole[50:])
	f.Add(append(bytes.Clone(whole[:44]), whole...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newDisk(1)
		d.names["00000001.kept"] = &inode{data: b}
		d.names["00000002.seg"] = &inode{}
		s, _ := openStore(t, d, Options{})
		for frame, err := range s.log.Frames(t.Context(), true) {
			if err != nil {
				t.Fatal(err)
			}
			record, _, err := s.log.Read(frame.Ref)
			if err == nil && !bytes.Contains(b, record) {
				t.Errorf("frame %+v has a record that is not in the file", frame)
			}
			if frame.Damage == nil && err != nil && !errors.Is(err, blob.ErrDamaged) {
				t.Errorf("frame %+v, but read says %v", frame, err)
			}
			blobtest.Read(t.Context(), s, blob.ID(frame.Ref.String())) // no panic
		}
		r := &blobtest.Register{}
		for range 2 {
			if _, err := s.Compact(t.Context(), r, 0); err != nil {
				t.Fatal(err)
			}
			r.Day()
		}
		new := blobtest.Put(t, s, []byte("new"))
		blobtest.Want(t, s, new, []byte("new"))
	})
}
