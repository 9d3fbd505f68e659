// Package journal keeps the evidence: for each transaction, refused ones too,
// what every filter saw, in order, what it cost, and who decided. "Why?", replay,
// statistics and filter costs all read this one record.
//
// A Record is the whole evidence of a transaction. It goes in a compact binary
// form into a Log, a file a day; a Row with what people search by points to it
// and goes into the store, one line for each recipient (Hit).
//
// What was accepted must not go missing: Write makes the evidence durable and
// returns the Row for the commit that accepts the message. What was refused left
// nothing behind that could be lost, and comes in floods: Note takes it in
// its own time, never waits, and when more comes than can be written it keeps a
// sample of what the networks send that flood, and counts the rest. The count is in
// the record that follows, and in the log.
//
//	row, err := j.Write(ctx, record)   // accepted: row goes into the commit
//	j.Note(record)                     // refused
//	hits, err := j.Search(ctx, journal.Query{Recipient: "ann@example.org", Limit: 50})
//	record, hits, err := j.Show(ctx, hits[0].ID)
//
// The package knows no pipeline and no SQL: who has a walk turns it into the
// plain values of this package, and the store implements Rows.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// Errors that callers decide by.
var (
	// ErrNotFound: no transaction has this id.
	ErrNotFound = errors.New("journal: not found")
	// ErrFormat: what was read is not evidence in a form this program knows.
	ErrFormat = errors.New("journal: not an evidence record")
)

// A Log keeps records durably, those of a day together.
type Log interface {
	// Append returns the record's name once it is durable.
	Append(ctx context.Context, record []byte) (name string, err error)
	// Read returns the record of that name.
	Read(ctx context.Context, name string) ([]byte, error)
	// Expire removes the days before the one of t.
	Expire(ctx context.Context, t time.Time) error
	// Rewrite puts what change makes of each named record in its place, and leaves
	// nothing of what was there. Names of records that are gone are passed over.
	Rewrite(ctx context.Context, names []string, change func(name string, record []byte) ([]byte, error)) error
}

// Rows keeps what people search by.
type Rows interface {
	// Put adds rows, in one commit.
	Put(ctx context.Context, rows []*Row) error
	// Search returns the hits that q asks for, the newest first.
	Search(ctx context.Context, q Query) ([]Hit, error)
	// Expire removes what is older than t.
	Expire(ctx context.Context, t time.Time) error
}

// A Journal writes and finds evidence. It is safe for use by many goroutines.
type Journal struct {
	log   Log
	rows  Rows
	notes *notes
	packs sync.Pool // of *packer
}

// New returns a journal over log and rows. The caller closes it before either.
func New(log Log, rows Rows, logger *slog.Logger) *Journal {
	j := &Journal{log: log, rows: rows}
	j.notes = newNotes(j.flush, logger)
	return j
}

// Close writes the notes that wait, and ends. Later notes are counted as dropped.
func (j *Journal) Close() { j.notes.close() }

// Write makes r durable and returns its row, which is in no store yet: the
// caller commits it together with the message.
func (j *Journal) Write(ctx context.Context, r *Record) (*Row, error) {
	rows, err := j.append(ctx, []*Record{r}, nil)
	if err != nil {
		return nil, fmt.Errorf("journal: write %s: %w", r.ID, err)
	}
	return rows[0], nil
}

// Note keeps r, which the caller no longer changes, within a moment; it returns at
// once. Under a flood it keeps a sample and counts the rest (see Dropped).
func (j *Journal) Note(r *Record) { j.notes.add(r) }

// Flush returns once the notes that were taken before it are written, so that
// whoever searches next finds them.
func (j *Journal) Flush(ctx context.Context) error { return j.notes.await(ctx) }

// Dropped is how many notes were not kept since the start.
func (j *Journal) Dropped() uint64 { return j.notes.dropped.Load() }

// flush writes a group of notes: one block of evidence, as a rule, and one commit
// of rows.
func (j *Journal) flush(ctx context.Context, group []*Record) error {
	rows, err := j.append(ctx, group, make([]*Row, 0, len(group)))
	if err != nil {
		return err
	}
	return j.rows.Put(ctx, rows)
}

// append makes a group's evidence durable, in as few blocks as can hold it, and adds
// its rows to rows.
func (j *Journal) append(ctx context.Context, group []*Record, rows []*Row) ([]*Row, error) {
	block := j.encode(group)
	if block == nil {
		half := len(group) / 2
		rows, err := j.append(ctx, group[:half], rows)
		if err != nil {
			return nil, err
		}
		return j.append(ctx, group[half:], rows)
	}
	name, err := j.log.Append(ctx, block)
	if err != nil {
		return nil, err
	}
	for i, r := range group {
		rows = append(rows, r.row(pointer(name, i)))
	}
	return rows, nil
}

func (j *Journal) encode(group []*Record) []byte {
	p, ok := j.packs.Get().(*packer)
	if !ok {
		p = &packer{}
	}
	block := p.encode(group)
	if !p.big() {
		clear(p.encoder.index) // which holds the records' texts
		j.packs.Put(p)
	}
	return block
}

// pointer names the i-th record of a block.
func pointer(name string, i int) string {
	if i == 0 {
		return name
	}
	return name + "/" + strconv.Itoa(i)
}

// Search returns what q asks for, the newest first.
func (j *Journal) Search(ctx context.Context, q Query) ([]Hit, error) {
	hits, err := j.rows.Search(ctx, q.clean())
	if err != nil {
		return nil, fmt.Errorf("journal: search: %w", err)
	}
	return hits, nil
}

// Show returns a transaction's evidence and its hits. When the evidence can't be
// read the hits come all the same, with the error.
func (j *Journal) Show(ctx context.Context, id string) (*Record, []Hit, error) {
	if id == "" {
		return nil, nil, fmt.Errorf("journal: show: no id: %w", ErrNotFound)
	}
	hits, err := j.Search(ctx, Query{ID: id, Limit: MaxLimit})
	if err != nil {
		return nil, nil, err
	}
	if len(hits) == 0 {
		return nil, nil, fmt.Errorf("journal: show %s: %w", id, ErrNotFound)
	}
	r, err := j.Evidence(ctx, hits[0].Evidence)
	if err != nil {
		return nil, hits, fmt.Errorf("journal: show %s: %w", id, err)
	}
	if r.ID != id { // what another node wrote, and this one has something else of that name
		return nil, hits, fmt.Errorf("journal: show %s: its evidence is of %s: %w", id, r.ID, ErrFormat)
	}
	return r, hits, nil
}

// Evidence reads the record that a row's or hit's Evidence points to.
func (j *Journal) Evidence(ctx context.Context, pointer string) (*Record, error) {
	name, i, err := parsePointer(pointer)
	if err != nil {
		return nil, err
	}
	block, err := j.log.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	records, err := decode(block)
	if err != nil {
		return nil, fmt.Errorf("evidence %s: %w", pointer, err)
	}
	if i < 0 || i >= len(records) {
		return nil, fmt.Errorf("evidence %s: block of %d: %w", pointer, len(records), ErrFormat)
	}
	return records[i], nil
}

// Expire removes what is older than before: rows to the microsecond, evidence by
// whole days.
func (j *Journal) Expire(ctx context.Context, before time.Time) error {
	if err := j.rows.Expire(ctx, before); err != nil {
		return fmt.Errorf("journal: expire: %w", err)
	}
	if err := j.log.Expire(ctx, before); err != nil {
		return fmt.Errorf("journal: expire: %w", err)
	}
	return nil
}
