package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/blob"
)

// A compaction is one Compact.
type compaction struct {
	*Store
	register blob.Register
	rate     int64
	report   blob.Report
	errs     []error
	before   string // objects before it have been shown to the register, and need not be again
	last     string // of the page before
	again    bool   // something buried may be there still
}

// errBusy: two at once would be in each other's way.
var errBusy = errors.New("s3: a compaction is under way")

// maxErrors bounds how many objects a compaction fails at before it gives up.
const maxErrors = 20

// Compact implements blob.Compacter. An object of which at least half is dead is copied without
// it, one that is dead altogether is removed. Of all processes one at a time
// may run it: two would do the same work twice, and lose nothing (see twins).
func (s *Store) Compact(ctx context.Context, r blob.Register, rate int64) (blob.Report, error) {
	if !s.compacting.TryLock() {
		return blob.Report{}, errBusy
	}
	defer s.compacting.Unlock()
	if err := s.recall(ctx); err != nil {
		return blob.Report{}, fmt.Errorf("s3: compact: %w", err)
	}
	c := &compaction{Store: s, register: r, rate: rate, before: s.met.before()}
	s.usage.begin()
	err := c.run(ctx)
	s.usage.end(c.report, err == nil)
	if err != nil {
		return c.report, fmt.Errorf("s3: compact: %w", err)
	}
	return c.report, nil
}

// nameIn takes an object's name out of its key.
func nameIn(key string) string {
	return strings.TrimSuffix(strings.TrimPrefix(key, contentKeys), keptSuffix)
}

func (c *compaction) run(ctx context.Context) error {
	for after := ""; ; {
		page, err := c.client.list(ctx, contentKeys, after)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		if after = page[len(page)-1].key; len(page) == listPage && !strings.HasSuffix(after, keptSuffix) {
			// Its copy, if there is one, is to be on the same page.
			page = page[:len(page)-1]
			after = page[len(page)-1].key
		}
		if err := c.page(ctx, page, nameIn(after)+"\x7f"); err != nil {
			return err
		}
	}
	if err := c.page(ctx, nil, "\x7f"); err != nil {
		return err
	}
	if !c.again {
		c.met.pass(nameAt(c.cfg.Now().Add(-metAfter)))
	}
	c.note(c.retain(ctx))
	return errors.Join(c.errs...)
}

// page does the objects of one page, and what is dead up to an id without an object.
func (c *compaction) page(ctx context.Context, page []object, to string) error {
	objects := c.twins(ctx, page)
	if err := c.show(ctx, objects); err != nil {
		return err
	}
	list, err := c.register.Dead(ctx, blob.ID(c.last), blob.ID(to))
	if err != nil {
		return err
	}
	c.last = to
	dead := map[string][]blob.Found{}
	for _, f := range list {
		if len(f.ID) >= nameSize {
			dead[string(f.ID[:nameSize])] = append(dead[string(f.ID[:nameSize])], f)
		}
	}
	for _, o := range objects {
		name := nameIn(o.key)
		c.note(c.object(ctx, o, dead[name]))
		delete(dead, name)
		if ctx.Err() != nil || len(c.errs) >= maxErrors {
			return errors.Join(append(c.errs, ctx.Err())...)
		}
	}
	for _, gone := range dead { // there is no such object any more
		if err := c.bury(ctx, gone); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (c *compaction) note(err error) {
	if err != nil {
		c.errs = append(c.errs, err)
	}
}

// twins leaves out objects that are no contents', and takes the copy of an object that is still there in its place:
// the compaction that made it ended in the middle, or is another node's that has lost its lease and does not know
// yet. All that lives is in the copy, since it was made after the dead were buried; that other may remove the
// object at any time, so it is never the copy that goes, but where it can't be read.
func (c *compaction) twins(ctx context.Context, page []object) (objects []object) {
	for _, o := range page {
		name := nameIn(o.key)
		if _, ok := parseNumber(name); !ok || len(name) != nameSize {
			continue
		}
		n := len(objects)
		if n == 0 || nameIn(objects[n-1].key) != name {
			objects = append(objects, o)
			continue
		}
		_, _, err := c.index(ctx, o)
		switch {
		case err == nil:
			c.note(c.client.remove(ctx, objects[n-1].key))
			objects[n-1] = o
		case errors.Is(err, blob.ErrDamaged):
			c.note(c.client.remove(ctx, o.key))
		case !errors.Is(err, errGone):
			c.note(err)
		}
	}
	return objects
}

// show has the register meet what it has not yet met.
func (c *compaction) show(ctx context.Context, objects []object) error {
	var some []blob.Found
	flush := func(limit int) error {
		if len(some) < limit {
			return nil
		}
		unknown, err := c.register.Meet(ctx, some)
		c.report.Unknown += unknown
		some = some[:0]
		return err
	}
	for _, o := range objects {
		name := nameIn(o.key)
		if name < c.before || c.met.has(name) {
			continue
		}
		list, _, err := c.index(ctx, o)
		if errors.Is(err, errGone) || errors.Is(err, blob.ErrDamaged) {
			c.note(err)
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range list {
			some = append(some, blob.Found{ID: e.id(), Size: e.length})
			if err := flush(maxPage); err != nil {
				return err
			}
		}
		if err := flush(1); err != nil {
			return err
		}
		c.met.add(name)
	}
	return nil
}

// maxPage bounds what the register is shown, or asked to bury, at once.
const maxPage = 200

// object compacts one object, where it is worth it.
func (c *compaction) object(ctx context.Context, o object, dead []blob.Found) error {
	octets := int64(0)
	for _, f := range dead {
		octets += entrySize + storedSize(f.Size)
	}
	c.usage.count(o.size, min(octets, o.size))
	if len(dead) == 0 || 2*octets < o.size-footSize {
		return nil
	}
	list, etag, err := c.index(ctx, o)
	if err != nil {
		return err
	}
	gone := map[blob.ID]bool{}
	for _, f := range dead {
		gone[f.ID] = true
	}
	live := slices.DeleteFunc(slices.Clone(list), func(e entry) bool { return gone[e.id()] })
	if err := c.give(ctx, o, etag, live, dead); err != nil {
		c.met.forget(nameIn(o.key)) // what was buried and is still there is to be met again
		c.again = true
		return err
	}
	for _, e := range list {
		if gone[e.id()] {
			c.cache.dropContent(e.place)
		}
	}
	return nil
}

// give puts a copy with the living in the place of an object.
func (c *compaction) give(ctx context.Context, o object, etag string, live []entry, dead []blob.Found) error {
	name := nameIn(o.key)
	b, err := c.copied(ctx, o, etag, live)
	if err != nil {
		return err
	}
	if err := c.Store.open.pin(ctx, name); err != nil {
		return err
	}
	if err := c.bury(ctx, dead); err != nil {
		return err
	}
	kept := contentKeys + name + keptSuffix
	if len(live) > 0 {
		if err := c.client.put(ctx, kept, bytes.NewReader(b), int64(len(b))); err != nil {
			return err
		}
	}
	c.kept.forget(name)
	if len(live) == 0 || o.key != kept {
		if err := c.client.remove(ctx, o.key); err != nil {
			return err
		}
	}
	c.report.Files++
	c.report.Moved += int64(len(b))
	c.report.Freed += o.size - int64(len(b))
	return nil
}

// copied returns the copy of an object with the living alone; nothing where there are none.
func (c *compaction) copied(ctx context.Context, o object, etag string, live []entry) ([]byte, error) {
	if len(live) == 0 {
		return nil, nil
	}
	whole, _, err := c.client.get(ctx, o.key, 0, o.size, etag)
	if err != nil {
		return nil, err
	}
	var b []byte
	moved := make([]entry, len(live))
	for i, e := range live {
		end := e.position + e.stored()
		if end > o.size || e.long() || checksum(whole[e.position:e.position+e.length]) != e.sum {
			return nil, fmt.Errorf("content %s in object %s: %w", e.id(), o.key, blob.ErrDamaged)
		}
		moved[i] = entry{e.place, int64(len(b))}
		b = append(b, whole[e.position:end]...)
	}
	b = appendIndex(b, moved)
	return b, c.slow(ctx, o.size+int64(len(b)))
}

// slow waits for as long as n octets should take.
func (c *compaction) slow(ctx context.Context, n int64) error {
	if c.rate <= 0 {
		return ctx.Err()
	}
	return c.cfg.wait(ctx, time.Duration(float64(n)/float64(c.rate)*float64(time.Second)))
}

// bury gives up rows, some at a time.
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
