package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gatepost/internal/blob"
)

// A Config says which bucket, and who this process is.
type Config struct {
	Endpoint  string // https://s3.example.org, or http://
	Region    string
	Bucket    string
	Prefix    string // before all keys: "" or something that ends with a slash
	PathStyle bool   // the bucket is in the path, not in the host's name
	AccessKey string
	SecretKey string

	// Node is the process's number, at most MaxNode: no other process that ever used this bucket and prefix
	// has it.
	Node uint32
	// Owner names the rows that refer to the contents: a bucket and prefix of another owner is refused.
	Owner string
	// Dir is for the cache and for long contents on their way, in the data directory.
	Dir string
	// Cache is what the cache takes of the disk, in octets.
	Cache int64

	Now    func() time.Time // nil: time.Now
	Gather time.Duration    // how long a content waits for others; 0: 20 ms

	wait func(context.Context, time.Duration) error // between tries; nil: as long as it says
}

const (
	contentKeys = "c/"
	keptSuffix  = ".kept"
	ownerKey    = "owner"
	cacheDir    = "cache"
	spoolDir    = "spool"
	gatherTime  = 20 * time.Millisecond
)

// ErrOwner: the bucket and prefix have the contents of another database.
var ErrOwner = errors.New("s3: the contents there belong to another database")

// A Store is a blob.Store in a bucket. It is safe for use by many goroutines, and many
// processes have it open at once.
type Store struct {
	client *client
	cfg    Config
	cache  *cache
	names  names
	jobs   chan *job
	kept   keptIndexes
	open   openContents

	stop    context.CancelFunc
	stopped chan struct{} // the gatherer has ended
	under   sync.WaitGroup

	compacting sync.Mutex // held by the one Compact
	met        met
	usage      usage
}

// Open opens the store. It asks S3 whose the bucket and prefix are, and takes them where they are
// nobody's. Where S3 does not answer the store is opened all the same, and gives blob.ErrAway until it
// does: away says why. An error is for good: a setting, the disk, ErrOwner.
func Open(ctx context.Context, c Config) (s *Store, away error, err error) {
	if c.Node > MaxNode {
		return nil, nil, fmt.Errorf("s3: node number %d is over %d", c.Node, MaxNode)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Gather == 0 {
		c.Gather = gatherTime
	}
	if c.wait == nil {
		c.wait = wait
	}
	client, err := newClient(c)
	if err != nil {
		return nil, nil, err
	}
	s = &Store{client: client, cfg: c, names: names{now: c.Now, node: c.Node}, jobs: make(chan *job), stopped: make(chan struct{})}
	if s.cache, err = openCache(filepath.Join(c.Dir, cacheDir), c.Cache); err != nil {
		return nil, nil, fmt.Errorf("s3: cache: %w", err)
	}
	spool := filepath.Join(c.Dir, spoolDir)
	if err := errors.Join(os.RemoveAll(spool), os.MkdirAll(spool, 0o700)); err != nil {
		return nil, nil, fmt.Errorf("s3: spool: %w", err)
	}
	if err := s.own(ctx); err != nil {
		if !errors.Is(err, errSilent) {
			return nil, nil, err
		}
		away = err
	}
	life, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.gather(life)
	s.under.Go(func() { s.ask(life) })
	return s, away, nil
}

// own takes the prefix for the owner, or makes sure that it is his.
func (s *Store) own(ctx context.Context) error {
	want := []byte(s.cfg.Owner)
	for range 2 { // of two that find nothing the later one wins, and both look again
		size, err := s.client.size(ctx, ownerKey)
		if errors.Is(err, errGone) {
			if err := s.client.put(ctx, ownerKey, bytes.NewReader(want), int64(len(want))); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		got, _, err := s.client.get(ctx, ownerKey, 0, max(1, size), "")
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%w: bucket %q, prefix %q at %s; give this one a prefix of its own (content.s3.prefix)", ErrOwner, s.cfg.Bucket, s.cfg.Prefix, s.cfg.Endpoint)
		}
		return nil
	}
	return fmt.Errorf("s3: %s%s was written and is not there: something else removes objects of bucket %q", s.cfg.Prefix, ownerKey, s.cfg.Bucket)
}

// askEvery is how often S3 is asked whether it is there, when nothing else shows it.
const askEvery = 10 * time.Second

// ask asks S3 now and then whether it is there, and sooner while it is away whether it is back.
func (s *Store) ask(ctx context.Context) {
	for last := time.Now(); wait(ctx, time.Second) == nil; {
		if s.client.breaker.due() || s.Err() == nil && time.Since(last) >= askEvery {
			s.client.ping(ctx)
			last = time.Now()
		}
	}
}

// Probe makes an object, reads it, lists it and removes it, with the settings of c: what is wrong
// with them it says.
func Probe(ctx context.Context, c Config) error {
	if c.wait == nil {
		c.wait = wait
	}
	client, err := newClient(c)
	if err != nil {
		return err
	}
	now := time.Now()
	key := fmt.Sprintf("probe/%s", nameOf(now.UnixMilli(), uint32(os.Getpid())&MaxNode))
	want := []byte("gatepost looks whether it may write here; this can be removed\n")
	if err := client.put(ctx, key, bytes.NewReader(want), int64(len(want))); err != nil {
		return err
	}
	got, _, err := client.get(ctx, key, 9, int64(len(want))-9, "")
	if err == nil && !bytes.Equal(got, want[9:]) {
		err = fmt.Errorf("s3: what was read from bucket %q at %s is not what was put", c.Bucket, c.Endpoint)
	}
	if err == nil {
		var page []object
		if page, err = client.list(ctx, key, ""); err == nil && len(page) != 1 {
			err = fmt.Errorf("s3: bucket %q at %s does not list an object that was just made", c.Bucket, c.Endpoint)
		}
	}
	return errors.Join(err, client.remove(ctx, key))
}

// Err is why nothing can be stored or read now but for what is in the cache (blob.ErrAway is its cause), or nil.
func (s *Store) Err() error { return s.client.breaker.err() }

// Full is nil: how much is in a bucket nobody says.
func (s *Store) Full() error { return nil }

// Close refuses what still waits to be put, and waits for what is on its way.
func (s *Store) Close() error {
	s.stop()
	<-s.stopped
	s.under.Wait()
	return nil
}

// names makes names for objects, each behind the one before.
type names struct {
	now  func() time.Time
	node uint32

	mu   sync.Mutex
	last int64
}

func (n *names) next() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = max(n.last+1, n.now().UnixMilli())
	return nameOf(n.last, n.node)
}

// Verify reads a content whole and compares its checksums.
func (s *Store) Verify(ctx context.Context, id blob.ID) error {
	c, err := s.Open(ctx, id)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.Copy(io.Discard, io.NewSectionReader(c, 0, c.Size()))
	return err
}
