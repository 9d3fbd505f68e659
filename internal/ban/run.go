package ban

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"gatepost/internal/mail"
)

const (
	followEvery = time.Second // other nodes' bans count here after that
	writeEvery  = time.Second // between two commits of bans
	flushEvery  = 5 * time.Second
	tidyEvery   = time.Minute
	lastTime    = 5 * time.Second // for the end of Run

	maxBatch = 500    // bans of a commit
	maxHits  = 20_000 // bans with hits between two flushes; those of others are not counted

	keepEnded = 30 * 24 * time.Hour
	maxEnded  = 100_000 // rows of bans that ended
	maxRounds = 100     // commits of one purge; the next goes on
)

// Run follows the rows, writes what waits, and tidies up, until ctx ends. Errors are
// logged, and the next turn tries again.
func (b *Bans) Run(ctx context.Context) {
	if err := b.Reconsider(ctx); err != nil && ctx.Err() == nil {
		b.c.Log.Error("bans: those that are forbidden by now are not lifted", "error", err)
	}
	var both sync.WaitGroup
	both.Go(func() { b.follow(ctx) })
	both.Go(func() { b.writeOn(ctx) })
	both.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
	defer cancel()
	if err := errors.Join(b.writeAll(ctx), b.flushHits(ctx)); err != nil {
		b.c.Log.Warn("bans: what was left is not written", "error", err)
	}
}

func (b *Bans) follow(ctx context.Context) {
	poll, flush, tidy := time.NewTicker(followEvery), time.NewTicker(flushEvery), time.NewTicker(tidyEvery)
	defer poll.Stop()
	defer flush.Stop()
	defer tidy.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			err = b.Refresh(ctx)
		case <-flush.C:
			err = b.flushHits(ctx)
		case <-tidy.C:
			err = b.Tidy(ctx)
		}
		if err != nil && ctx.Err() == nil {
			b.c.Log.Error("bans", "error", err)
		}
	}
}

// writeOn writes what waits as it comes, and rests after each commit.
func (b *Bans) writeOn(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		if err := b.write(ctx); err != nil && ctx.Err() == nil {
			b.c.Log.Error("bans: not written yet", "error", err)
		}
		rest := time.NewTimer(writeEvery)
		select {
		case <-ctx.Done():
			rest.Stop()
			return
		case <-rest.C:
		}
	}
}

// write writes a batch of what waits, in one commit.
func (b *Bans) write(ctx context.Context) error {
	b.rows.Lock()
	defer b.rows.Unlock()
	orders := b.batch()
	if len(orders) == 0 {
		return nil
	}
	list, err := b.c.Rows.Impose(ctx, orders, b.set.Load().Ladder)
	b.mu.Lock()
	more := len(b.waiting) > maxBatch || err != nil
	b.mu.Unlock()
	if more {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	if err != nil {
		return fmt.Errorf("ban: impose %d: %w", len(orders), err)
	}
	b.took(list)
	return nil
}

// batch returns some of what waits. It stays until it is written.
func (b *Bans) batch() []Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	orders, now := make([]Order, 0, min(len(b.waiting), maxBatch)), b.storeNow()
	for _, o := range b.waiting {
		o.Ago = max(time.Duration(now-o.since)*time.Microsecond, 0)
		if orders = append(orders, o.Order); len(orders) == maxBatch {
			break
		}
	}
	return orders
}

func (b *Bans) writeAll(ctx context.Context) error {
	for range maxWaiting / maxBatch {
		if err := b.write(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Refresh reads what other nodes, and commands, have changed.
func (b *Bans) Refresh(ctx context.Context) error {
	b.rows.Lock()
	defer b.rows.Unlock()
	b.mu.Lock()
	since := b.revision
	b.mu.Unlock()
	var changed []Ban
	state, err := b.c.Rows.Load(ctx, since, func(n Ban) error {
		changed = append(changed, n)
		return nil
	})
	if err != nil {
		return fmt.Errorf("ban: follow the store: %w", err)
	}
	b.skew.Store(state.Now.UnixMicro() - b.c.Now().UnixMicro())
	b.mu.Lock()
	defer b.mu.Unlock()
	b.revision = max(b.revision, state.Revision)
	if len(changed) == 0 {
		return nil
	}
	e := b.table.edit()
	for _, n := range changed {
		e.apply(n, state.Now.UnixMicro())
	}
	e.makeRoom(b.set.Load().Most)
	e.done()
	return nil
}

// Hit counts somebody who is refused because of a ban, at a door (see Observer).
func (b *Bans) Hit(n Ban, door string) {
	b.c.Observer.BanRefused(door)
	b.mu.Lock()
	defer b.mu.Unlock()
	h, ok := b.hits[n.Network]
	if !ok && len(b.hits) >= maxHits {
		return
	}
	h.Count++
	h.Last = time.UnixMicro(b.storeNow()).UTC()
	b.hits[n.Network] = h
}

// flushHits writes the counts so far. Those of bans that are not written yet wait for that.
func (b *Bans) flushHits(ctx context.Context) error {
	b.mu.Lock()
	taken, networks := make([]Hits, 0, len(b.hits)), make([]netip.Prefix, 0, len(b.hits))
	for network, h := range b.hits {
		a := b.table.get(networkKey(network))
		if a != nil && a.id == 0 {
			continue
		}
		delete(b.hits, network)
		if a != nil {
			h.ID = a.id
			taken, networks = append(taken, h), append(networks, network)
		}
	}
	b.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	err := b.c.Rows.AddHits(ctx, taken)
	if err == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, network := range networks {
		h := b.hits[network]
		b.hits[network] = Hits{Count: h.Count + taken[i].Count, Last: laterOf(h.Last, taken[i].Last)}
	}
	return fmt.Errorf("ban: hits: %w", err)
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Reconsider lifts bans of those who are never banned by now. Run does so at its start;
// between, Find does not find them.
func (b *Bans) Reconsider(ctx context.Context) error {
	b.mu.Lock()
	forbidden := map[int64]string{}
	for _, a := range b.table.order {
		if why := b.never(mail.Unmap(a.network.Addr())); why != "" && a.id != 0 {
			forbidden[a.id] = why
		}
	}
	b.mu.Unlock()
	for id, why := range forbidden {
		if _, err := b.lift(ctx, id, Lifting{Who: ByNode, Reason: cut("is never banned: " + why)}); err != nil && !errors.Is(err, ErrNone) {
			return err
		}
	}
	return nil
}

// Tidy lets go of bans that ended: in memory now, in the store after 30 days or when
// there are too many.
func (b *Bans) Tidy(ctx context.Context) error {
	b.mu.Lock()
	now := b.storeNow()
	e := b.table.edit()
	for _, a := range slices.Clone(b.table.order) {
		if a.until <= now {
			e.drop(a.network)
		}
	}
	e.done()
	b.mu.Unlock()
	old, ok := b.c.Old(ctx)
	if !ok {
		return nil
	}
	for range maxRounds {
		n, err := b.c.Rows.Purge(ctx, old.Add(-keepEnded), b.set.Load().Most, maxEnded)
		if err != nil {
			return fmt.Errorf("ban: purge: %w", err)
		}
		if n == 0 {
			break
		}
	}
	return nil
}

// number reads an ID.
func number(s string) (int64, bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0
}
