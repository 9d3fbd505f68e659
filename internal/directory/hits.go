package directory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	flushEvery = 5 * time.Second
	// maxHits bounds the entries counted between two flushes. Hits of others are
	// not counted until the next: a count is for people to see which entries live.
	maxHits = 20_000
	// lastFlushTime is how long the end of Run may take.
	lastFlushTime = 5 * time.Second
)

// hits counts which entries decided, between two flushes.
type hits struct {
	mu      sync.Mutex
	pending map[int64]Hits
}

// Hit notes that a list entry decided about a message. It costs no I/O.
func (d *Directory) Hit(id int64) { d.hits.add(Hits{ID: id, Count: 1, Last: d.now()}) }

func (h *hits) add(n Hits) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old, ok := h.pending[n.ID]
	if !ok && len(h.pending) >= maxHits {
		return
	}
	if h.pending == nil {
		h.pending = map[int64]Hits{}
	}
	n.Count += old.Count
	if old.Last.After(n.Last) {
		n.Last = old.Last
	}
	h.pending[n.ID] = n
}

func (h *hits) take() []Hits {
	h.mu.Lock()
	defer h.mu.Unlock()
	taken := slices.Collect(maps.Values(h.pending))
	h.pending = nil
	return taken
}

// FlushHits writes the counts so far to the store. Run does so every few seconds.
func (d *Directory) FlushHits(ctx context.Context) error {
	taken := d.hits.take()
	if len(taken) == 0 {
		return nil
	}
	if err := d.entries.AddHits(ctx, taken); err != nil {
		for _, n := range taken {
			d.hits.add(n)
		}
		return fmt.Errorf("directory: flush hits: %w", err)
	}
	return nil
}

// lastFlush writes what is left when ctx has ended.
func (d *Directory) lastFlush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlushTime)
	defer cancel()
	if err := errors.Join(d.FlushHits(ctx), d.FlushUses(ctx)); err != nil {
		d.log.Warn("directory: hit counts", "error", err)
	}
}
