package app

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/blob"
	"gatepost/internal/blob/s3"
	"gatepost/internal/control/ops"
)

// checkContent reads every content that a row refers to. The log's own frames are
// read too: what is damaged there and referred to by nobody is told as well.
func (a *App) checkContent(ctx context.Context, r *ops.StoreReport, report func(string, ...any)) error {
	if err := a.blobs.Err(); err != nil {
		report("content log: %v", err)
	}
	damaged := map[blob.ID]bool{}
	whole, err := a.blobs.Check(ctx, func(id blob.ID, cause error) {
		damaged[id] = true
		report("content %s: %v", id, cause)
	})
	if err != nil {
		return fmt.Errorf("app: check content: %w", err)
	}
	defer func() { r.Unreferenced = max(0, int64(whole)-r.Messages) }() // more may have been accepted since
	return a.store.Contents(ctx, func(id string, size int64) error {
		r.Messages++
		r.Bytes += size
		if damaged[blob.ID(id)] {
			return ctx.Err()
		}
		c, err := a.blobs.Open(ctx, blob.ID(id))
		if far, ok := a.blobs.(*s3.Store); ok && err == nil { // it may have come from the cache
			err = far.There(ctx, blob.ID(id))
		}
		if err != nil {
			report("content %s is referred to and can't be opened: %v", id, err)
			return ctx.Err()
		}
		if c.Size() != size {
			report("content %s has %d octets, its row says %d", id, c.Size(), size)
		}
		return c.Close()
	})
}

// checkEvidence reads the evidence that the journal's rows point to.
func (a *App) checkEvidence(ctx context.Context, report func(string, ...any)) error {
	return a.store.Evidence(ctx, func(pointer string, _ int64) error {
		if _, err := a.journal.Evidence(ctx, pointer); err != nil && !errors.Is(err, errOtherNode) {
			report("journal: %v", err)
		}
		return ctx.Err()
	})
}
