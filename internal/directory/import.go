package directory

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// An Import says how a list is read from a file.
type Import struct {
	DryRun bool              // nothing is written
	May    func(Scope) error // says why an entry may not be in a scope; nil: it may in all
	Scope  Scope             // of lines that name none; zero: global
	// Anew has all entries begin now, by an import: for those whose word on an entry's
	// origin, age and hits is not taken.
	Anew bool
	// Head has the names of the columns where the file does not begin with them: it is
	// the part of one from line After+1 on.
	Head  string
	After int
}

// Imported is what became of a file.
type Imported struct {
	Added    int
	Existing int // entries that were there already, and stayed as they were
	Failed   int
	Faults   []Fault // the first of those that failed, MaxFaults at most
}

// A Fault is why a line of a file was left out.
type Fault struct {
	Line int // 1 is the first, which names the columns
	Text string
}

const (
	// MaxFaults bounds how many faults are told of one file.
	MaxFaults = 100
	// importBatch is how many entries one commit takes: who delivers mail waits no longer
	// for it than for another delivery.
	importBatch = 500
	// maxLine bounds a line, in octets: what all fields can have, in quotes.
	maxLine = 8 << 10
)

// ImportEntries adds the entries of a CSV file, as ExportEntries writes it, a batch in a
// commit. A line that is not right is told and left out; what is in the lists already
// stays as it is. Where the file as a whole can't be read, or the store fails, it returns
// an error besides what was done until then.
//
// Memory is bounded, whatever the file is.
func (d *Directory) ImportEntries(ctx context.Context, r io.Reader, how Import) (Imported, error) {
	in := importer{d: d, how: how}
	err := in.read(ctx, r)
	if err == nil {
		err = in.flush(ctx)
	}
	slices.SortFunc(in.done.Faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	if err != nil {
		return in.done, fmt.Errorf("directory: import entries: %w", err)
	}
	return in.done, nil
}

// An importer is one import under way.
type importer struct {
	d    *Directory
	how  Import
	at   columns
	next []numbered
	done Imported
}

// numbered is an entry of a line.
type numbered struct {
	line int
	Entry
}

func (in *importer) read(ctx context.Context, r io.Reader) (err error) {
	if in.how.Head != "" {
		if in.at, err = parseColumns(in.how.Head); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := in.how.After
	for lines.Scan() {
		n++
		if err := in.line(ctx, n, lines.Text()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("line %d: %w: longer than %d octets", n+1, ErrInvalid, maxLine)
	case err != nil:
		return err
	case in.at == nil:
		return fmt.Errorf("%w: the file is empty; its first line names the columns", ErrInvalid)
	}
	return nil
}

// line takes one line, and writes the batch that it completes.
func (in *importer) line(ctx context.Context, n int, text string) (err error) {
	if in.at == nil {
		in.at, err = parseColumns(strings.TrimPrefix(text, "\ufeff")) // which Excel puts before UTF-8
		return err
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	e, err := in.entry(text)
	if err != nil {
		in.fault(n, err)
		return nil
	}
	if in.next = append(in.next, numbered{n, e}); len(in.next) < importBatch {
		return nil
	}
	return in.flush(ctx)
}

func (in *importer) entry(text string) (Entry, error) {
	e, err := in.at.entry(text)
	if err == nil && in.how.Scope != (Scope{}) && in.at.unscoped(text) {
		e.Scope = in.how.Scope
	}
	if err == nil && in.how.May != nil {
		err = in.how.May(e.Scope)
	}
	if err != nil {
		return Entry{}, err
	}
	if in.how.Anew {
		e.Origin, e.Created, e.Hits, e.LastHit = "", time.Time{}, 0, time.Time{}
	}
	if e.Origin == "" {
		e.Origin = "import"
	}
	if e.Created.IsZero() {
		e.Created = in.d.now()
	}
	return e, plainOrigin(e.Origin)
}

func (in *importer) fault(line int, err error) {
	in.done.Failed++
	if len(in.done.Faults) < MaxFaults {
		in.done.Faults = append(in.done.Faults, Fault{line, err.Error()})
	}
}

// flush writes the batch.
func (in *importer) flush(ctx context.Context) error {
	batch := in.next
	in.next = in.next[:0]
	if in.how.DryRun {
		in.count(in.d.Snapshot().sift(batch))
		return nil
	}
	var s sifted
	_, err := in.d.update(ctx, func(snapshot *Snapshot) ([]Change, error) {
		if s = snapshot.sift(batch); len(s.changes) == 0 {
			return nil, errNone
		}
		return s.changes, nil
	})
	if err != nil && !errors.Is(err, errNone) {
		return err
	}
	in.count(s)
	return nil
}

func (in *importer) count(s sifted) {
	in.done.Added += len(s.changes)
	in.done.Existing += s.existing
	for _, f := range s.faults {
		in.fault(f.line, f.err)
	}
}

// sifted is a batch as it can be written.
type sifted struct {
	changes  []Change
	existing int
	faults   []lineError
}

type lineError struct {
	line int
	err  error
}

func (s *Snapshot) sift(batch []numbered) (out sifted) {
	seen, more := make(map[Key]bool, len(batch)), map[Scope]int{}
	for i := range batch {
		e := batch[i].Entry
		if _, old := s.lists.get(e.Key()); old || seen[e.Key()] {
			out.existing++
			continue
		}
		changes, err := checkedEntry(e)
		if err == nil && !e.Expires.IsZero() && !e.Expires.After(s.now()) {
			err = fmt.Errorf("%w: it was over on %s", ErrInvalid, timeText(e.Expires))
		}
		if err == nil {
			err = s.admits(e)
		}
		if err == nil {
			err = s.room(e.Scope, more[e.Scope])
		}
		if err != nil {
			out.faults = append(out.faults, lineError{batch[i].line, err})
			continue
		}
		seen[e.Key()] = true
		more[e.Scope]++
		out.changes = append(out.changes, changes...)
	}
	return out
}
