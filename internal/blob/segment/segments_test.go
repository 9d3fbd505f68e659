package segment

import (
	"bytes"
	"io"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/blob/blobtest"
)

// What was put before a copy of the files is begun is in the copy, whatever is put and
// compacted meanwhile.
func TestSegmentsAreACopy(t *testing.T) {
	from := newDisk(1)
	s, _, err := Open(from, Options{MaxSegment: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	content := func(n uint64) []byte { return blobtest.Content(n, 1000) }
	ids := map[uint64]blob.ID{}
	for n := range uint64(20) {
		ids[n] = blobtest.Put(t, s, content(n))
	}
	to := newDisk(2)
	err = s.Segments(t.Context(), func(name string, size int64, r io.ReaderAt) error {
		blobtest.Put(t, s, content(99))
		f, err := to.Create(name)
		if err != nil {
			return err
		}
		b := make([]byte, size)
		if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
			return err
		}
		if _, err := f.WriteAt(b, 0); err != nil {
			return err
		}
		return f.Sync()
	})
	if err != nil {
		t.Fatal(err)
	}
	c, rec, err := Open(to, Options{})
	if err != nil || rec.Cut > 0 {
		t.Fatalf("open the copy: cut %d, %v", rec.Cut, err)
	}
	defer c.Close()
	for n, id := range ids {
		blobtest.Want(t, c, id, content(n))
	}
}

func TestHeldDaysDoNotExpire(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	days, _, err := OpenDays(newDisk(1), Options{}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer days.Close()
	name, err := days.Append(t.Context(), []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 0, 1)
	if _, err := days.Append(t.Context(), []byte("new")); err != nil {
		t.Fatal(err)
	}
	release := days.Hold()
	for _, held := range []bool{true, false} {
		if err := days.Expire(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if _, err := days.Read(t.Context(), name); (err == nil) != held {
			t.Errorf("held %v: %v", held, err)
		}
		if held {
			release()
		}
	}
}

// The zeros behind the end are no part of the log: a start after a crash cuts them off and
// says nothing of them, and neither a log that was closed nor a segment that is full has any.
// Where there is no room for them the log does without.
func TestZerosAhead(t *testing.T) {
	length := func(d *disk, name string) int { return len(d.names[name].data) }
	open := func(d *disk) *Store {
		s, _, err := Open(d, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	d := newDisk(1)
	s := open(d)
	id := blobtest.Put(t, s, []byte("one"))
	if got := length(d, "00000001.seg"); got != headerSize+3+minAhead {
		t.Errorf("a log that is written to has %d octets", got)
	}
	crashed := newDisk(1)
	crashed.names["00000001.seg"] = &inode{data: bytes.Clone(d.names["00000001.seg"].data)}
	again, rec := openStore(t, crashed, Options{})
	if rec.Cut != 0 || len(rec.Damaged) > 0 || length(crashed, "00000001.seg") != headerSize+3 {
		t.Errorf("after a crash: %+v, %d octets", rec, length(crashed, "00000001.seg"))
	}
	sound(t, again, map[blob.ID][]byte{id: []byte("one")})
	if s.Close(); length(d, "00000001.seg") != 2*headerSize+3 {
		t.Errorf("a closed log has %d octets", length(d, "00000001.seg"))
	}

	d = newDisk(1)
	s, _ = openStore(t, d, Options{MaxSegment: 1000})
	for range 3 {
		blobtest.Put(t, s, make([]byte, 460))
	}
	if got := length(d, "00000001.seg"); got != 2*(headerSize+460) {
		t.Errorf("a full segment has %d octets", got)
	}
	if got := length(d, "00000002.seg"); got != 1000 {
		t.Errorf("the segment after it has %d octets", got)
	}

	d = newDisk(1)
	d.space = 1000
	s = open(d)
	blobtest.Put(t, s, []byte("one"))
	if got := length(d, "00000001.seg"); got != 1000 || s.Err() != nil {
		t.Errorf("with no room: %d octets, %v", got, s.Err())
	}
	if s.Close(); length(d, "00000001.seg") != 2*headerSize+3 {
		t.Errorf("a closed log that had no room has %d octets", length(d, "00000001.seg"))
	}
}
