package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A reserve is a file that takes up space for as long as there is enough. It is given up
// when next to nothing is left, since deleting takes space too: the database writes what
// it will change before it changes it. When there is room again it is taken back.
type reserve struct {
	path string
	size int64 // octets
	keep int64 // must be free besides, before the file is made
	free func() (int64, error)
	log  *slog.Logger
}

// maxReserve is more than any single deletion takes.
const maxReserve = 32 << 20

// newReserve returns the reserve of a node that keeps minFree octets free.
func newReserve(path string, minFree int64, free func() (int64, error), log *slog.Logger) *reserve {
	return &reserve{path: path, size: min(minFree/8, maxReserve), keep: minFree, free: free, log: log}
}

// run looks after the file until ctx ends.
func (r *reserve) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for failed := false; ; {
		err := r.adjust()
		if err != nil && !failed { // a lasting cause is told once
			r.log.Warn("no space kept aside for deletions", "error", err)
		}
		failed = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// adjust makes the file or gives it up, where it is time to.
func (r *reserve) adjust() error {
	free, err := r.free()
	if err != nil {
		return fmt.Errorf("app: reserve: %w", err)
	}
	held, err := r.held()
	switch {
	case err != nil:
	case held < 0 && r.size > 0 && free >= r.keep+r.size:
		err = r.make()
	case held >= 0 && held != r.size: // of another setting
		err = os.Remove(r.path)
	case held >= 0 && free < r.size:
		r.log.Warn("the disk is full: space kept aside for deletions is given up", "free", free, "reserve", r.size)
		err = os.Remove(r.path)
	}
	if err != nil {
		return fmt.Errorf("app: reserve: %w", err)
	}
	return nil
}

// held returns the size of the file, -1 where there is none.
func (r *reserve) held() (int64, error) {
	info, err := os.Stat(r.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return -1, nil
	case err != nil:
		return 0, err
	}
	return info.Size(), nil
}

// make has the file system set the space aside, which costs no writing.
func (r *reserve) make() error {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err = unix.Fallocate(int(f.Fd()), 0, 0, r.size); err != nil {
		err = &os.PathError{Op: "fallocate", Path: r.path, Err: err}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(r.path)
	}
	return err
}
