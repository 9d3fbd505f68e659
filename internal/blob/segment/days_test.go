package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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

// What was in a record that is rewritten is in no file any more; all others are what they were, under their names,
// also when it is done again, and after a start.
func TestRewrite(t *testing.T) {
	d := newDisk(1)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	days, _, err := OpenDays(d, Options{}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	want := map[string]string{}
	for i := range 200 {
		if i == 100 {
			now = now.AddDate(0, 0, 1)
		}
		text := fmt.Sprintf("secret %03d %s", i, strings.Repeat("x", i*10))
		name, err := days.Append(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		names, want[name] = append(names, name), text
	}
	blank := func(numbers ...int) {
		t.Helper()
		var some []string
		for _, n := range numbers {
			some, want[names[n]] = append(some, names[n]), "gone"
		}
		err := days.Rewrite(t.Context(), some, func(name string, record []byte) ([]byte, error) {
			if !strings.HasPrefix(string(record), "secret") && string(record) != "gone" {
				t.Errorf("%s: got %q", name, record)
			}
			return []byte("gone"), nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	compare := func() {
		t.Helper()
		for name, text := range want {
			if got, err := days.Read(t.Context(), name); err != nil || string(got) != text {
				t.Errorf("%s: got %.20q, %v; want %.20q", name, got, err, text)
			}
		}
		if whole, err := days.Check(t.Context(), func(name string, err error) { t.Errorf("%s: %v", name, err) }); whole != len(want) || err != nil {
			t.Errorf("check: %d, %v", whole, err)
		}
		err := days.Segments(t.Context(), func(name string, size int64, r io.ReaderAt) error {
			b := make([]byte, size)
			if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
				return err
			}
			for i, n := range names {
				if want[n] == "gone" && bytes.Contains(b, fmt.Appendf(nil, "secret %03d", i)) {
					t.Errorf("%s has %d still", name, i)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	release := days.Hold()
	if err := days.Rewrite(t.Context(), names[:1], nil); !errors.Is(err, ErrHeld) {
		t.Errorf("while held: %v", err)
	}
	release()
	blank(0, 7, 99, 100, 199)
	compare()
	blank(7, 8, 101)
	compare()
	for i := range 3 { // what comes after goes on
		name, err := days.Append(t.Context(), fmt.Appendf(nil, "later %d", i))
		if err != nil {
			t.Fatal(err)
		}
		names, want[name] = append(names, name), fmt.Sprintf("later %d", i)
	}
	days.Close()
	if days, _, err = OpenDays(d, Options{}, func() time.Time { return now }); err != nil {
		t.Fatal(err)
	}
	defer days.Close()
	compare()
	long := strings.Repeat("longer ", 1000) // than the place up to the next name
	if err := days.Rewrite(t.Context(), names[3:4], func(string, []byte) ([]byte, error) { return []byte(long), nil }); err != nil {
		t.Fatal(err)
	}
	want[names[3]] = long
	compare()
	now = now.AddDate(0, 0, 10)
	if _, err := days.Append(t.Context(), []byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := days.Expire(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if list, _ := d.List(); len(list) != 1 {
		t.Errorf("left: %q", list)
	}
}
