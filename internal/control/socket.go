package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// socketName is the socket's name in the data directory.
const socketName = "control.sock"

// maxAddress is the longest path that a unix socket's address can hold (unix(7)).
const maxAddress = 107

// listen makes the socket of a directory that the caller owns. It is made beside
// its place and moved there when only its owner can open it, in place of the one
// that a killed process left behind.
func listen(dir string) (*net.UnixListener, error) {
	fresh := filepath.Join(dir, socketName+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var l *net.UnixListener
	err := withAddress(fresh, func(a *net.UnixAddr) (err error) {
		l, err = net.ListenUnix("unix", a)
		return err
	})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(fresh, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	if err := os.Rename(fresh, filepath.Join(dir, socketName)); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// dial connects to the socket of dir; ErrNotRunning tells that nobody serves it.
func dial(dir string) (c *net.UnixConn, err error) {
	err = withAddress(filepath.Join(dir, socketName), func(a *net.UnixAddr) (err error) {
		c, err = net.DialUnix("unix", nil, a)
		return err
	})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNotRunning
	}
	return c, err
}

// withAddress calls f with an address for the socket at path. Where the path is
// too long for one, it goes through a handle on its directory.
func withAddress(path string, f func(*net.UnixAddr) error) error {
	if len(path) <= maxAddress {
		return f(&net.UnixAddr{Name: path, Net: "unix"})
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(&net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), Net: "unix"})
}
