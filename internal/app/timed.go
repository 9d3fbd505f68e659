package app

import (
	"context"
	"io"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/intake"
	"gatepost/internal/metric"
)

// timedBlobs counts how long content waits for the disk.
type timedBlobs struct {
	blob.Store
	metrics *metric.Metrics
}

// Put implements blob.Store.
func (t timedBlobs) Put(ctx context.Context, r io.Reader, size int64) (blob.ID, error) {
	begin := time.Now()
	defer func() { t.metrics.Put(time.Since(begin).Seconds()) }()
	return t.Store.Put(ctx, r, size)
}

// timedStore counts how long accepting commits take.
type timedStore struct {
	intake.Committer
	metrics *metric.Metrics
}

// Commit implements intake.Committer.
func (t timedStore) Commit(ctx context.Context, c *intake.Commit) error {
	begin := time.Now()
	defer func() { t.metrics.Commit(time.Since(begin).Seconds()) }()
	return t.Committer.Commit(ctx, c)
}
