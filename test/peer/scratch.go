package peer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Where files are in memory, on Linux, and how much of it must be free: tests fill some tens of megabytes of it, and
// several run at once.
const (
	memory = "/dev/shm"
	roomy  = 2 << 30
)

// stale is from when on a directory that nobody holds was left behind: its maker has held it long before.
const stale = time.Hour

// A scratch is a directory for what need not outlive this process.
type scratch struct {
	dir  string
	hold *os.File // locked while this process lives; see sweep
}

// newScratch makes one whose name begins so, in memory where there is room, else among temporary files. To make
// a file costs a disk more than all that is written to it, even where nobody waits until it is there.
func newScratch(prefix string) (scratch, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(memory, &s); err != nil || s.Bavail*uint64(s.Bsize) < roomy {
		return scratchIn(os.TempDir(), prefix)
	}
	sweep(memory, prefix, time.Now().Add(-stale))
	return scratchIn(memory, prefix)
}

func scratchIn(parent, prefix string) (s scratch, err error) {
	if s.dir, err = os.MkdirTemp(parent, prefix); err != nil {
		return scratch{}, err
	}
	if s.hold, err = os.Create(filepath.Join(s.dir, held)); err == nil {
		err = syscall.Flock(int(s.hold.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return scratch{}, errors.Join(err, s.remove())
	}
	return s, nil
}

// held is the file that is locked.
const held = "held"

// remove ends it.
func (s scratch) remove() error {
	err := os.RemoveAll(s.dir)
	if s.hold != nil {
		err = errors.Join(err, s.hold.Close())
	}
	return err
}

// sweep removes those that were made before a time and are held by nobody: a process that was killed leaves them, and
// would leave them in memory for good.
func sweep(parent, prefix string, before time.Time) {
	all, err := os.ReadDir(parent)
	if err != nil {
		return // a later one does it
	}
	for _, e := range all {
		dir := filepath.Join(parent, e.Name())
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		f, err := os.Open(filepath.Join(dir, held))
		if err != nil {
			continue // no scratch, or another user's
		}
		made, err := f.Stat()
		if err == nil && made.ModTime().Before(before) && syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.RemoveAll(dir)
		}
		f.Close()
	}
}
