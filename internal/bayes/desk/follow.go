package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"gatepost/internal/bayes"
)

// followSome is how many octets of the log are read at once.
const followSome = 8 << 20

// follow brings the model to the end of the log; the caller has the turn. Where another node removes what is being read, since
// a snapshot stands for it now, reading begins anew.
func (d *Desk) follow(ctx context.Context) error {
	for try := 1; ; try++ {
		head, err := d.c.Rows.Head(ctx)
		if err != nil {
			return fmt.Errorf("desk: follow: %w", err)
		}
		if err = d.followTo(ctx, head); err == nil || try == tries {
			return err
		}
		if now, failed := d.c.Rows.Head(ctx); failed != nil || now.First == head.First {
			return err
		}
	}
}

// followTo brings the model to where the log's end was.
func (d *Desk) followTo(ctx context.Context, head Head) error {
	if d.ready && head.Seq == d.seq {
		return nil
	}
	rolled := len(head.Rolls) > 0 && head.Rolls[len(head.Rolls)-1].Seq > d.seq
	anew := !d.ready || rolled || d.seq > head.Seq || d.seq+1 < head.First
	d.ready = false // until all is read, so that what fails halfway is read anew
	if anew {
		if err := d.load(ctx, head); err != nil {
			return fmt.Errorf("desk: read the model: %w", err)
		}
	}
	for d.seq < head.Seq {
		before := d.seq
		// Not beyond: there may be a roll by now.
		if err := d.c.Rows.Entries(ctx, Span{d.seq, head.Seq}, followSome, d.apply); err != nil {
			return fmt.Errorf("desk: follow from %d: %w", d.seq, err)
		}
		if d.seq == before {
			return fmt.Errorf("desk: follow: entry %d of %d is not there", d.seq+1, head.Seq)
		}
	}
	if err := d.readBeside(ctx, anew); err != nil {
		return fmt.Errorf("desk: follow: %w", err)
	}
	d.ready = true
	return nil
}

// apply makes a step of the log.
func (d *Desk) apply(e Entry) error {
	if e.Seq != d.seq+1 {
		return fmt.Errorf("entry %d comes after %d", e.Seq, d.seq)
	}
	list, err := unpack(e.Delta)
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	m := d.model.Load()
	for _, delta := range list {
		m.Merge(delta)
		d.bench.Merge(delta)
	}
	d.seq = e.Seq
	d.added.Add(int64(len(e.Delta)))
	d.guard.known = false
	return nil
}

// A base is a whole model that the log can be read from.
type base struct {
	seq      int64
	snapshot int64 // 0: the empty model
}

// load makes the model anew of the newest base that can be read.
func (d *Desk) load(ctx context.Context, head Head) error {
	snapshots, err := d.c.Rows.Snapshots(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, b := range bases(head, snapshots) {
		m, bench, err := d.read(ctx, b.snapshot)
		if err != nil {
			errs = append(errs, fmt.Errorf("as of entry %d: %w", b.seq, err))
			continue
		}
		for _, err := range errs {
			d.c.Log.Error("a snapshot of the bayes model can't be read", "error", err)
		}
		d.model.Store(m)
		d.bench = bench
		d.seq, d.guard.known = b.seq, false
		d.added.Store(0)
		return nil
	}
	return errors.Join(append(errs, fmt.Errorf("the log begins with entry %d, and no snapshot that leads there can be read", head.First))...)
}

// bases are whole models from which the log is there, the newest first. None is older than the last roll-back.
func bases(head Head, snapshots []Snapshot) (list []base) {
	for _, s := range snapshots {
		list = append(list, base{s.Seq, s.ID})
	}
	last := int64(0)
	for _, r := range head.Rolls {
		list = append(list, base{r.Seq, r.Snapshot})
		last = max(last, r.Seq)
	}
	list = append(list, base{})
	list = slices.DeleteFunc(list, func(b base) bool { return b.seq < last || b.seq+1 < head.First || b.seq > head.Seq })
	slices.SortStableFunc(list, func(a, b base) int { return int(b.seq - a.seq) })
	return list
}

// read returns a whole model twice.
func (d *Desk) read(ctx context.Context, snapshot int64) (m, bench *bayes.Model, err error) {
	if snapshot == 0 {
		return bayes.New(), bayes.New(), nil
	}
	var b bytes.Buffer
	if err := d.c.Rows.Snapshot(ctx, snapshot, &b); err != nil {
		return nil, nil, err
	}
	if m, err = unpackModel(b.Bytes()); err != nil {
		return nil, nil, err
	}
	bench, err = unpackModel(b.Bytes())
	return m, bench, err
}

// readBeside reads what stands beside the model: the record, of which anew or the last days, and samples.
func (d *Desk) readBeside(ctx context.Context, anew bool) error {
	now := d.c.Now()
	since := dayOf(now.AddDate(0, 0, -1))
	if anew {
		since = dayOf(now.Add(-d.c.Keep))
		d.guard.clear()
	}
	cells, err := d.c.Rows.Cells(ctx, since)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	samples, err := d.c.Rows.Samples(ctx, d.guard.seq)
	if err != nil {
		return fmt.Errorf("samples: %w", err)
	}
	for _, s := range samples {
		if err := d.guard.put(s); err != nil {
			d.c.Log.Warn("a sample of known ham can't be read", "message", s.Message, "error", err)
		}
	}
	days, err := d.c.Rows.GuardDays(ctx, guardDays)
	if err != nil {
		return fmt.Errorf("days of the guard: %w", err)
	}
	d.guard.days = nil
	for _, one := range days {
		d.guard.begin(one)
	}
	d.note(0, now)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.record.replace(since, cells)
	d.reckon()
	return nil
}
