package allowance

import (
	"context"
	"strconv"
)

// An Owner is whose limits they are: a mailbox or a domain here, as rows have it.
type Owner string

// OfBox is a mailbox.
func OfBox(id int64) Owner { return Owner("m" + strconv.FormatInt(id, 10)) }

// OfDomain is each mailbox of a domain.
func OfDomain(id int64) Owner { return Owner("d" + strconv.FormatInt(id, 10)) }

// Own are limits in the place of the node's: below 0 is the node's, 0 is none.
type Own struct{ Minute, Hour, Day, Recipients int }

// None is nobody's own limits.
func None() Own { return Own{-1, -1, -1, -1} }

// limits returns those of a mailbox. The caller has the lock.
func (b *Book) limits(box int64) Limits {
	l := b.c.Limits()
	if len(b.own) == 0 {
		return l
	}
	owners := b.c.Owners(box)
	for i := len(owners) - 1; i >= 0; i-- { // the first one has the last word
		o, known := b.own[owners[i]]
		if !known {
			continue
		}
		for _, each := range []struct {
			to  *int
			own int
		}{{&l.Minute, o.Minute}, {&l.Hour, o.Hour}, {&l.Day, o.Day}, {&l.Recipients, o.Recipients}} {
			if each.own >= 0 {
				*each.to = each.own
			}
		}
	}
	return l
}

// Limits returns the limits of a mailbox.
func (b *Book) Limits(box int64) Limits {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limits(box)
}

// Stopped returns the stop of a mailbox, if there is one.
func (b *Book) Stopped(box int64) (Stop, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.stops[box]
	return s, ok
}

// Stops returns how many log-ins are stopped.
func (b *Book) Stops() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.stops)
}

// OwnOf returns the limits that a mailbox or domain has of its own.
func (b *Book) OwnOf(owner Owner) Own {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o, known := b.own[owner]; known {
		return o
	}
	return None()
}

// SetOwn changes limits of a mailbox or domain of its own, and returns them.
func (b *Book) SetOwn(ctx context.Context, owner Owner, change func(*Own)) (Own, error) {
	all, err := b.c.Rows.Own(ctx)
	if err != nil {
		return None(), err
	}
	o, known := all[owner]
	if !known {
		o = None()
	}
	change(&o)
	if err := b.c.Rows.SetOwn(ctx, owner, o); err != nil {
		return None(), err
	}
	return o, b.Sync(ctx)
}
