package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gatepost/internal/blob"
	"gatepost/internal/blob/s3"
	"gatepost/internal/blob/segment"
	"gatepost/internal/config"
	"gatepost/internal/journal"
)

// A contentStore is where contents are: in the data directory, or in a bucket that nodes share.
type contentStore interface {
	blob.Compacter
	// Check reads everything and tells what is damaged.
	Check(ctx context.Context, damaged func(id blob.ID, cause error)) (whole int, err error)
	Err() error  // why nothing more is taken
	Full() error // blob.ErrFull, where there is no room
	Close() error
}

// sharesContent reports whether other nodes reach the contents, too.
func sharesContent(c *config.Config) bool { return c.Content.S3.Endpoint != "" }

// openSegments opens the contents of the data directory.
func (a *App) openSegments(ctx context.Context, c *config.Config, files segment.FS) error {
	if _, err := a.store.Place(ctx, ""); err != nil {
		return err
	}
	blobs, rec, err := segment.Open(files, segment.Options{MinFree: int64(c.Limits.MinFree)})
	if err != nil {
		return err
	}
	a.blobs, a.segments = blobs, blobs
	a.closing(blobs.Close)
	a.tornEnd("content", rec)
	a.contentGauges()
	return nil
}

// openBucket opens the contents that nodes share.
func (a *App) openBucket(ctx context.Context, c *config.Config) error {
	cfg, err := bucketOf(c)
	if err != nil {
		return err
	}
	if a.number, err = a.store.Place(ctx, fmt.Sprintf("bucket %s, prefix %q", cfg.Bucket, cfg.Prefix)); err != nil {
		return err
	}
	if a.number > s3.MaxNode {
		return fmt.Errorf("app: this is process %d on the database; names of contents are made for %d", a.number, s3.MaxNode)
	}
	secret, err := a.store.Secret(ctx, "content-owner")
	if err != nil {
		return err
	}
	owner := sha256.Sum256(secret)
	cfg.Node, cfg.Owner, cfg.Dir = uint32(a.number), "gatepost "+hex.EncodeToString(owner[:])+"\n", filepath.Join(c.Data, "s3")
	blobs, away, err := s3.Open(ctx, cfg)
	if err != nil {
		return err
	}
	a.blobs = blobs
	a.closing(blobs.Close)
	if away != nil {
		a.log.Error("contents are out of reach: mail is put off, and read where it is in the cache", "error", away)
	}
	a.bucketGauges(blobs)
	return nil
}

// bucketOf returns the settings of the bucket, with the keys.
func bucketOf(c *config.Config) (s3.Config, error) {
	b := c.Content.S3
	access, secret, err := b.Keys()
	return s3.Config{
		Endpoint: b.Endpoint, Region: b.Region, Bucket: b.Bucket, Prefix: b.Prefix, PathStyle: b.PathStyle,
		AccessKey: access, SecretKey: secret, Cache: int64(b.Cache),
	}, err
}

// Try tries what a configuration names that only trying tells: it reads the certificates, and puts an object into
// the bucket, reads it and removes it.
func Try(ctx context.Context, c *config.Config) error {
	if err := certificateFiles(c).Check(); err != nil {
		return err
	}
	if !sharesContent(c) {
		return nil
	}
	cfg, err := bucketOf(c)
	if err != nil {
		return err
	}
	return s3.Probe(ctx, cfg)
}

// bucketGauges shows what the bucket and the cache hold.
func (a *App) bucketGauges(blobs *s3.Store) {
	for _, g := range []struct {
		name, help string
		value      func(s3.Usage) float64
	}{
		{"content_objects", "Objects in the bucket, at this node's last compaction.", func(u s3.Usage) float64 { return float64(u.Objects) }},
		{"content_live_octets", "Content in the bucket, at this node's last compaction.", func(u s3.Usage) float64 { return float64(u.Octets - u.Dead) }},
		{"content_dead_octets", "Of what nobody needs, what is still in the bucket, at this node's last compaction.", func(u s3.Usage) float64 { return float64(u.Dead) }},
		{"content_freed_octets", "What compactions gave back since the start.", func(u s3.Usage) float64 { return float64(u.Freed) }},
		{"content_orphans", "Contents found that no row knew, since the start.", func(u s3.Usage) float64 { return float64(u.Unknown) }},
		{"content_cache_octets", "Content in the cache on this node's disk.", func(u s3.Usage) float64 { return float64(u.CacheOctets) }},
		{"content_cache_hits", "Parts of contents read from the cache since the start.", func(u s3.Usage) float64 { return float64(u.Hits) }},
		{"content_cache_misses", "Parts of contents read from the bucket since the start.", func(u s3.Usage) float64 { return float64(u.Misses) }},
	} {
		a.metrics.Gauge(g.name, g.help, func() float64 { return g.value(blobs.Usage()) })
	}
	a.metrics.Gauge("content_up", "1 where the bucket answers.", func() float64 {
		if blobs.Err() != nil {
			return 0
		}
		return 1
	})
}

// evidence is the journal's log. Where nodes share rows each row names the node that has its evidence.
func (a *App) evidence(c *config.Config) (journal.Log, error) {
	if !sharesContent(c) {
		return a.days, nil
	}
	name, err := nodeName(filepath.Join(c.Data, "node"), c.Hostname)
	if err != nil {
		return nil, fmt.Errorf("app: this node's name: %w", err)
	}
	a.nodeName = name
	return nodeEvidence{a.days, name}, nil
}

// nodeName is what a data directory is called for good: the host's name when it was made, and something at
// random.
func nodeName(file, host string) (string, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		name := host + "-" + strings.ToLower(rand.Text()[:6])
		return name, os.WriteFile(file, []byte(name+"\n"), 0o600)
	}
	return strings.TrimSpace(string(b)), err
}

// errOtherNode: what is asked for is in another node's data directory.
var errOtherNode = errors.New("the evidence is on another node")

// nodeEvidence is a node's part of the journal of several nodes.
type nodeEvidence struct {
	journal.Log
	node string
}

// Append implements journal.Log.
func (n nodeEvidence) Append(ctx context.Context, record []byte) (string, error) {
	name, err := n.Log.Append(ctx, record)
	return name + "@" + n.node, err
}

// Read implements journal.Log. A name without a node is of the time when there was one.
func (n nodeEvidence) Read(ctx context.Context, name string) ([]byte, error) {
	name, node, named := strings.Cut(name, "@")
	if named && node != n.node {
		return nil, fmt.Errorf("%w, %s: ask there", errOtherNode, node)
	}
	return n.Log.Read(ctx, name)
}

// Rewrite implements journal.Log. What another node has that node rewrites.
func (n nodeEvidence) Rewrite(ctx context.Context, names []string, change func(string, []byte) ([]byte, error)) error {
	full := map[string]string{}
	var own []string
	for _, name := range names {
		short, node, named := strings.Cut(name, "@")
		if !named || node == n.node {
			own, full[short] = append(own, short), name
		}
	}
	return n.Log.Rewrite(ctx, own, func(name string, record []byte) ([]byte, error) { return change(full[name], record) })
}
