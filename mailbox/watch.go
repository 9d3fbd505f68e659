package mailbox

import "sync"

// Changes carries hints that something changed in a box from those who commit
// to those who wait. A hint says nothing more: the store has the truth, and who
// misses a hint finds it by asking later. The zero value works.
type Changes struct {
	mu       sync.Mutex
	watchers map[int64]map[chan struct{}]struct{}
}

// Notify wakes all that watch box. Call it after the commit. It never waits.
func (c *Changes) Notify(box int64) { c.NotifyOthers(box, nil) }

// NotifyOthers is Notify by one who knows of the change, and of all before it: own are its hints.
func (c *Changes) NotifyOthers(box int64, own <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for w := range c.watchers[box] {
		if w == own {
			continue
		}
		select {
		case w <- struct{}{}:
		default: // one hint is waiting already
		}
	}
}

// Watch returns a channel that holds a hint when something changed in one of some boxes
// since it was last received from, and the function that ends the watch.
func (c *Changes) Watch(boxes ...int64) (hints <-chan struct{}, stop func()) {
	w := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watchers == nil {
		c.watchers = map[int64]map[chan struct{}]struct{}{}
	}
	for _, box := range boxes {
		if c.watchers[box] == nil {
			c.watchers[box] = map[chan struct{}]struct{}{}
		}
		c.watchers[box][w] = struct{}{}
	}
	return w, func() { c.remove(boxes, w) }
}

func (c *Changes) remove(boxes []int64, w chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, box := range boxes {
		delete(c.watchers[box], w)
		if len(c.watchers[box]) == 0 {
			delete(c.watchers, box)
		}
	}
}
