package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gatepost/internal/blob"
)

// maxOpen bounds the open files of one log, those in use at the moment apart.
const maxOpen = 64

const (
	suffix     = ".seg"
	keptSuffix = ".kept" // what a compaction kept of a segment
	unfinished = ".new"  // behind the name that a file will have
)

// fileName is the name of a segment's file.
func fileName(label string, number uint32, kept bool) string {
	if label != "" {
		label += "-"
	}
	if kept {
		return fmt.Sprintf("%s%08x%s", label, number, keptSuffix)
	}
	return fmt.Sprintf("%s%08x%s", label, number, suffix)
}

// parseFileName is the opposite of fileName; other files are not ours.
func parseFileName(name string) (label string, number uint32, kept, ok bool) {
	digits, kept := strings.CutSuffix(name, keptSuffix)
	if !kept {
		digits = strings.TrimSuffix(name, suffix)
	}
	if i := strings.LastIndexByte(digits, '-'); i >= 0 {
		label, digits = digits[:i], digits[i+1:]
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	return label, uint32(n), kept, err == nil && fileName(label, uint32(n), kept) == name
}

// files are the segments of a log. Their handles are opened when needed, and
// those that nobody uses are closed when there are many.
type files struct {
	fs FS

	mu     sync.Mutex
	byNum  map[uint32]*segment
	opened int
	closed bool
	stale  []string // names to remove, see sweep
}

// A segment is one file. The fields below refs are guarded by files.mu.
type segment struct {
	number uint32
	label  string
	kept   bool // a compaction wrote it; index leads to its frames while file is open
	index  *index

	refs    int   // users of file
	file    File  // nil while closed
	end     int64 // what readers may walk; -1 before it is known
	removed bool  // its last user closes file
}

func (s *segment) name() string { return fileName(s.label, s.number, s.kept) }

// listFiles finds the segments, and clears away what a compaction that did not
// come to its end has left.
func listFiles(fsys FS) (*files, error) {
	names, err := fsys.List()
	if err != nil {
		return nil, err
	}
	f := &files{fs: fsys, byNum: map[uint32]*segment{}}
	var stale []string
	for _, name := range names {
		finished, half := strings.CutSuffix(name, unfinished)
		label, number, kept, ok := parseFileName(finished)
		switch {
		case !ok:
			continue
		case half:
			stale = append(stale, name)
			continue
		}
		s := &segment{number: number, label: label, kept: kept, end: -1}
		if other := f.byNum[number]; other != nil {
			if other.kept == kept {
				return nil, fmt.Errorf("%s and %s have one number", other.name(), name)
			}
			if other.kept {
				s, other = other, s
			}
			stale = append(stale, other.name()) // the other one was whole before it had its name
		}
		f.byNum[number] = s
	}
	return f, f.removeStale(stale)
}

// removeStale removes files that others stand for, once those have their names for good.
func (f *files) removeStale(names []string) error {
	if len(names) == 0 {
		return nil
	}
	if err := f.fs.SyncDir(); err != nil {
		return err
	}
	for _, name := range names {
		if err := f.fs.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// numbers returns the segments' numbers, lowest first.
func (f *files) numbers() []uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]uint32, 0, len(f.byNum))
	for n := range f.byNum {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// acquire returns a segment with its file open; release gives it back.
func (f *files) acquire(number uint32) (*segment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errClosed
	}
	s := f.byNum[number]
	if s == nil {
		return nil, fmt.Errorf("segment: no segment %08x: %w", number, blob.ErrNotFound)
	}
	if err := f.open(s); err != nil {
		return nil, err
	}
	s.refs++
	return s, nil
}

func (f *files) open(s *segment) error {
	if s.file != nil {
		return nil
	}
	f.closeIdle()
	file, err := f.fs.Open(s.name())
	if err != nil {
		return err
	}
	if s.end < 0 {
		if s.end, err = file.Size(); err != nil {
			file.Close()
			return err
		}
	}
	if s.kept {
		if s.index, err = loadIndex(file, s.number, s.end); err != nil {
			file.Close()
			return fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	s.file = file
	f.opened++
	return nil
}

// closeIdle makes room for one more handle. Which one goes is chance.
func (f *files) closeIdle() {
	if f.opened < maxOpen {
		return
	}
	for _, s := range f.byNum {
		if s.file != nil && s.refs == 0 {
			f.close(s)
			return
		}
	}
}

func (f *files) close(s *segment) {
	s.file.Close() // all that matters was synced
	s.file, s.index = nil, nil
	f.opened--
}

func (f *files) release(s *segment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.refs--
	if s.removed && s.refs == 0 && s.file != nil {
		f.close(s)
	}
}

// create adds a segment whose name is durable, in use by the caller.
func (f *files) create(number uint32, label string) (*segment, error) {
	s := &segment{number: number, label: label, refs: 1}
	file, err := f.fs.Create(s.name())
	if err != nil {
		return nil, err
	}
	s.file = file
	if err := f.fs.SyncDir(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%w: sync directory: %w", blob.ErrBroken, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closeIdle()
	f.byNum[number] = s
	f.opened++
	return s, nil
}

// prune removes segments, but never the newest.
func (f *files) prune(drop func(label string) bool) error {
	numbers := f.numbers()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, n := range numbers {
		s := f.byNum[n]
		if s == nil || i == len(numbers)-1 || !drop(s.label) {
			continue
		}
		if err := f.removeLocked(s); err != nil {
			return err
		}
	}
	return f.fs.SyncDir()
}

// remove removes a segment, for good. Who reads it may finish. What it replaced goes first,
// or the next start would take that for the segment.
func (f *files) remove(s *segment) error {
	if err := f.sweep(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.removeLocked(s); err != nil {
		return err
	}
	return f.fs.SyncDir()
}

func (f *files) removeLocked(s *segment) error {
	if err := f.fs.Remove(s.name()); err != nil {
		return err
	}
	delete(f.byNum, s.number)
	f.retire(s)
	return nil
}

// retire sees to it that the file is closed when nobody reads it any more. The
// caller holds mu.
func (f *files) retire(s *segment) {
	s.removed = true
	if s.file != nil && s.refs == 0 {
		f.close(s)
	}
}

// replace puts next, an open, whole and durable file of the name next.name() with
// unfinished behind it, in the place of s. Who reads s may finish.
func (f *files) replace(s, next *segment) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errClosed
	}
	f.closeIdle()
	if err := f.fs.Rename(next.name()+unfinished, next.name()); err != nil {
		return err
	}
	f.byNum[s.number] = next
	f.opened++
	f.retire(s)
	return nil
}

// settle removes the file of s, which was replaced, where it has a name of its own, once
// the other one's name is durable: at any moment one of the two is there. What fails
// here is done by the next sweep.
func (f *files) settle(s *segment) error {
	if s.kept {
		return f.fs.SyncDir()
	}
	f.mu.Lock()
	f.stale = append(f.stale, s.name())
	f.mu.Unlock()
	return f.sweep()
}

// sweep removes the files that others stand for and that are still there.
func (f *files) sweep() error {
	f.mu.Lock()
	names := f.stale
	f.stale = nil
	f.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	err := f.fs.SyncDir()
	for err == nil && len(names) > 0 {
		if err = f.fs.Remove(names[0]); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err == nil {
			names = names[1:]
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stale = append(names, f.stale...)
	return err
}

// publish lets readers walk a segment up to end.
func (f *files) publish(s *segment, end int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.end = end
}

// published is how far readers may walk s.
func (f *files) published(s *segment) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return s.end
}

// closeAll closes what is open. Who reads may finish.
func (f *files) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.byNum {
		f.retire(s)
	}
	f.closed = true
}
