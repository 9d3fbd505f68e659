package bayes

import (
	"encoding/binary"
	"errors"
	"slices"
)

// A Delta is what changed in a model: some cells, each by a number.
type Delta struct {
	at        []uint32 // rising
	by        []int32  // never 0
	ham, spam int64
}

// Empty reports whether nothing changed.
func (d Delta) Empty() bool { return len(d.at) == 0 && d.ham == 0 && d.spam == 0 }

// Inverse returns the delta that takes d back.
func (d Delta) Inverse() Delta {
	by := slices.Clone(d.by)
	for i := range by {
		by[i] = -by[i]
	}
	return Delta{d.at, by, -d.ham, -d.spam}
}

// Take returns what was learnt and undone here since the last Take, or since the model was made or read. What
// was merged is not in it.
func (m *Model) Take() Delta {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken == nil {
		m.taken = make([]int32, size)
	}
	d := Delta{ham: m.ham - m.takenHam, spam: m.spam - m.takenSpam}
	for i, v := range m.cell {
		if by := v - m.taken[i]; by != 0 {
			d.at, d.by = append(d.at, uint32(i)), append(d.by, by)
		}
	}
	copy(m.taken, m.cell)
	m.takenHam, m.takenSpam = m.ham, m.spam
	return d
}

// Merge adds what other nodes learnt in the same time. Where several changed a cell, it grows by the most that one of them
// added and sinks by the most that one took off: what they all learnt of one campaign counts once. Numbers of
// lessons are added up. The order of deltas is no matter.
func (m *Model) Merge(deltas ...Delta) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken == nil {
		m.taken = make([]int32, size)
	}
	next := make([]int, len(deltas))
	for {
		at, any := uint32(size), false
		for i, d := range deltas {
			if next[i] < len(d.at) && d.at[next[i]] < at {
				at, any = d.at[next[i]], true
			}
		}
		if !any {
			break
		}
		up, down := int32(0), int32(0)
		for i, d := range deltas {
			if next[i] < len(d.at) && d.at[next[i]] == at {
				up, down = max(up, d.by[next[i]]), min(down, d.by[next[i]])
				next[i]++
			}
		}
		m.cell[at] += up + down
		m.taken[at] += up + down
	}
	for _, d := range deltas {
		m.ham, m.spam = m.ham+d.ham, m.spam+d.spam
		m.takenHam, m.takenSpam = m.takenHam+d.ham, m.takenSpam+d.spam
	}
}

const deltaVersion = 1

var errDelta = errors.New("bayes: not a delta")

// MarshalBinary writes the delta (encoding.BinaryMarshaler).
func (d Delta) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, 16+4*len(d.at))
	b = append(b, deltaVersion)
	b = binary.AppendVarint(b, d.ham)
	b = binary.AppendVarint(b, d.spam)
	b = binary.AppendUvarint(b, uint64(len(d.at)))
	last := uint32(0)
	for i, at := range d.at {
		b = binary.AppendUvarint(b, uint64(at-last))
		b = binary.AppendVarint(b, int64(d.by[i]))
		last = at
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote (encoding.BinaryUnmarshaler). It takes no more memory than a few times the octets.
func (d *Delta) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != deltaVersion {
		return errDelta
	}
	r := varints{b: b[1:]}
	t := Delta{ham: r.signed(), spam: r.signed()}
	n := r.unsigned()
	if r.bad || n > size || n > uint64(len(r.b))/2 {
		return errDelta
	}
	t.at, t.by = make([]uint32, n), make([]int32, n)
	last := uint64(0)
	for i := range t.at {
		gap, by := r.unsigned(), r.signed()
		if last += gap; r.bad || gap >= size || last >= size || i > 0 && gap == 0 || by == 0 || int64(int32(by)) != by {
			return errDelta
		}
		t.at[i], t.by[i] = uint32(last), int32(by)
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
