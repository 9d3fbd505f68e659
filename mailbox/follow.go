package mailbox

import (
	"context"
	"time"
)

// A Historian tells how far the histories of boxes have come: of each that is there its latest
// ModSeq, which all changes raise, those of folders' names and of subscriptions too.
type Historian interface {
	Latest(ctx context.Context, boxes []int64) (map[int64]ModSeq, error)
}

// Follow wakes those who watch when something was changed by another node, which has nobody to hint
// here. It asks for all watched boxes at once, every so often, until ctx is done. failed hears each
// error; the next time may do better.
func (c *Changes) Follow(ctx context.Context, every time.Duration, h Historian, failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	seen := map[int64]ModSeq{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		boxes := c.watched()
		if len(boxes) == 0 {
			clear(seen)
			continue
		}
		latest, err := h.Latest(ctx, boxes)
		if err != nil {
			if ctx.Err() == nil {
				failed(err)
			}
			continue
		}
		for box, seq := range latest {
			if seen[box] != seq { // also where it is watched since just now: before what it read, or after?
				c.Notify(box)
			}
		}
		seen = latest
	}
}

// watched lists the boxes that somebody watches.
func (c *Changes) watched() []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	boxes := make([]int64, 0, len(c.watchers))
	for box := range c.watchers {
		boxes = append(boxes, box)
	}
	return boxes
}
