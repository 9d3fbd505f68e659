package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A Writer makes one copy. One goroutine uses it, and one Writer at a time a directory.
type Writer struct {
	dir    string
	m      Manifest
	before map[string]File // by path, of the newest copy
	report Report
}

// A Report is what a Writer did.
type Report struct {
	Files  int   // of the copy
	Octets int64 // of the copy
	Copied int64 // octets of them that were not there before
}

// Begin begins a copy in dir, which is made where it is missing; m says what it is of.
// What a Writer before it left half done is removed, its objects too: else each of many that
// fail on a full disk would leave it fuller.
func Begin(dir string, m Manifest) (*Writer, error) {
	for _, d := range []string{dir, filepath.Join(dir, objects)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("backup: %w", err)
		}
	}
	room := filepath.Join(dir, tmp)
	if err := errors.Join(os.RemoveAll(room), os.Mkdir(room, 0o700)); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	if err := sweep(dir); err != nil && !errors.Is(err, ErrDamaged) {
		return nil, err
	}
	m.Format, m.Made, m.Files = format, m.Made.UTC(), nil
	w := &Writer{dir: dir, m: m, before: map[string]File{}}
	last, err := Newest(dir)
	if err != nil && !errors.Is(err, ErrNone) && !errors.Is(err, ErrDamaged) {
		return nil, err
	}
	if last != nil {
		for _, f := range last.Files {
			w.before[f.Path] = f
		}
	}
	return w, nil
}

// Room is a directory for files that Take takes, on the copy's own file system.
func (w *Writer) Room() string { return filepath.Join(w.dir, tmp) }

// tailSize is how much of a file's end tells it from others, in octets. A segment ends
// with frames that have checksums of what nobody can foresee.
const tailSize = 64 << 10

// Keep copies size octets of r, a file that only grows or is replaced by a shorter one.
// Where the copy before has it with this size and end it is not read.
func (w *Writer) Keep(ctx context.Context, path string, size int64, r io.ReaderAt) error {
	end := make([]byte, min(size, tailSize))
	if _, err := r.ReadAt(end, size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("backup: read %s: %w", path, err)
	}
	sum := sha256.Sum256(end)
	f := File{Path: path, Size: size, Tail: hex.EncodeToString(sum[:])}
	if old, ok := w.before[path]; ok && old.Size == f.Size && old.Tail == f.Tail && w.has(old) {
		w.add(old)
		return nil
	}
	return w.copy(ctx, f, io.NewSectionReader(r, 0, size))
}

// Put copies r to its end.
func (w *Writer) Put(ctx context.Context, path string, r io.Reader) error {
	return w.copy(ctx, File{Path: path, Size: -1}, r)
}

// Take makes a file in Room a part of the copy.
func (w *Writer) Take(ctx context.Context, path, file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, reader{ctx, f})
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return fmt.Errorf("backup: read %s: %w", path, err)
	}
	return w.name(file, File{Path: path, Size: n}, sum)
}

func (w *Writer) copy(ctx context.Context, f File, r io.Reader) error {
	t, err := os.CreateTemp(w.Room(), "copy-")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer t.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(t, sum), reader{ctx, r})
	if err == nil && f.Size >= 0 && n != f.Size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = t.Sync()
	}
	if err != nil {
		return fmt.Errorf("backup: copy %s: %w", f.Path, err)
	}
	f.Size = n
	return w.name(t.Name(), f, sum)
}

// name gives a whole and synced file the name of its octets.
func (w *Writer) name(file string, f File, sum hash.Hash) error {
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	isNew := !w.has(f)
	if err := os.Rename(file, w.object(f)); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if isNew {
		w.report.Copied += f.Size
	}
	w.add(f)
	return nil
}

func (w *Writer) add(f File) {
	w.m.Files = append(w.m.Files, f)
	w.report.Files++
	w.report.Octets += f.Size
}

func (w *Writer) object(f File) string { return filepath.Join(w.dir, objects, f.SHA256) }

func (w *Writer) has(f File) bool {
	info, err := os.Stat(w.object(f))
	return err == nil && info.Mode().IsRegular() && info.Size() == f.Size
}

// Abort removes what a Writer that came to no end has written. Copies before it stay. It is
// called in place of Commit, or when that failed.
func (w *Writer) Abort() error {
	return errors.Join(os.RemoveAll(w.Room()), sweep(w.dir))
}

// Commit makes the copy whole: when it returns nil the copy is there, and after it the
// newest keep copies, and no object that none of them names.
func (w *Writer) Commit(keep int) (Report, error) {
	if err := w.commit(); err != nil {
		return w.report, fmt.Errorf("backup: %w", err)
	}
	if err := w.forget(max(keep, 1)); err != nil {
		return w.report, fmt.Errorf("backup: the copy is whole, but older ones are in the way: %w", err)
	}
	return w.report, nil
}

func (w *Writer) commit() error {
	b, err := json.MarshalIndent(w.m, "", " ")
	if err != nil {
		return err
	}
	file := filepath.Join(w.Room(), "manifest")
	if err := writeSynced(file, bytes.NewReader(b)); err != nil {
		return err
	}
	name, err := w.newest()
	if err != nil {
		return err
	}
	if err := syncDir(filepath.Join(w.dir, objects)); err != nil {
		return err
	}
	if err := os.Rename(file, filepath.Join(w.dir, name)); err != nil {
		return err
	}
	return errors.Join(syncDir(w.dir), syncDir(filepath.Dir(filepath.Clean(w.dir))))
}

// newest is a name behind those that are there: by names copies are older or newer, and
// a clock that was set back would make this one the first to be removed.
func (w *Writer) newest() (string, error) {
	names, err := List(w.dir)
	if err != nil {
		return "", err
	}
	when := w.m.Made
	if len(names) > 0 {
		last, err := time.Parse(prefix+timeForm+suffix, names[len(names)-1])
		if err == nil && !when.Truncate(time.Millisecond).After(last) {
			when = last.Add(time.Millisecond)
		}
	}
	return prefix + when.Format(timeForm) + suffix, nil
}

// forget removes older copies, manifests first.
func (w *Writer) forget(keep int) error {
	names, err := List(w.dir)
	if err != nil {
		return err
	}
	for len(names) > keep {
		if err := os.Remove(filepath.Join(w.dir, names[0])); err != nil {
			return err
		}
		names = names[1:]
	}
	if err := syncDir(w.dir); err != nil {
		return err
	}
	return errors.Join(sweep(w.dir), os.RemoveAll(w.Room()))
}

// sweep removes the objects that no copy names.
func sweep(dir string) error {
	names, err := List(dir)
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, name := range names {
		m, err := Read(dir, name)
		if err != nil {
			return err // its objects are not known, so none is removed
		}
		for _, f := range m.Files {
			needed[f.SHA256] = true
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, objects))
	for _, e := range entries {
		if err == nil && isSum(e.Name()) && !needed[e.Name()] {
			err = os.Remove(filepath.Join(dir, objects, e.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("backup: remove what no copy needs: %w", err)
	}
	return nil
}

// A reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

func writeSynced(name string, r io.Reader) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
