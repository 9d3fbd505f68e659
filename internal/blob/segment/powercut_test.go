package segment

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
)

var errPower = errors.New("the power is out")

// A disk is an FS that remembers what was synced and what was only written.
// When its power is cut every operation fails; afterCut then returns the disk that the
// next start finds.
type disk struct {
	mu      sync.Mutex
	rng     *rand.Rand
	names   map[string]*inode
	durable map[string]*inode // the directory as of the last SyncDir
	trace   []string          // "create NAME", "syncdir", "write NAME", "sync NAME"

	refuse   string // how operations begin that fail
	powerFor int    // operations that still succeed; negative: no end
	syncErr  error  // what Sync answers, once
	space    int64  // octets that files may have in all
	lies     bool   // Free says that there is plenty
	unopened string // a file that can't be opened
}

// An inode is a file: its content as programs see it, as it is on disk, and what
// was done to it since.
type inode struct {
	data, synced []byte
	pending      []change
	bad          map[int64]bool // blocks that can't be read, by their number
}

// A change is a write, or a truncation where data is nil.
type change struct {
	off  int64
	data []byte
}

func newDisk(seed uint64) *disk {
	return &disk{
		rng: rand.New(rand.NewPCG(seed, 1)), names: map[string]*inode{}, durable: map[string]*inode{},
		powerFor: -1, space: 1 << 40,
	}
}

// step counts one operation; the caller holds mu.
func (d *disk) step(what string) error {
	if d.powerFor == 0 {
		return errPower
	}
	if d.refuse != "" && strings.HasPrefix(what, d.refuse) {
		return syscall.EIO
	}
	d.powerFor--
	d.trace = append(d.trace, what)
	return nil
}

func (d *disk) Create(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] != nil {
		return nil, fs.ErrExist
	}
	if err := d.step("create " + name); err != nil {
		return nil, err
	}
	d.names[name] = &inode{}
	return &diskFile{d, name, d.names[name]}, nil
}

func (d *disk) Open(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] == nil {
		return nil, fs.ErrNotExist
	}
	if d.unopened == name {
		return nil, syscall.EIO
	}
	return &diskFile{d, name, d.names[name]}, nil
}

// Rename is atomic: a cut before SyncDir leaves the file under one of both names.
func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("rename " + from + " " + to); err != nil {
		return err
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("remove " + name); err != nil {
		return err
	}
	delete(d.names, name)
	return nil
}

func (d *disk) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.names)), nil
}

func (d *disk) SyncDir() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("syncdir"); err != nil {
		return err
	}
	d.durable = maps.Clone(d.names)
	return nil
}

func (d *disk) used() (n int64) {
	for _, i := range d.names {
		n += int64(len(i.data))
	}
	return n
}

func (d *disk) Free() (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lies {
		return 1 << 40, nil
	}
	return d.space - d.used(), nil
}

// afterCut returns what is left: of names and writes that were not synced, some,
// in any order, torn anywhere.
func (d *disk) afterCut() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := newDisk(d.rng.Uint64())
	keep := func(name string, i *inode) {
		b := d.survive(i)
		left.names[name] = &inode{data: b, synced: bytes.Clone(b)}
	}
	for name, i := range d.names {
		if d.durable[name] == i || d.rng.IntN(2) == 0 {
			keep(name, i)
		}
	}
	for name, i := range d.durable { // a name always leads to the one file or the other
		replaced := d.names[name] != nil && left.names[name] == nil
		if d.names[name] != i && (replaced || d.rng.IntN(2) == 0) {
			keep(name, i)
		}
	}
	left.durable = maps.Clone(left.names)
	return left
}

// survive plays back on what was synced a part of what was not.
func (d *disk) survive(i *inode) []byte {
	b := bytes.Clone(i.synced)
	for _, c := range i.pending {
		switch d.rng.IntN(4) {
		case 0: // lost
		case 1:
			b = c.apply(b)
		case 2: // torn
			if c.data != nil {
				b = change{c.off, c.data[:d.rng.IntN(len(c.data)+1)]}.apply(b)
			}
		case 3: // in blocks, some of which never came
			for off := 0; off < len(c.data); {
				n := min(1+d.rng.IntN(512), len(c.data)-off)
				if d.rng.IntN(2) == 0 {
					b = change{c.off + int64(off), c.data[off : off+n]}.apply(b)
				}
				off += n
			}
		}
	}
	return b
}

func (c change) apply(b []byte) []byte {
	end := c.off + int64(len(c.data))
	if c.data == nil {
		b = b[:min(c.off, int64(len(b)))]
	}
	if lacks := end - int64(len(b)); lacks > 0 {
		b = append(b, make([]byte, lacks)...)
	}
	copy(b[c.off:], c.data)
	return b
}

type diskFile struct {
	d    *disk
	name string
	*inode
}

func (f *diskFile) Close() error { return nil }

func (f *diskFile) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *diskFile) ReadAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.data[off:])
	for at := off; at < off+int64(n); at = nextBlock(at) {
		if f.bad[at/block] {
			return int(at - off), syscall.EIO
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes what there is space for. A write that the power cut meets may
// leave some of itself.
func (f *diskFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	err := f.d.step("write " + f.name)
	if room := f.d.space - f.d.used(); err == nil && room < int64(len(b)) {
		b, err = b[:max(room, 0)], syscall.ENOSPC
	}
	c := change{off, append([]byte{}, b...)}
	f.pending = append(f.pending, c)
	f.data = c.apply(f.data)
	return len(b), err
}

func (f *diskFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step("truncate " + f.name); err != nil {
		return err
	}
	c := change{off: size}
	f.pending = append(f.pending, c)
	f.data = c.apply(f.data)
	return nil
}

// Sync that fails drops what it should have written, as the kernel may.
func (f *diskFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step("sync " + f.name); err != nil {
		return err
	}
	err := f.d.syncErr
	if f.d.syncErr = nil; err == nil {
		for _, c := range f.pending {
			f.synced = c.apply(f.synced)
		}
	}
	f.pending = nil
	return err
}
