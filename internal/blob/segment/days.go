package segment

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// dayForm labels a day's segments: "20261122-00000007.seg".
const dayForm = "20060102"

// Days is a Log that begins a new segment with each day in UTC, so that what is
// older than some day goes in whole files. A clock that jumps begins a
// segment more and does no harm.
type Days struct {
	log   *Log
	holds atomic.Int32 // see Hold

	rewriting sync.Mutex // held by who takes segments' places, or removes them
}

// OpenDays opens the log in fsys; opt.Label is set by the call. now is the clock.
func OpenDays(fsys FS, opt Options, now func() time.Time) (*Days, Recovery, error) {
	opt.Label = func() string { return now().UTC().Format(dayForm) }
	log, rec, err := OpenLog(fsys, opt)
	if err != nil {
		return nil, rec, err
	}
	return &Days{log: log}, rec, nil
}

// kindDay is the kind of a Days' records.
const kindDay = 'd'

// Append adds a record to the day's segment and returns its name once it is
// durable, together with those that others append (see Log.Append).
func (d *Days) Append(ctx context.Context, record []byte) (string, error) {
	ref, err := d.log.Append(ctx, kindDay, record)
	if err != nil {
		return "", err
	}
	return ref.String(), nil
}

// Read returns the record of that name. Errors to decide by: blob.ErrNotFound,
// blob.ErrDamaged.
func (d *Days) Read(_ context.Context, name string) ([]byte, error) {
	ref, err := ParseRef(name)
	if err != nil {
		return nil, err
	}
	record, _, err := d.log.Read(ref)
	return record, err
}

// Expire removes the segments of the days before the one of t. While somebody holds them it
// leaves that to the next time.
func (d *Days) Expire(_ context.Context, t time.Time) error {
	if d.holds.Load() > 0 {
		return nil
	}
	d.rewriting.Lock()
	defer d.rewriting.Unlock()
	first := t.UTC().Format(dayForm)
	return d.log.Prune(func(label string) bool {
		_, err := time.Parse(dayForm, label)
		return err == nil && label < first
	})
}

// Check reads everything and calls damaged for each record that is not what was
// appended. It returns how many are whole.
func (d *Days) Check(ctx context.Context, damaged func(name string, cause error)) (whole int, err error) {
	for f, err := range d.log.Frames(ctx, true) {
		switch {
		case err != nil && (ctx.Err() != nil || closed(err)):
			return whole, fmt.Errorf("check: %w", err)
		case err != nil:
			damaged(f.Ref.String(), err)
		case f.Damage != nil:
			damaged(f.Ref.String(), f.Damage)
		default:
			whole++
		}
	}
	return whole, nil
}

// Err is why nothing more is taken (blob.ErrBroken is its cause), or nil.
func (d *Days) Err() error { return d.log.Err() }

// Close refuses what still waits and closes the files.
func (d *Days) Close() error { return d.log.Close() }
