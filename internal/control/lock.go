package control

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrLocked: another process owns the data directory.
var ErrLocked = errors.New("in use by another process")

// A Lock is the ownership of a data directory. The kernel gives it up with the
// process, however that ends, so that a stale one can't be.
type Lock struct{ file *os.File }

// Claim makes the data directory where it is missing, for its owner alone, and
// takes its lock without waiting. It fails with ErrLocked.
func Claim(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("control: claim: %w", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("control: claim: %w", err)
	}
	if err := take(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("control: claim %s: %w", dir, err)
	}
	return &Lock{f}, nil
}

// take locks the file and writes into it who did.
func take(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w%s", ErrLocked, holder(f))
	}
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder says who holds the lock, as far as the file tells.
func holder(f *os.File) string {
	pid := make([]byte, 20)
	n, _ := f.ReadAt(pid, 0) // the error says only that it is short
	if text := strings.TrimSpace(string(pid[:n])); text != "" {
		return " (process " + text + ")"
	}
	return ""
}

// Release gives the directory up. The file stays: removing it would let two
// processes lock two files of one name.
func (l *Lock) Release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("control: release: %w", err)
	}
	return nil
}
