package segment

import (
	"cmp"
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
	errs     []error
	full     error // what there was no room for
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
	c.note(c.log.files.sweep())
	// Whose a part is is known when every segment has been read.
	if err := c.surveys(ctx); err != nil {
		return err
	}
	c.note(c.turn(ctx))
	numbers := c.log.files.numbers()
	for _, n := range c.order(ctx, numbers) {
		c.note(c.segment(ctx, n))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	last := uint32(0)
	for _, n := range numbers {
		c.note(c.absent(ctx, last, n))
		last = n
	}
	if err := errors.Join(c.errs...); err != nil {
		return err
	}
	return c.full
}

// note keeps an error for the end: what can't be done to one segment does not keep the
// others from it. A lack of room hides nothing else.
func (c *compaction) note(err error) {
	switch {
	case errors.Is(err, blob.ErrFull):
		c.full = cmp.Or(c.full, err)
	case err != nil:
		c.errs = append(c.errs, err)
	}
}

// order returns the segments that may be compacted, the newest first: the parts of a list
// follow it into death. Where the disk is short those come first that need the least
// room, so that what they give back is there for the others.
func (c *compaction) order(ctx context.Context, numbers []uint32) []uint32 {
	numbers = slices.DeleteFunc(slices.Clone(numbers), func(n uint32) bool { return n >= c.log.last.Load() })
	slices.Reverse(numbers)
	if c.Full() == nil {
		return numbers
	}
	keeps := map[uint32]int64{}
	for _, n := range numbers {
		k, _, err := c.weigh(ctx, n)
		if err != nil {
			return numbers // segment tells it
		}
		keeps[n] = k.size - k.dead
	}
	slices.SortStableFunc(numbers, func(a, b uint32) int { return cmp.Compare(keeps[a], keeps[b]) })
	return numbers
}

// surveys sees to it that all segments are in the census. A file that can't be opened does
// not keep it from the others.
func (c *compaction) surveys(ctx context.Context) error {
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
			return err // the register's, or ctx's: the others would fare no better
		}
		c.note(err)
	}
	return nil
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

// weigh says how much of segment n is dead.
func (c *compaction) weigh(ctx context.Context, n uint32) (k count, dead []blob.Found, err error) {
	if dead, err = c.deadIn(ctx, n, n+1); err != nil {
		return k, nil, err
	}
	k, _ = c.census.count(n)
	k.dead = min(octets(dead)+c.census.looseIn(n), k.size)
	c.census.set(n, k)
	return k, dead, nil
}

// segment compacts one segment, where it is worth it.
func (c *compaction) segment(ctx context.Context, n uint32) error {
	k, dead, err := c.weigh(ctx, n)
	if err != nil {
		return err
	}
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
		if c.census.set(n, k); !c.log.files.has(n) { // its file is to be removed yet
			c.census.drop(n)
		}
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
		c.note(c.log.files.discard(next))
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
