package learnt

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"time"

	"gatepost/internal/sketch"
)

// A Memory knows what counts as spam. It is safe for use by many goroutines, and waits for
// nothing but others' look-ups.
type Memory struct {
	most int
	keep time.Duration
	now  func() time.Time

	mu       sync.RWMutex
	prints   map[key]known
	pictures pictures
	sketches sketch.Index
	numbers  []key // of sketches, by their number in the index
	revision int64
}

// A key is a print in memory: what is longer than fits is hashed.
type key struct {
	kind Kind
	sum  [20]byte
}

func keyOf(kind Kind, sum []byte) key {
	k := key{kind: kind}
	if len(sum) > len(k.sum) {
		h := sha256.Sum256(sum)
		sum = h[:len(k.sum)]
	}
	copy(k.sum[:], sum)
	return k
}

// known is a Standing in few octets.
type known struct {
	spam, ham   uint16
	sources     uint16 // a bit for each of Sources
	first, last uint32 // seconds since 1970
	number      uint32 // of a sketch, in the index
	networks    uint8
	domains     uint8
	home        Home
}

// NewMemory returns an empty one that holds most prints and believes each for keep since it was last taught.
func NewMemory(most int, keep time.Duration, now func() time.Time) *Memory {
	return &Memory{most: most, keep: keep, now: now, prints: map[key]known{}}
}

// Len returns how many prints count as spam.
func (m *Memory) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.prints)
}

// Spam returns what is known of a print; false where it does not count as spam.
func (m *Memory) Spam(kind Kind, sum []byte) (Standing, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.get(keyOf(kind, sum))
}

func (m *Memory) get(k key) (Standing, bool) {
	n, ok := m.prints[k]
	if !ok || m.now().Sub(time.Unix(int64(n.last), 0)) > m.keep {
		return Standing{}, false
	}
	return n.standing(), true
}

// NearPicture returns what is known of the picture whose hash differs least from the given one, by at most distance
// of its 64 bits; MaxDistance is the most. False where there is none that counts as spam.
func (m *Memory) NearPicture(hash uint64, distance int) (Standing, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	best, ok := m.pictures.nearest(hash, distance)
	if !ok {
		return Standing{}, false
	}
	return m.get(keyOf(Picture, binary.BigEndian.AppendUint64(nil, best)))
}

// NearSketch returns what is known of the text whose sketch agrees with the given one in most places, in
// least of them or more, and how many those are. False where there is none that counts as
// spam.
func (m *Memory) NearSketch(s *sketch.Sketch, least int) (Standing, int, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, equal, ok := m.sketches.Nearest(s, least)
	if !ok {
		return Standing{}, 0, false
	}
	st, ok := m.get(m.numbers[n])
	return st, equal, ok
}

// Anchor returns, for the print of a picture or a text (Sketch), the one that is known to count as spam and
// nearest to it, within reach; else the print itself. So what is said of copies that differ a little is said of one
// print, and not of as many as there are copies.
func (m *Memory) Anchor(p Print) Print {
	m.mu.RLock()
	defer m.mu.RUnlock()
	switch p.Kind {
	case Picture:
		if best, ok := m.pictures.nearest(binary.BigEndian.Uint64(p.Sum), nearPicture); ok {
			return PictureOf(best)
		}
	case Sketch:
		s, ok := sketch.Parse(p.Sum)
		if !ok {
			return p
		}
		if n, _, ok := m.sketches.Nearest(&s, sketch.Near); ok {
			return Print{Sketch, m.sketches.At(n).Bytes()}
		}
	}
	return p
}

// nearPicture is in how many bits a picture's hash may differ from one that stands for it.
const nearPicture = 6

func (n known) standing() Standing {
	return Standing{
		Spam: int(n.spam), Ham: int(n.ham), Sources: SourcesOf(n.sources), Networks: int(n.networks), Domains: int(n.domains), Home: n.home,
		First: time.Unix(int64(n.first), 0).UTC(), Last: time.Unix(int64(n.last), 0).UTC(),
	}
}

func knownOf(s Standing) known {
	return known{
		spam: uint16(min(s.Spam, math.MaxUint16)), ham: uint16(min(s.Ham, math.MaxUint16)), sources: s.Bits(),
		networks: uint8(min(s.Networks, math.MaxUint8)), domains: uint8(min(s.Domains, math.MaxUint8)), home: s.Home,
		first: uint32(s.First.Unix()), last: uint32(s.Last.Unix()),
	}
}

// follow reads what has changed since it was last asked.
func (m *Memory) follow(ctx context.Context, rows Reader) error {
	var batch []Entry
	m.mu.RLock()
	since := m.revision
	m.mu.RUnlock()
	revision, err := rows.Load(ctx, since, func(e Entry) error {
		if batch = append(batch, e); len(batch) == loadBatch {
			m.apply(batch)
			batch = batch[:0]
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.apply(batch)
	m.mu.Lock()
	m.revision = max(m.revision, revision)
	m.mu.Unlock()
	return nil
}

// loadBatch is how many prints are taken over under one lock.
const loadBatch = 1000

func (m *Memory) apply(list []Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range list {
		if !e.Valid() {
			continue
		}
		k := keyOf(e.Kind, e.Sum)
		if !e.IsSpam() {
			m.drop(k)
			continue
		}
		m.put(k, e)
	}
	if len(m.prints) > m.most {
		m.thin()
	}
}

func (m *Memory) put(k key, e Entry) {
	n := knownOf(e.Standing)
	old, is := m.prints[k]
	switch {
	case is:
		n.number = old.number
	case k.kind == Picture:
		m.pictures.put(binary.BigEndian.Uint64(e.Sum))
	case k.kind == Sketch:
		s, ok := sketch.Parse(e.Sum)
		if !ok {
			return // of another form: nothing is like it
		}
		n.number = m.sketches.Put(s)
		if int(n.number) == len(m.numbers) {
			m.numbers = append(m.numbers, k)
		}
		m.numbers[n.number] = k
	}
	m.prints[k] = n
}

func (m *Memory) drop(k key) {
	n, is := m.prints[k]
	if !is {
		return
	}
	switch k.kind {
	case Picture:
		m.pictures.drop(binary.BigEndian.Uint64(k.sum[:8]))
	case Sketch:
		m.sketches.Drop(n.number)
	}
	delete(m.prints, k)
}

// thin drops the tenth that was taught longest ago, so that this is not done for each.
func (m *Memory) thin() {
	type aged struct {
		key
		last uint32
	}
	all := make([]aged, 0, len(m.prints))
	for k, n := range m.prints {
		all = append(all, aged{k, n.last})
	}
	slices.SortFunc(all, func(a, b aged) int { return int(a.last) - int(b.last) })
	for _, a := range all[:min(len(all), len(all)-m.most+m.most/10)] {
		m.drop(a.key)
	}
}
