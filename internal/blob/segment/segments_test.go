package segment

import (
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
