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
//
// Who puts waits for mu. So only names change under it, and no file is opened, removed,
// or closed for good, which gives its space back and takes a while.
type files struct {
	fs FS

	mu     sync.Mutex
	byNum  map[uint32]*segment
	opened int
	closed bool
	stale  []string // names to remove, see sweep
}

// A segment is one file. The fields below opening are guarded by files.mu;
// index and file stay what they are for as long as there is a user.
type segment struct {
	number uint32
	label  string
	kept   bool // a compaction wrote it; index leads to its frames while file is open

	opening sync.Mutex // held by who opens the file

	index   *index
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
	s, opened, err := f.use(number)
	if err == nil && !opened {
		if err = f.open(s); err != nil {
			f.release(s)
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// use counts a user more, and tells whether the file is open.
func (f *files) use(number uint32) (s *segment, opened bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false, errClosed
	}
	if s = f.byNum[number]; s == nil {
		return nil, false, fmt.Errorf("segment: no segment %08x: %w", number, blob.ErrNotFound)
	}
	s.refs++
	return s, s.file != nil, nil
}

// open opens the file of a segment that the caller uses.
func (f *files) open(s *segment) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	f.mu.Lock()
	opened, end := s.file != nil, s.end
	if !opened {
		f.closeIdle()
	}
	f.mu.Unlock()
	if opened {
		return nil
	}
	file, index, end, err := f.load(s, end)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil && s.removed: // meanwhile
		return fmt.Errorf("segment: no segment %08x any more: %w", s.number, blob.ErrNotFound)
	case err != nil:
		return err
	}
	s.file, s.index, s.end = file, index, end
	f.opened++
	return nil
}

// load opens a file and reads what must be known of it.
func (f *files) load(s *segment, end int64) (File, *index, int64, error) {
	file, err := f.fs.Open(s.name())
	if err != nil {
		return nil, nil, 0, err
	}
	if end < 0 {
		end, err = file.Size()
	}
	var x *index
	if err == nil && s.kept {
		x, err = loadIndex(file, s.number, end)
	}
	if err != nil {
		file.Close()
		return nil, nil, 0, fmt.Errorf("%s: %w", s.name(), err)
	}
	return file, x, end, nil
}

// closeIdle makes room for one more handle. Which one goes is chance.
func (f *files) closeIdle() {
	if f.opened < maxOpen {
		return
	}
	for _, s := range f.byNum {
		if s.file != nil && s.refs == 0 {
			f.detach(s)() // which has its name, so it is quick
			return
		}
	}
}

// detach takes an open file from its segment, and returns how it is closed.
func (f *files) detach(s *segment) (end func()) {
	file := s.file
	s.file, s.index = nil, nil
	f.opened--
	return func() { file.Close() } // all that matters was synced
}

func (f *files) release(s *segment) {
	f.mu.Lock()
	s.refs--
	end := f.done(s)
	f.mu.Unlock()
	end()
}

// done detaches the file of a segment that was removed, where nobody uses it any more.
func (f *files) done(s *segment) (end func()) {
	if s.removed && s.refs == 0 && s.file != nil {
		return f.detach(s)
	}
	return func() {}
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
	var gone []*segment
	f.mu.Lock()
	for i, n := range numbers {
		if s := f.byNum[n]; s != nil && i < len(numbers)-1 && drop(s.label) {
			gone = append(gone, s)
		}
	}
	f.mu.Unlock()
	return f.remove(gone...)
}

// remove removes segments, for good. Who reads them may finish. Where one's file can't be
// removed the next sweep does it; what it replaced goes before it does, or the next start
// would take that for the segment.
func (f *files) remove(gone ...*segment) error {
	f.mu.Lock()
	var ends []func()
	for _, s := range gone {
		delete(f.byNum, s.number)
		f.stale = append(f.stale, s.name())
		ends = append(ends, f.retire(s))
	}
	f.mu.Unlock()
	for _, end := range ends {
		end()
	}
	if err := f.sweep(); err != nil {
		return err
	}
	return f.fs.SyncDir()
}

// has tells whether there is a segment of that number.
func (f *files) has(number uint32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byNum[number] != nil
}

// retire sees to it that the file is closed when nobody reads it any more; with end where
// that is now.
func (f *files) retire(s *segment) (end func()) {
	s.removed = true
	return f.done(s)
}

// replace puts next, an open, whole and durable file of the name next.name() with
// unfinished behind it, in the place of s, which the caller uses: so nobody opens it by its
// name, which may be the new one's. Who reads s may finish.
func (f *files) replace(s, next *segment) error {
	if err := f.fs.Rename(next.name()+unfinished, next.name()); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errClosed
	}
	f.closeIdle()
	f.byNum[s.number] = next
	f.opened++
	f.retire(s) // its users close it
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

// discard removes what was written of next, which has not got its name.
func (f *files) discard(next *segment) error {
	f.mu.Lock()
	f.stale = append(f.stale, next.name()+unfinished)
	f.mu.Unlock()
	return f.sweep()
}

// sweep removes the files that are to go and are still there.
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
		f.retire(s)()
	}
	f.closed = true
}
