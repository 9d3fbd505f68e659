package bayes

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// A Delta is what changed in a model: some of its numbers, each by how much.
type Delta struct {
	at      []uint32 // rising
	by      []int32  // never 0
	lessons entry64
}

// Empty reports whether nothing changed.
func (d Delta) Empty() bool { return len(d.at) == 0 && d.lessons == entry64{} }

// Inverse returns the delta that takes d back.
func (d Delta) Inverse() Delta {
	by := slices.Clone(d.by)
	for i := range by {
		by[i] = -by[i]
	}
	return Delta{d.at, by, entry64{-d.lessons[0], -d.lessons[1]}}
}

// Take returns what was learnt and undone here since the last Take, or since the model was made or read. What
// was merged is not in it.
func (m *Model) Take() Delta {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.share()
	var d Delta
	for w, word := range m.changed {
		for ; word != 0; word &= word - 1 {
			from := (64*w + bits.TrailingZeros64(word)) * block
			m.takeBlock(&d, from, min(from+block, size))
		}
		m.changed[w] = 0
	}
	for k := range d.lessons {
		d.lessons[k] = m.lessons[k] - m.takenLessons[k]
	}
	m.takenLessons = m.lessons
	return d
}

// takeBlock adds to d what changed in some entries.
func (m *Model) takeBlock(d *Delta, from, to int) {
	for i, e := range m.table[from:to] {
		i += from
		if e == m.taken[i] {
			continue
		}
		for k := range e {
			if by := e[k] - m.taken[i][k]; by != 0 {
				d.at, d.by = append(d.at, uint32(2*i+k)), append(d.by, by)
			}
		}
		m.taken[i] = e
	}
}

// share makes the copy that tells what changed; who never takes nor merges needs none.
func (m *Model) share() {
	if m.taken == nil {
		m.taken = newTable(m)
	}
}

// Merge adds what other nodes learnt in the same time. Where several changed a number, it grows by the most that one of them
// added and sinks by the most that one took off: what they all learnt of one campaign counts once. Numbers of
// lessons are added up. The order of deltas is no matter; one alone is added as it is.
func (m *Model) Merge(deltas ...Delta) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.share()
	next := make([]int, len(deltas))
	for {
		at := uint32(2 * size)
		for i, d := range deltas {
			if next[i] < len(d.at) {
				at = min(at, d.at[next[i]])
			}
		}
		if at == 2*size {
			break
		}
		up, down, sum := int32(0), int32(0), int32(0)
		for i, d := range deltas {
			if next[i] < len(d.at) && d.at[next[i]] == at {
				by := d.by[next[i]]
				up, down, sum = max(up, by), min(down, by), sum+by
				next[i]++
			}
		}
		by := up + down
		if at >= 2*tail {
			by = sum // numbers of lessons, as are those below
		}
		m.table[at/2][at%2] += by
		m.taken[at/2][at%2] += by
	}
	for _, d := range deltas {
		for k, n := range d.lessons {
			m.lessons[k] += n
			m.takenLessons[k] += n
		}
	}
}

const deltaVersion = 1

var errDelta = errors.New("bayes: not a delta")

// MarshalBinary writes the delta (encoding.BinaryMarshaler).
func (d Delta) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, 16+4*len(d.at))
	b = append(b, deltaVersion)
	b = binary.AppendVarint(b, d.lessons[0])
	b = binary.AppendVarint(b, d.lessons[1])
	b = binary.AppendUvarint(b, uint64(len(d.at)))
	last := uint32(0)
	for i, at := range d.at {
		b = binary.AppendUvarint(b, uint64(at-last))
		b = binary.AppendVarint(b, int64(d.by[i]))
		last = at
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote (encoding.BinaryUnmarshaler). It takes no more memory than a few times the
// octets.
func (d *Delta) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != deltaVersion {
		return errDelta
	}
	r := varints{b: b[1:]}
	t := Delta{lessons: entry64{r.signed(), r.signed()}}
	n := r.unsigned()
	if r.bad || n > uint64(len(r.b))/2 {
		return errDelta
	}
	t.at, t.by = make([]uint32, n), make([]int32, n)
	last := uint64(0)
	for i := range t.at {
		gap := r.unsigned()
		t.by[i] = r.short()
		if last += gap; r.bad || gap >= 2*size || last >= 2*size || i > 0 && gap == 0 || t.by[i] == 0 {
			return errDelta
		}
		t.at[i] = uint32(last)
	}
	if len(r.b) > 0 {
		return errDelta
	}
	*d = t
	return nil
}

// varints reads numbers one after the other.
type varints struct {
	b   []byte
	bad bool
}

func (r *varints) signed() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

// short reads a number of 32 bits.
func (r *varints) short() int32 {
	v := r.signed()
	if v < math.MinInt32 || v > math.MaxInt32 {
		r.bad = true
	}
	return int32(v)
}

func (r *varints) unsigned() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *varints) skip(n int) {
	if n <= 0 {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}
