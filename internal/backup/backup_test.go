package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var when = time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)

// write makes a copy of some files that grow, by name, and one that Take takes.
func write(t *testing.T, dir string, at time.Time, keep int, files map[string]string) Report {
	t.Helper()
	w, err := Begin(dir, Manifest{Made: at, Engine: "sqlite"})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, files)
	r, err := w.Commit(keep)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fill(t *testing.T, w *Writer, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := w.Keep(t.Context(), name, int64(len(text)), strings.NewReader(text+" more that came since")); err != nil {
			t.Fatal(err)
		}
	}
	rows := filepath.Join(w.Room(), "rows")
	if err := os.WriteFile(rows, []byte("rows of "+w.m.Made.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Take(t.Context(), "gatepost.db", rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Put(t.Context(), "packs/a", strings.NewReader("a pack")); err != nil {
		t.Fatal(err)
	}
}

// restored returns the files of the newest copy, "name=text".
func restored(t *testing.T, dir string) string {
	t.Helper()
	m, err := Newest(dir)
	if err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	if err := m.Copy(t.Context(), dir, into); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range []string{"blobs/1.seg", "blobs/2.seg", "packs/a"} {
		b, err := os.ReadFile(filepath.Join(into, name))
		if err == nil {
			all = append(all, name+"="+string(b))
		}
	}
	return strings.Join(all, " ")
}

func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, objects))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestCopies(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := Newest(dir); !errors.Is(err, ErrNone) {
		t.Errorf("nothing yet: %v", err)
	}
	first := write(t, dir, when, 2, map[string]string{"blobs/1.seg": "one", "blobs/2.seg": "two"})
	if first.Files != 4 || first.Copied != first.Octets {
		t.Errorf("first: %+v", first)
	}
	if got, want := restored(t, dir), "blobs/1.seg=one blobs/2.seg=two packs/a=a pack"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	second := write(t, dir, when.Add(time.Hour), 2, map[string]string{"blobs/1.seg": "one", "blobs/2.seg": "two and a half"})
	if want := int64(len("two and a half") + len("rows of "+when.String())); second.Copied != want {
		t.Errorf("second: %+v, want %d octets copied", second, want)
	}
	write(t, dir, when.Add(2*time.Hour), 1, map[string]string{"blobs/2.seg": "2"})
	if names, _ := List(dir); len(names) != 1 || count(t, dir) != 3 {
		t.Errorf("left: %q and %d objects, want what one copy needs", names, count(t, dir))
	}
	if got, want := restored(t, dir), "blobs/2.seg=2 packs/a=a pack"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A file of the same name and size that ends otherwise is another one.
func TestKnownAgain(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, when, 1, map[string]string{"blobs/1.seg": "one"})
	write(t, dir, when.Add(time.Hour), 1, map[string]string{"blobs/1.seg": "uno"})
	if got, want := restored(t, dir), "blobs/1.seg=uno packs/a=a pack"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A Writer that ends anywhere leaves the copy before it whole, and the next one goes on.
func TestHalf(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, when, 1, map[string]string{"blobs/1.seg": "one"})
	w, err := Begin(dir, Manifest{Made: when.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, map[string]string{"blobs/1.seg": "one and more"})
	if got, want := restored(t, dir), "blobs/1.seg=one packs/a=a pack"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Put(ctx, "x", bytes.NewReader([]byte("x"))); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	write(t, dir, when.Add(2*time.Hour), 1, map[string]string{"blobs/1.seg": "one and more"})
	if got, want := restored(t, dir), "blobs/1.seg=one and more packs/a=a pack"; got != want || count(t, dir) != 3 {
		t.Errorf("got %s and %d objects, want %s", got, count(t, dir), want)
	}
}

// Copies that fail one after the other, as on a full disk, leave nothing behind.
func TestAborted(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, when, 1, map[string]string{"blobs/1.seg": "one"})
	before := count(t, dir)
	for n := range 3 { // killed
		w, err := Begin(dir, Manifest{Made: when.Add(time.Duration(n+1) * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && count(t, dir) != before {
			t.Errorf("%d objects, want %d: those of the one that was killed stay", count(t, dir), before)
		}
		fill(t, w, map[string]string{"blobs/2.seg": fmt.Sprint("more", n)})
		if n == 2 {
			if err := w.Abort(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, tmp)); count(t, dir) != before || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("aborted: %d objects, want %d; tmp: %v", count(t, dir), before, err)
	}
	if got, want := restored(t, dir), "blobs/1.seg=one packs/a=a pack"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A copy that is made after the clock was set back is the newest, and stays.
func TestClockSetBack(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, when, 1, map[string]string{"blobs/1.seg": "one"})
	for _, text := range []string{"two", "three"} {
		write(t, dir, when.Add(-time.Hour), 1, map[string]string{"blobs/1.seg": text})
		if got, want := restored(t, dir), "blobs/1.seg="+text+" packs/a=a pack"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, when, 1, map[string]string{"blobs/1.seg": "one"})
	m, err := Newest(dir)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(n int, with func(path string) error) {
		t.Helper()
		if err := with(filepath.Join(dir, objects, m.Files[n].SHA256)); err != nil {
			t.Fatal(err)
		}
	}
	spoil(0, func(path string) error { return os.WriteFile(path, []byte("onf"), 0o600) })
	spoil(1, os.Remove)
	var bad []string
	err = m.Verify(t.Context(), dir, func(path string, cause error) {
		bad = append(bad, path)
		if !errors.Is(cause, ErrDamaged) {
			t.Errorf("%s: %v", path, cause)
		}
	})
	if err != nil || fmt.Sprint(bad) != "[blobs/1.seg gatepost.db]" {
		t.Errorf("got %v, %v", bad, err)
	}
	if err := m.Copy(t.Context(), dir, t.TempDir()); !errors.Is(err, ErrDamaged) {
		t.Errorf("restore: %v", err)
	}
}

func TestManifests(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for name, text := range map[string]string{
		"no JSON":     "{",
		"another way": `{"format":1,"files":[{"path":"../x","sha256":"` + sum + `"}]}`,
		"from root":   `{"format":1,"files":[{"path":"/etc/x","sha256":"` + sum + `"}]}`,
		"no sum":      `{"format":1,"files":[{"path":"x","sha256":"../../etc/passwd"}]}`,
		"negative":    `{"format":1,"files":[{"path":"x","size":-1,"sha256":"` + sum + `"}]}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, prefix+"1"+suffix), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := Newest(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v, %v", name, m, err)
		}
	}
}
