package segment

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/blob"
)

// A day is a file, whatever the clock does, and goes as a file.
func TestDays(t *testing.T) {
	d := newDisk(1)
	now := time.Date(2026, 11, 22, 23, 59, 0, 0, time.FixedZone("", -3600)) // the 23rd in UTC
	days, _, err := OpenDays(d, Options{}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer days.Close()
	names := map[int]string{}
	appendOn := func(day int) {
		now = time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC)
		if names[day], err = days.Append(t.Context(), []byte{byte(day)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, day := range []int{23, 24, 25, 24, 26} { // once the clock goes back
		appendOn(day)
	}
	list, _ := d.List()
	slices.Sort(list)
	want := []string{"20261123-00000001.seg", "20261124-00000002.seg", "20261124-00000004.seg", "20261125-00000003.seg", "20261126-00000005.seg"}
	if !slices.Equal(list, want) {
		t.Errorf("files: got %q", list)
	}
	if err := days.Expire(t.Context(), time.Date(2026, 11, 25, 18, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	for day, name := range names {
		got, err := days.Read(t.Context(), name)
		switch {
		case day < 25 && !errors.Is(err, blob.ErrNotFound):
			t.Errorf("day %d: got %v after its end", day, err)
		case day >= 25 && (err != nil || !slices.Equal(got, []byte{byte(day)})):
			t.Errorf("day %d: got %v, %v", day, got, err)
		}
	}
	if err := days.Expire(t.Context(), now.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if list, _ := d.List(); !slices.Equal(list, want[4:]) {
		t.Errorf("the newest segment must stay: got %q", list)
	}
	appendOn(27)
	if whole, err := days.Check(t.Context(), func(name string, err error) { t.Errorf("%s: %v", name, err) }); whole != 2 || err != nil {
		t.Errorf("check: got %d, %v", whole, err)
	}
}

// Who reads a segment that is removed may finish; files of other names are left alone.
func TestPruneWhileInUse(t *testing.T) {
	d := newDisk(1)
	d.names["notes.txt"] = &inode{}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	days, _, err := OpenDays(d, Options{}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer days.Close()
	var wg sync.WaitGroup
	for range 20 {
		name, err := days.Append(t.Context(), []byte("evidence"))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			b, err := days.Read(t.Context(), name)
			if err == nil && string(b) != "evidence" || err != nil && !errors.Is(err, blob.ErrNotFound) {
				t.Errorf("read %s: got %q, %v", name, b, err)
			}
		})
		now = now.AddDate(0, 0, 1)
		if err := days.Expire(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if list, _ := d.List(); !slices.Contains(list, "notes.txt") || len(list) != 2 {
		t.Errorf("left: %q", list)
	}
}
