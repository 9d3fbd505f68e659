package directory

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Lists as files: a line an entry (RFC 4180, and no line end within a field), of which
// the first names the columns. They may stand in any order; list and value must be
// there.
const (
	columnList    = "list"
	columnKind    = "kind"
	columnValue   = "value"
	columnScope   = "scope"
	columnOrigin  = "origin"
	columnNote    = "note"
	columnCreated = "created"
	columnExpires = "expires"
	columnHits    = "hits"
	columnLastHit = "last_hit"
)

// EntryColumns returns the columns in the order in which they are written.
func EntryColumns() []string {
	return []string{
		columnList, columnKind, columnValue, columnScope, columnOrigin, columnNote, columnCreated, columnExpires, columnHits, columnLastHit,
	}
}

// ExportEntries writes what the store has for q, After and Limit aside, as CSV. It holds
// one page of entries at a time, however many there are; what changes meanwhile may be
// in it or not.
func (d *Directory) ExportEntries(ctx context.Context, q EntryQuery, w io.Writer) error {
	q.After, q.Limit = 0, MaxPage
	for first := true; ; first = false {
		page, err := d.Entries(ctx, q)
		if err == nil {
			err = WriteEntries(w, page, first)
		}
		if err != nil {
			return fmt.Errorf("directory: export entries: %w", err)
		}
		if len(page) < MaxPage {
			return nil
		}
		q.After = page[len(page)-1].ID
	}
}

// WriteEntries writes some entries as CSV, and the names of the columns before them
// where head is set.
func WriteEntries(w io.Writer, list []Entry, head bool) error {
	c := csv.NewWriter(w)
	if head {
		c.Write(EntryColumns())
	}
	for _, e := range list {
		c.Write([]string{
			string(e.List), string(e.Kind), Guarded(e.Value), Guarded(e.Scope.String()), Guarded(e.Origin), Guarded(e.Note),
			timeText(e.Created), timeText(e.Expires), strconv.FormatInt(e.Hits, 10), timeText(e.LastHit),
		})
	}
	c.Flush()
	return c.Error() // that of any Write, too
}

// formula has what a spreadsheet takes for the beginning of a formula, which an owner of
// a mailbox could write into a note and an admin would open.
const formula = "=+-@'"

// Guarded puts an apostrophe before what looks like a formula: spreadsheets show it as
// text then.
func Guarded(s string) string {
	if s != "" && strings.Contains(formula, s[:1]) {
		return "'" + s
	}
	return s
}

// unguarded undoes Guarded.
func unguarded(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.Contains(formula, s[1:2]) {
		return s[1:]
	}
	return s
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// parseTime reads what timeText writes, and days.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: time %q; write it like 2026-11-22 or 2026-11-22T14:00:00Z", ErrInvalid, s)
}

// columns says which field of a line is which.
type columns map[string]int

func parseColumns(line string) (columns, error) {
	names, err := fields(line)
	if err != nil {
		return nil, err
	}
	at := columns{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if err := oneOf("column", name, EntryColumns()...); err != nil {
			return nil, err
		}
		if _, twice := at[name]; twice {
			return nil, fmt.Errorf("%w: column %s is there twice", ErrInvalid, name)
		}
		at[name] = i
	}
	for _, name := range []string{columnList, columnValue} {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("%w: there is no column %s; the first line names the columns", ErrInvalid, name)
		}
	}
	return at, nil
}

// fields parts one line.
func fields(line string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line))
	record, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: not a line of CSV", ErrInvalid)
	}
	return record, nil
}

// entry reads one line, not looking at what is in the directory.
func (at columns) entry(line string) (e Entry, err error) {
	record, err := fields(line)
	if err == nil && len(record) != len(at) {
		err = fmt.Errorf("%w: %d fields, where the first line has %d", ErrInvalid, len(record), len(at))
	}
	if err != nil {
		return Entry{}, err
	}
	field := func(name string) string {
		if i, ok := at[name]; ok {
			return unguarded(strings.TrimSpace(record[i]))
		}
		return ""
	}
	e = Entry{
		List: List(strings.ToLower(field(columnList))), Kind: Kind(strings.ToLower(field(columnKind))), Value: field(columnValue),
		Origin: field(columnOrigin), Note: field(columnNote),
	}
	if err := noPattern(e.Value); err != nil {
		return Entry{}, err
	}
	if e.Scope, err = ParseScope(field(columnScope)); err != nil {
		return Entry{}, fmt.Errorf("scope: %w", err)
	}
	for _, c := range []struct {
		name string
		to   *time.Time
	}{{columnCreated, &e.Created}, {columnExpires, &e.Expires}, {columnLastHit, &e.LastHit}} {
		if *c.to, err = parseTime(field(c.name)); err != nil {
			return Entry{}, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if hits := field(columnHits); hits != "" {
		if e.Hits, err = strconv.ParseInt(hits, 10, 64); err != nil || e.Hits < 0 {
			return Entry{}, fmt.Errorf("%w: hits %q is not a number", ErrInvalid, hits)
		}
	}
	return e.canonical()
}

// unscoped reports whether a line names no scope.
func (at columns) unscoped(line string) bool {
	i, there := at[columnScope]
	if !there {
		return true
	}
	record, err := fields(line)
	return err == nil && i < len(record) && strings.TrimSpace(record[i]) == ""
}

// maxOrigin bounds an imported entry's origin, in octets.
const maxOrigin = 32

// plainOrigin refuses an origin that is not a word or two.
func plainOrigin(s string) error {
	odd := func(r rune) bool { return !(r >= 'a' && r <= 'z' || r == ' ' || r == '-') }
	if len(s) > maxOrigin || slices.ContainsFunc([]rune(s), odd) {
		return fmt.Errorf("%w: origin %q; use lower-case letters", ErrInvalid, s)
	}
	return nil
}
