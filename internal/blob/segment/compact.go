package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gatepost/internal/blob"
)

// A compaction is one Compact.
type compaction struct {
	*Store
	register blob.Register
	pace     pace
	report   blob.Report
}

// errBusy: two at once would be in each other's way.
var errBusy = errors.New("segment: a compaction is under way")

// Compact implements blob.Compacter. A segment of which at least half is dead is
// rewritten (see rewrite.go), one that is dead altogether is removed; the one that is
// being written never is. What can't be done to one segment does not keep it from
// the others.
func (s *Store) Compact(ctx context.Context, r blob.Register, rate int64) (blob.Report, error) {
	if !s.compacting.TryLock() {
		return blob.Report{}, errBusy
	}
	defer s.compacting.Unlock()
	c := &compaction{Store: s, register: r, pace: pace{rate: rate, wait: wait}}
	err := c.run(ctx)
	s.census.add(c.report)
	if err != nil {
		return c.report, fmt.Errorf("segment: compact: %w", err)
	}
	return c.report, nil
}

func (c *census) add(r blob.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total.Unknown += r.Unknown
	c.total.Buried += r.Buried
	c.total.Files += r.Files
	c.total.Moved += r.Moved
	c.total.Freed += r.Freed
}

func (c *compaction) run(ctx context.Context) error {
	// Whose a part is is known when every segment has been read.
	errs, err := c.surveys(ctx)
	if err != nil {
		return err
	}
	if err := c.turn(ctx); err != nil {
		errs = append(errs, err)
	}
	numbers, next := c.log.files.numbers(), uint32(0)
	// The newest first: the parts of a list follow it into death.
	for _, n := range slices.Backward(numbers) {
		if next > 0 {
			errs = append(errs, c.absent(ctx, n, next))
		}
		next = n
		if n < c.log.last.Load() {
			errs = append(errs, c.segment(ctx, n))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	errs = append(errs, c.absent(ctx, 0, next))
	return errors.Join(errs...)
}

// surveys sees to it that all segments are in the census. What is wrong with some, errs,
// does not keep it from the others.
func (c *compaction) surveys(ctx context.Context) (errs []error, err error) {
	for _, n := range c.log.files.numbers() {
		k, known := c.census.count(n)
		var err error
		switch tail := n >= c.log.last.Load(); {
		case tail && known && !k.wrecked:
			k.size = c.size(n)
			c.census.set(n, k)
		case tail: // for its lists; its contents are shown when it is whole
			err = c.survey(ctx, n, nil)
		case !k.met:
			err = c.survey(ctx, n, c.meet)
		}
		if k, _ := c.census.count(n); err != nil && (!k.wrecked || ctx.Err() != nil) {
			return nil, err // the register's, or ctx's: the others would fare no better
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs, nil
}

func (c *compaction) meet(ctx context.Context, page []blob.Found) error {
	unknown, err := c.register.Meet(ctx, page)
	c.report.Unknown += unknown
	return err
}

// size returns how much of segment n may be read.
func (c *compaction) size(n uint32) int64 {
	seg, err := c.log.files.acquire(n)
	if err != nil {
		return 0
	}
	defer c.log.files.release(seg)
	return c.log.files.published(seg)
}

// turn ends the segment that is being written where half of it is dead and it is worth
// a file of its own: when it is big, or when the disk is short and no more will be put.
func (c *compaction) turn(ctx context.Context) error {
	n := c.log.last.Load()
	k, ok := c.census.count(n)
	if !ok || k.size < c.log.opt.MaxSegment/8 && (c.Full() == nil || k.size < 64<<10) {
		return nil
	}
	dead, err := c.deadIn(ctx, n, n+1)
	if err != nil || 2*octets(dead) < k.size {
		return err
	}
	if err := c.log.Turn(ctx); err != nil {
		return err
	}
	return c.survey(ctx, n, c.meet)
}

func (c *compaction) deadIn(ctx context.Context, from, to uint32) ([]blob.Found, error) {
	return c.register.Dead(ctx, blob.ID(Ref{from, 0}.String()), blob.ID(Ref{to, 0}.String()))
}

// octets returns what the contents take of their segments, nearly.
func octets(list []blob.Found) (n int64) {
	for _, f := range list {
		n += headerSize + f.Size
	}
	return n
}

// absent buries the dead between two segments, n and next, where nothing is.
func (c *compaction) absent(ctx context.Context, n, next uint32) error {
	if n+1 >= next {
		return nil
	}
	dead, err := c.deadIn(ctx, n+1, next)
	if err != nil {
		return err
	}
	return c.bury(ctx, dead)
}

// segment compacts one segment, where it is worth it.
func (c *compaction) segment(ctx context.Context, n uint32) error {
	dead, err := c.deadIn(ctx, n, n+1)
	if err != nil {
		return err
	}
	k, _ := c.census.count(n)
	k.dead = min(octets(dead)+c.census.looseIn(n), k.size)
	c.census.set(n, k)
	if !k.met || k.wrecked || k.unsound || k.dead == 0 || 2*k.dead < k.size {
		return nil // in a wrecked one nobody can tell what stood there
	}
	p, err := c.plan(ctx, n, dead)
	if err != nil {
		return err
	}
	defer c.log.files.release(p.seg)
	if p.wrecked || 2*p.octets > p.size {
		return nil
	}
	if err := c.perform(ctx, p); err != nil {
		// Nothing was buried of what can't be copied. What was buried and is still there is
		// to be met again.
		k.unsound = errors.Is(err, blob.ErrDamaged)
		k.met = k.unsound
		c.census.set(n, k)
		return fmt.Errorf("%s: %w", p.seg.name(), err)
	}
	return nil
}

func (c *compaction) perform(ctx context.Context, p *plan) error {
	if len(p.keep) == 0 {
		if err := c.bury(ctx, p.dead); err != nil {
			return err
		}
		// Durable, before parts of its lists go elsewhere.
		if err := c.log.files.remove(p.seg); err != nil {
			return err
		}
		c.account(p, nil)
		return nil
	}
	next, err := c.rewrite(ctx, p)
	if err != nil {
		return err
	}
	if err = c.bury(ctx, p.dead); err == nil {
		err = c.log.files.replace(p.seg, next)
	}
	if err != nil {
		next.file.Close()
		c.log.files.fs.Remove(next.name() + unfinished)
		return err
	}
	if err := c.log.files.settle(p.seg); err != nil {
		return err
	}
	c.account(p, next)
	return nil
}

// bury gives up rows, some at a time. They go before the content does: a crash in
// between leaves contents that nobody knows, which are met and marked again.
func (c *compaction) bury(ctx context.Context, dead []blob.Found) error {
	for page := range slices.Chunk(dead, maxPage) {
		ids := make([]blob.ID, len(page))
		for i, f := range page {
			ids[i] = f.ID
		}
		if err := c.register.Bury(ctx, ids); err != nil {
			return err
		}
		c.report.Buried += len(ids)
	}
	return nil
}

// account notes that next, or nothing where it is nil, stands in the place of a segment.
func (c *compaction) account(p *plan, next *segment) {
	c.census.mu.Lock()
	for ref, l := range p.gone {
		c.census.forget(ref, l)
	}
	c.census.mu.Unlock()
	c.report.Files++
	if next == nil {
		c.census.drop(p.seg.number)
		c.report.Freed += p.size
		return
	}
	c.census.set(p.seg.number, count{size: next.end, loose: p.loose, met: true})
	c.report.Moved += p.octets
	c.report.Freed += p.size - next.end
}
