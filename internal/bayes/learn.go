package bayes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A Step is what one lesson added to a model, for Undo.
type Step struct {
	spam      bool
	base, own lesson
	domain    bool
	bin       int32 // of the calibration, -1 for none
}

// A lesson is what was added to the features of one layer.
type lesson struct {
	gram, pair int32
	words      bool
}

// Learn teaches the model that a message of that domain is spam, or that it is ham, and returns what
// that added. A message that the model is sure of already adds little.
func (m *Model) Learn(f *Features, domain string, spam bool) Step {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.opinion(f, domain)
	s := Step{spam: spam, domain: domain != "", base: o.base.lesson(f, spam), bin: m.bin(o.sum, spam)}
	if s.domain {
		s.own = o.own.lesson(f, spam)
	}
	m.apply(f, domain, s, 1)
	return s
}

// lesson says what a layer with these scores has to learn.
func (s scores) lesson(f *Features, spam bool) (l lesson) {
	l.gram, l.pair = delta(s.gram, f.grams, spam), delta(s.pair, f.pairs, spam)
	l.words = spam && s.word < thick || !spam && s.word > -thick
	return l
}

func delta(logit float64, list []uint32, spam bool) int32 {
	err := -1 / (1 + math.Exp(-logit))
	if spam {
		err++
	}
	if math.Abs(err) <= margin {
		return 0
	}
	return int32(math.Round(rate * err / norm(list) * one))
}

// Undo takes back what Learn added, exactly, whatever was learnt and taken back in between. The features and
// the domain are those that were learnt.
func (m *Model) Undo(f *Features, domain string, s Step) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apply(f, domain, s, -1)
}

func (m *Model) apply(f *Features, domain string, s Step, sign int32) {
	m.teach(f, everybody(), s.base, s.spam, sign)
	if s.spam {
		m.spam += int64(sign)
	} else {
		m.ham += int64(sign)
	}
	if s.bin >= 0 {
		m.cell[bins+int(s.bin)] += sign
	}
	if !s.domain {
		return
	}
	l := layerOf(domain)
	m.teach(f, l, s.own, s.spam, sign)
	if s.spam {
		m.cell[l.spam] += sign
	} else {
		m.cell[l.ham] += sign
	}
}

func (m *Model) teach(f *Features, l layer, s lesson, spam bool, sign int32) {
	m.addTo(f.grams, l, gramTable, sign*s.gram)
	m.addTo(f.pairs, l, pairTable, sign*s.pair)
	if !s.words {
		return
	}
	table, count := hamTable, l.wordHam
	if spam {
		table, count = spamTable, l.wordSpam
	}
	m.addTo(f.words, l, table, sign)
	m.cell[count] += sign
}

func (m *Model) addTo(list []uint32, l layer, table int, d int32) {
	if d == 0 {
		return
	}
	for _, h := range list {
		m.cell[l.at(table, h)] += d
	}
}

const stepVersion = 1

// errStep says that octets are no Step.
var errStep = errors.New("bayes: not a step")

// MarshalBinary writes the step in at most 64 octets (encoding.BinaryMarshaler).
func (s Step) MarshalBinary() ([]byte, error) {
	flags := byte(0)
	for i, set := range []bool{s.spam, s.domain, s.base.words, s.own.words} {
		if set {
			flags |= 1 << i
		}
	}
	b := []byte{stepVersion, flags}
	for _, v := range []int32{s.base.gram, s.base.pair, s.own.gram, s.own.pair, s.bin} {
		b = binary.AppendVarint(b, int64(v))
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote (encoding.BinaryUnmarshaler).
func (s *Step) UnmarshalBinary(b []byte) error {
	if len(b) < 2 || b[1] >= 16 {
		return errStep
	}
	if b[0] != stepVersion {
		return fmt.Errorf("bayes: a step of version %d", b[0])
	}
	t := Step{spam: b[1]&1 != 0, domain: b[1]&2 != 0}
	t.base.words, t.own.words = b[1]&4 != 0, b[1]&8 != 0
	b = b[2:]
	for _, to := range []*int32{&t.base.gram, &t.base.pair, &t.own.gram, &t.own.pair, &t.bin} {
		v, n := binary.Varint(b)
		if n <= 0 || v < math.MinInt32 || v > math.MaxInt32 {
			return errStep
		}
		*to, b = int32(v), b[n:]
	}
	if len(b) > 0 || t.bin < -1 || t.bin >= calibrationCells {
		return errStep
	}
	*s = t
	return nil
}
