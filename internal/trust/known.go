package trust

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"
	"time"

	"gatepost/internal/mail"
)

const (
	followEvery = time.Second
	// followGood is how long Run's last look at the news is good for. Without one since, or
	// without Run, every look-up reads rows.
	followGood = 3 * time.Second
	followSome = 1000 // news at a time
	listSome   = 1000 // rows at a time
	// maxSenders bounds the senders that are remembered. Of more all look-ups read rows.
	maxSenders = 4_000_000 // 16 MB
	minSenders = 16_384
	loadEvery  = 24 * time.Hour // forgets who is not known any more
	bitsEach   = 12             // one stranger in 300 is taken for somebody known
	hashes     = 8
)

// known remembers of which senders something may be known, in any scope: a Bloom filter,
// since nearly all mail comes from strangers, and each would cost a look for a row. What
// it does not have has no row; what it has may have one.
type known struct {
	seed  maphash.Seed
	words []uint64
	mask  uint64
	have  int // senders that were added
	room  int // for how many it is made
}

// newKnown returns one for twice as many senders as there are.
func newKnown(seed maphash.Seed, senders int) *known {
	room := max(2*senders, minSenders)
	words := uint64(1) << bits.Len64(uint64(room*bitsEach/64))
	return &known{seed: seed, words: make([]uint64, words), mask: words*64 - 1, room: room}
}

func (k *known) add(sender mail.Path) { k.put(maphash.String(k.seed, string(sender))) }

func (k *known) put(h uint64) {
	step := h>>32 | 1
	for range hashes {
		k.words[h&k.mask/64] |= 1 << (h & 63)
		h += step
	}
	k.have++
}

func (k *known) has(sender mail.Path) bool {
	h := maphash.String(k.seed, string(sender))
	step := h>>32 | 1
	for range hashes {
		if k.words[h&k.mask/64]&(1<<(h&63)) == 0 {
			return false
		}
		h += step
	}
	return true
}

// stranger reports whether surely nothing is known of a sender.
func (b *Book) stranger(sender mail.Path) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.senders != nil && b.c.Now().Before(b.good) && !b.senders.has(sender)
}

// learnt notes a sender of whom something is known from now on. The caller holds mu.
func (b *Book) learnt(sender mail.Path) {
	if b.senders != nil {
		b.senders.add(sender)
	}
	if b.loading {
		b.late = append(b.late, sender)
	}
}

// Follow takes in of whom other nodes learnt, or reads all rows, where it did not yet or
// missed some. Run calls it every second.
func (b *Book) Follow(ctx context.Context) error {
	asked := b.c.Now()
	b.mu.Lock()
	old := asked.Sub(b.loaded) >= loadEvery
	whole := b.senders != nil
	full := whole && b.senders.have > b.senders.room
	b.mu.Unlock()
	switch {
	case old || full:
		return b.load(ctx)
	case !whole: // too many
		return nil
	}
	for {
		n, err := b.c.Rows.News(ctx, b.news, followSome)
		if err != nil {
			return fmt.Errorf("trust: follow: %w", err)
		}
		if n.Gap {
			return b.load(ctx)
		}
		b.mu.Lock()
		for _, s := range n.Senders {
			b.senders.add(s)
		}
		b.news = n.Next
		if len(n.Senders) < followSome {
			b.good = asked.Add(followGood)
		}
		b.mu.Unlock()
		if len(n.Senders) < followSome {
			return nil
		}
	}
}

// load reads of which senders something is known. What is learnt meanwhile is among the
// news, or was told to learnt.
func (b *Book) load(ctx context.Context) error {
	b.mu.Lock()
	b.senders, b.loading, b.late, b.loaded = nil, true, nil, b.c.Now()
	b.mu.Unlock()
	k, from, err := b.read(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.late {
		if k != nil {
			k.add(s)
		}
	}
	b.senders, b.news = k, from
	b.loading, b.late = false, nil
	if err != nil {
		b.loaded = time.Time{}
		return fmt.Errorf("trust: read who is known: %w", err)
	}
	return nil
}

// read returns who is known, and after which number the news are that it may lack; nil where
// they are too many.
func (b *Book) read(ctx context.Context) (*known, int64, error) {
	n, err := b.c.Rows.News(ctx, 0, 0)
	if err != nil {
		return nil, 0, err
	}
	seed := maphash.MakeSeed()
	var sums []uint64
	for last := (Key{}); ; {
		list, err := b.c.Rows.List(ctx, nil, last, listSome)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range list {
			sums = append(sums, maphash.String(seed, string(e.Sender)))
		}
		if len(sums) > maxSenders {
			return nil, 0, nil
		}
		if len(list) < listSome {
			break
		}
		last = list[len(list)-1].Key
	}
	k := newKnown(seed, len(sums))
	for _, h := range sums {
		k.put(h)
	}
	return k, n.Next, nil
}
