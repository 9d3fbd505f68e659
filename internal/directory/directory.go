package directory

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/mail"
)

// followEvery is how often others' changes are looked for; two polls fit in the
// second within which a change is live.
const followEvery = 400 * time.Millisecond

// A Directory follows the store's directory and changes it. It is safe for use by
// many goroutines.
type Directory struct {
	rows      Rows
	entries   Entries
	log       *slog.Logger
	now       func() time.Time
	passwords *passwords
	elsewhere Elsewhere                  // nil: all passwords are kept here
	away      atomic.Pointer[loginsAway] // see LoginsElsewhere
	hits      hits
	uses      uses
	saltKey   []byte

	current atomic.Pointer[Snapshot]
	follow  sync.Mutex // held while a newer snapshot is made
	write   sync.Mutex // held while a change is planned and written
}

// A Config is what a Directory needs.
type Config struct {
	Rows      Rows
	Entries   Entries
	Uses      Uses             // nil: when passwords of programs were used is not kept
	SaltKey   []byte           // secret, the same on all nodes: from it come salts of users there are not; nil: one of this process
	Hostname  string           // of this node; see Snapshot.Resolve
	Log       *slog.Logger     // nil: silent
	Elsewhere Elsewhere        // nil: all passwords are kept here
	Now       func() time.Time // nil: time.Now
}

// New loads the directory. The caller runs Run beside it.
func New(ctx context.Context, c Config) (*Directory, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d := &Directory{rows: c.Rows, entries: c.Entries, log: c.Log, now: c.Now, elsewhere: c.Elsewhere, passwords: newPasswords(c.Now)}
	d.uses.rows = c.Uses
	if d.saltKey = c.SaltKey; d.saltKey == nil {
		d.saltKey = make([]byte, sha256.Size)
		rand.Read(d.saltKey)
	}
	hostname, err := mail.ParseDomain(c.Hostname)
	if err != nil && c.Hostname != "" {
		return nil, fmt.Errorf("directory: host name: %w", err)
	}
	empty, err := emptySnapshot(hostname, c.Now)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	d.current.Store(empty)
	return d, d.Refresh(ctx)
}

func emptySnapshot(hostname string, now func() time.Time) (*Snapshot, error) {
	tables, err := newTables()
	if err != nil {
		return nil, err
	}
	return &Snapshot{tables: tables, read: tables.Txn(false), met: &met{}, lists: newLists(), boxes: newBoxes(), senders: newSenderTable(map[mail.Path]Sender{}), hostname: hostname, now: now}, nil
}

// Snapshot returns the newest picture of the directory.
func (d *Directory) Snapshot() *Snapshot { return d.current.Load() }

// Refresh brings the snapshot up to the store's revision.
func (d *Directory) Refresh(ctx context.Context) error {
	d.follow.Lock()
	defer d.follow.Unlock()
	base := d.Snapshot()
	next, err := d.load(ctx, base)
	if errors.Is(err, ErrBehind) {
		if base, err = emptySnapshot(base.hostname, d.now); err == nil {
			next, err = d.load(ctx, base)
		}
	}
	if err != nil {
		return fmt.Errorf("directory: refresh: %w", err)
	}
	d.current.Store(next)
	return nil
}

func (d *Directory) load(ctx context.Context, base *Snapshot) (*Snapshot, error) {
	var b *build // made with the first change: mostly there is none
	revision, err := d.rows.Load(ctx, base.revision, func(c Change) error {
		if b == nil {
			b = base.build()
		}
		return b.apply(c)
	})
	if err != nil {
		return nil, err
	}
	if b == nil {
		if revision == base.revision {
			return base, nil
		}
		b = base.build()
	}
	return b.done(revision), nil
}

// maxPlans bounds how often a change is planned anew because others were faster.
const maxPlans = 20

// update writes what plan makes of the newest snapshot, and returns one in which
// it is live. plan runs again where the directory changed beneath it.
func (d *Directory) update(ctx context.Context, plan func(*Snapshot) ([]Change, error)) (*Snapshot, error) {
	d.write.Lock()
	defer d.write.Unlock()
	for range maxPlans {
		if err := d.Refresh(ctx); err != nil {
			return nil, err
		}
		s := d.Snapshot()
		changes, err := plan(s)
		if err != nil {
			return nil, err
		}
		err = d.rows.Apply(ctx, s.revision, changes)
		if errors.Is(err, ErrMoved) {
			continue
		}
		if err == nil {
			// What is written is written: a caller that gives up now doesn't undo it.
			err = d.Refresh(context.WithoutCancel(ctx))
		}
		return d.Snapshot(), err
	}
	return nil, ErrMoved
}

// Run follows the store, writes hit counts to it and takes long expired entries out,
// until ctx ends. An error is
// logged, and the next turn tries again.
func (d *Directory) Run(ctx context.Context) {
	follow, flush, purge := time.NewTicker(followEvery), time.NewTicker(flushEvery), time.NewTicker(purgeEvery)
	defer follow.Stop()
	defer flush.Stop()
	defer purge.Stop()
	for {
		select {
		case <-ctx.Done():
			d.lastFlush(ctx)
			return
		case <-follow.C:
			if err := d.Refresh(ctx); err != nil && ctx.Err() == nil {
				d.log.Error("directory: following the store", "error", err)
			}
		case <-flush.C:
			if err := d.FlushHits(ctx); err != nil {
				d.log.Warn("directory: hit counts", "error", err)
			}
			if err := d.FlushUses(ctx); err != nil {
				d.log.Warn("directory: uses of passwords", "error", err)
			}
		case <-purge.C:
			if _, err := d.PurgeEntries(ctx); err != nil && ctx.Err() == nil {
				d.log.Warn("directory: expired list entries", "error", err)
			}
		}
	}
}
