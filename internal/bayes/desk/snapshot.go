package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What is kept of the past.
const (
	KeepDays = 8        // snapshots by day: today's and a week's
	logMost  = 32 << 20 // octets of entries after which the model is kept whole
)

// ErrNoSnapshot: nothing is kept of a day, or of one before it.
var ErrNoSnapshot = errors.New("desk: no snapshot is kept of that day or one before it")

// Compact keeps the model whole where that is due: once a day, when the log has grown, and after a roll-back. Then it removes what is no
// longer needed: entries before the last snapshot but one, and of snapshots all but the newest two and the first of each of
// KeepDays days, and those that the last roll-back leads to and came from.
func (d *Desk) Compact(ctx context.Context) error {
	head, err := d.c.Rows.Head(ctx)
	if err != nil {
		return fmt.Errorf("desk: compact: %w", err)
	}
	list, err := d.c.Rows.Snapshots(ctx)
	if err != nil {
		return fmt.Errorf("desk: compact: %w", err)
	}
	if head.Seq > 0 && d.due(head, list) {
		switch err := d.snapshot(ctx); {
		case errors.Is(err, ErrBusy):
			return nil
		case err != nil:
			return fmt.Errorf("desk: keep a snapshot: %w", err)
		}
		if list, err = d.c.Rows.Snapshots(ctx); err != nil {
			return fmt.Errorf("desk: compact: %w", err)
		}
	}
	if err := d.thin(ctx, head, list); err != nil {
		return fmt.Errorf("desk: compact: %w", err)
	}
	return nil
}

// due reports whether the model is to be kept whole.
func (d *Desk) due(head Head, list []Snapshot) bool {
	if len(list) == 0 {
		return true
	}
	newest := list[len(list)-1]
	if newest.Seq >= head.Seq {
		return false
	}
	rolled := len(head.Rolls) > 0 && head.Rolls[len(head.Rolls)-1].Seq > newest.Seq
	return rolled || newest.Day != dayOf(d.c.Now()) || d.added.Load() > logMost
}

// snapshot keeps the model whole.
func (d *Desk) snapshot(ctx context.Context) error {
	give, err := d.take(ctx)
	if err != nil {
		return err
	}
	s, data, err := d.picture(ctx)
	give()
	if err != nil {
		return err
	}
	return d.c.Rows.PutSnapshot(ctx, s, data)
}

// picture is the model whole, as it is at the end of the log; the caller has the turn. Where nothing was learnt yet today it is as of
// when the day began.
func (d *Desk) picture(ctx context.Context) (s Snapshot, data []byte, err error) {
	if err := d.follow(ctx); err != nil {
		return s, nil, err
	}
	now := d.c.Now()
	s = Snapshot{Seq: d.seq, Day: dayOf(now), Time: now, Node: d.c.Node}
	err = d.c.Rows.Entries(ctx, Span{d.seq - 1, d.seq}, 1, func(e Entry) error {
		if midnight := now.UTC().Truncate(24 * time.Hour); e.Time.Before(midnight) {
			s.Time = midnight
		}
		return nil
	})
	if err != nil {
		return s, nil, err
	}
	data, err = packModel(d.model.Load())
	s.Octets = int64(len(data))
	d.added.Store(0)
	return s, data, err
}

// morning keeps the model as it was when the day began, before the first lessons of it; the caller has the turn. Where that
// fails they are learnt all the same. That another node keeps it just now is no failure.
func (d *Desk) morning(ctx context.Context) {
	today := dayOf(d.c.Now())
	if d.day == today {
		return
	}
	d.day = today
	if err := d.keep(ctx); !errors.Is(err, ErrBusy) {
		d.failed(ctx, "no snapshot of the bayes model is kept of this morning", err)
	}
}

// keep keeps the model whole as it is, unless a snapshot has it; the caller has the turn.
func (d *Desk) keep(ctx context.Context) error {
	if err := d.follow(ctx); err != nil {
		return err
	}
	list, err := d.c.Rows.Snapshots(ctx)
	if err != nil {
		return err
	}
	if d.seq == 0 || len(list) > 0 && list[len(list)-1].Seq >= d.seq {
		return nil
	}
	s, data, err := d.picture(ctx)
	if err != nil {
		return err
	}
	return d.c.Rows.PutSnapshot(ctx, s, data)
}

// thin removes what is no longer needed.
func (d *Desk) thin(ctx context.Context, head Head, list []Snapshot) error {
	if len(list) < 2 {
		return nil
	}
	for _, s := range surplusOf(head, list, d.c.Now()) {
		if err := d.c.Rows.DropSnapshot(ctx, s.ID); err != nil && !errors.Is(err, ErrNeeded) {
			return err
		}
	}
	for {
		more, err := d.c.Rows.Trim(ctx, list[len(list)-2].Seq)
		if err != nil || !more {
			return err
		}
	}
}

// surplusOf are the snapshots that are kept no longer.
func surplusOf(head Head, list []Snapshot, now time.Time) (drop []Snapshot) {
	oldest := dayOf(now.AddDate(0, 0, 1-KeepDays))
	days := map[string]bool{}
	for _, s := range list[:len(list)-2] {
		first := !days[s.Day]
		days[s.Day] = true
		if first && s.Day >= oldest || leads(head, s) {
			continue
		}
		drop = append(drop, s)
	}
	return drop
}

// leads reports whether the last roll-back leads to a snapshot, or came right after it, so that it can be taken back.
func leads(head Head, s Snapshot) bool {
	if len(head.Rolls) == 0 {
		return false
	}
	last := head.Rolls[len(head.Rolls)-1]
	return last.Snapshot == s.ID || last.Seq == s.Seq+1
}

// Snapshots returns those that RollBack may return to, the oldest first.
func (d *Desk) Snapshots(ctx context.Context) ([]Snapshot, error) { return d.c.Rows.Snapshots(ctx) }

// RollBack makes the model what it was when a day began (2026-11-26, 00:00 UTC), or, where nothing was kept then, at the last snapshot
// before; it returns which that was. Lessons since then count no more, on all nodes; Lessons says which. The model
// as it was before is kept too, and RollBackTo takes the roll-back back.
func (d *Desk) RollBack(ctx context.Context, day, by string) (Snapshot, error) {
	begins, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return Snapshot{}, fmt.Errorf("desk: roll back: %w", err)
	}
	return d.rollTo(ctx, by, func(s Snapshot) bool { return !s.Time.After(begins) })
}

// RollBackTo is RollBack to a snapshot.
func (d *Desk) RollBackTo(ctx context.Context, snapshot int64, by string) (Snapshot, error) {
	return d.rollTo(ctx, by, func(s Snapshot) bool { return s.ID == snapshot })
}

// rollTo rolls back to the last snapshot that is one wanted.
func (d *Desk) rollTo(ctx context.Context, by string, wanted func(Snapshot) bool) (Snapshot, error) {
	list, err := d.c.Rows.Snapshots(ctx)
	if err != nil {
		return Snapshot{}, fmt.Errorf("desk: roll back: %w", err)
	}
	for _, s := range slices.Backward(list) {
		if wanted(s) {
			return s, d.roll(ctx, Roll{To: s.Seq, Snapshot: s.ID, Day: s.Day, By: by})
		}
	}
	return Snapshot{}, ErrNoSnapshot
}

// Reset makes the model empty: it has forgotten everything, and knows nothing until it has learnt again. It works also where no
// snapshot can be read.
func (d *Desk) Reset(ctx context.Context, by string) error {
	return d.roll(ctx, Roll{By: by})
}

func (d *Desk) roll(ctx context.Context, r Roll) error {
	give, err := d.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	d.failed(ctx, "no snapshot is kept of the bayes model before it is rolled back", d.keep(ctx))
	for range tries {
		head, err := d.c.Rows.Head(ctx)
		if err != nil {
			return fmt.Errorf("desk: roll back: %w", err)
		}
		r.Seq, r.Time = head.Seq+1, d.c.Now()
		err = d.c.Rows.Append(ctx, Entry{Seq: r.Seq, Node: d.c.Node, Time: r.Time, Roll: &r})
		switch {
		case errors.Is(err, ErrBehind):
			continue
		case err != nil:
			return fmt.Errorf("desk: roll back: %w", err)
		}
		d.c.Log.Warn("the bayes model was rolled back", "day", r.Day, "to_entry", r.To, "by", r.By)
		return d.follow(ctx)
	}
	return fmt.Errorf("desk: roll back: %w", ErrBehind)
}
