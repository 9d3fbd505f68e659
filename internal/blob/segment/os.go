package segment

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// osFS is a directory of the operating system.
type osFS struct{ dir string }

// OS returns the directory dir, made with its parents where it is missing.
// Nobody but the process's user may look into it.
func OS(dir string) (FS, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	if err := syncDir(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, fmt.Errorf("segment: sync parent of %s: %w", dir, err)
	}
	return osFS{dir}, nil
}

func (o osFS) Create(name string) (File, error) {
	return o.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (o osFS) Open(name string) (File, error) { return o.open(name, os.O_RDWR) }

func (o osFS) open(name string, flag int) (File, error) {
	f, err := os.OpenFile(filepath.Join(o.dir, name), flag, 0o600)
	if err != nil {
		return nil, err // not a nil *os.File in a File
	}
	return osFile{f}, nil
}

func (o osFS) Remove(name string) error { return os.Remove(filepath.Join(o.dir, name)) }

func (o osFS) Rename(from, to string) error {
	return os.Rename(filepath.Join(o.dir, from), filepath.Join(o.dir, to))
}

func (o osFS) List() ([]string, error) {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (o osFS) SyncDir() error { return syncDir(o.dir) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Free counts what an unprivileged process may use.
func (o osFS) Free() (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(o.dir, &s); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: o.dir, Err: err}
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
