package allowance

import (
	"context"
	"slices"
	"time"
)

// know has the account of a mailbox in memory, unless there is no room. One that was not there is read from the
// rows. Where they can't be read it counts all the same, and is read the next time.
func (b *Book) know(box int64, now time.Time) {
	b.mu.Lock()
	a := b.boxes[box]
	full := a == nil && len(b.boxes) >= 2*maxBoxes
	b.mu.Unlock()
	if a != nil && !a.unread || full {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	found, err := b.c.Rows.Of(ctx, box, now.Unix()/3600-hours+1)
	if err != nil {
		b.c.Log.Error("what a log-in has sent can't be read", "box", box, "error", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a = b.boxes[box]
	if a == nil {
		a = &account{used: now, unread: true}
		b.boxes[box] = a
	}
	if err == nil && a.unread {
		a.unread = false
		for node, list := range found {
			for _, c := range list {
				a.learn(node, c)
			}
		}
	}
}

// learn takes over what a node counted in an hour.
func (a *account) learn(node string, c Count) {
	s := a.at(c.Hour)
	s.own.Box = c.Box
	if s.others == nil {
		s.others = map[string]Count{}
	}
	s.others[node] = c
}

// total is what this node counted in an hour, before and since the account is in memory.
func (s *slot) total(node string) Count {
	c := s.own
	c.add(s.others[node])
	return c
}

// kept reports whether the rows have all that was counted.
func (a *account) kept() bool {
	for _, s := range a.slots {
		if s.dirty {
			return false
		}
	}
	return !a.unread
}

// makeRoom lets go of accounts that were not used for a while, the longest first, where there are too many, or
// too many recipients are remembered. Their rows have what they counted; the recipients are forgotten.
func (b *Book) makeRoom(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := 0
	for _, a := range b.boxes {
		seen += len(a.seen)
	}
	if len(b.boxes) <= maxBoxes && seen <= maxSeenAll {
		return
	}
	var free []int64
	for box, a := range b.boxes {
		if a.kept() && now.Sub(a.used) > idle {
			free = append(free, box)
		}
	}
	slices.SortFunc(free, func(x, y int64) int { return b.boxes[x].used.Compare(b.boxes[y].used) })
	for _, box := range free {
		if len(b.boxes) <= maxBoxes*9/10 && seen <= maxSeenAll*9/10 {
			return
		}
		seen -= len(b.boxes[box].seen)
		delete(b.boxes, box)
	}
}
