package bayes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// How the learners learn.
const (
	rate   = 12.0 // of logistic regression, in the scaling of √features
	margin = 0.1  // who errs less learns no weights
	// Who is as sure as that learns no counts. Of ham there is more as a rule, and it is more alike.
	thickSpam, thickHam = 12.0, -8.0
	// What everybody's layer is as sure of as that, no domain's has to learn: it is for the exceptions, and fills no tables.
	exceptSpam, exceptHam = 16.0, -8.0
)

// A Step is what one lesson added to a model, for Undo.
type Step struct {
	spam, domain bool
	alone        bool            // LearnOwn: the domain's layer, if any
	base, own    [learners]int32 // what was added to weights, or 1 to counts
	bin          int32           // of the calibration, -1 for none
}

// Learn teaches the model that a message of that domain is spam, or that it is ham, and returns what
// that added. A message that the model is sure of already adds little.
func (m *Model) Learn(f *Features, domain string, spam bool) Step {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.opinion(f, domain)
	s := Step{spam: spam, bin: m.bin(o.sum, domain, spam), base: m.lesson(f, layer{totals: totals}, o.by[0], spam)}
	if sum := o.by[0].sum(); domain != "" && (spam && sum < exceptSpam || !spam && sum > exceptHam) {
		s.domain, s.own = true, m.lesson(f, layerOf(domain), o.by[1], spam)
	}
	m.apply(f, domain, s, 1)
	return s
}

// LearnOwn teaches as Learn does, but the layer of the domain alone: for no other domain is anything judged otherwise, nor does the
// lesson count among those of Verdict, or calibrate. It is for who speaks for his own mail. What everybody's layer is sure of
// adds nothing.
func (m *Model) LearnOwn(f *Features, domain string, spam bool) Step {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.opinion(f, domain)
	s := Step{spam: spam, alone: true, bin: -1}
	if sum := o.by[0].sum(); domain != "" && (spam && sum < exceptSpam || !spam && sum > exceptHam) {
		s.domain, s.own = true, m.lesson(f, layerOf(domain), o.by[1], spam)
	}
	m.apply(f, domain, s, 1)
	return s
}

// lesson says what learners with these scores have to learn: weights by how much they err, or 1 for counts.
func (m *Model) lesson(f *Features, l layer, s scores, spam bool) (add [learners]int32) {
	for i, who := range team() {
		switch {
		case !who.counts:
			add[i] = correction(s[i]+m.bias(l, i), f.lists[who.of], spam)
		case spam && s[i] < thickSpam, !spam && s[i] > thickHam:
			add[i] = 1
		}
	}
	return add
}

func correction(logit float64, list []uint32, spam bool) int32 {
	err := -1 / (1 + math.Exp(-logit))
	if spam {
		err++
	}
	if math.Abs(err) <= margin {
		return 0
	}
	return int32(math.Round(rate * err / norm(list) * one))
}

// bias is what a regression has learnt of which class comes more often. It takes part in learning alone, so that a run of
// lessons of one class does not write into features that all messages share what says nothing of a message.
func (m *Model) bias(l layer, who int) float64 { return float64(m.table[l.totals+who][0]) / one }

// biasStep is the error that a correction of weights was made of, in fixed point.
func biasStep(add int32, list []uint32) int32 {
	return int32(int64(math.Round(float64(add) * norm(list) / rate)))
}

// Undo takes back what Learn added, exactly, whatever was learnt and taken back in between. The features and
// the domain are those that were learnt.
func (m *Model) Undo(f *Features, domain string, s Step) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apply(f, domain, s, -1)
}

func (m *Model) apply(f *Features, domain string, s Step, sign int32) {
	class := 0
	if s.spam {
		class = 1
	}
	if !s.alone {
		m.lessons[class] += int64(sign)
		m.teach(f, layer{totals: totals}, s.base, class, sign)
	}
	if s.bin >= 0 {
		m.change(tail + int(s.bin))[class] += sign
	}
	if s.domain {
		l := layerOf(domain)
		m.teach(f, l, s.own, class, sign)
		if s.alone {
			sign *= ownWeight
		}
		m.change(l.past)[class] += sign
	}
}

func (m *Model) teach(f *Features, l layer, add [learners]int32, class int, sign int32) {
	for i, who := range team() {
		switch {
		case add[i] == 0:
		case who.counts:
			for _, h := range f.lists[who.of] {
				m.change(l.at(countTable, h))[class] += sign
			}
			m.change(l.totals + i)[class] += sign
		default:
			for _, h := range f.lists[who.of] {
				e := m.change(l.at(weightTable, h))
				e[0] += sign * add[i]
				e[1] += sign
			}
			m.change(l.totals + i)[0] += sign * biasStep(add[i], f.lists[who.of])
		}
	}
}

const stepVersion = 1

// errStep says that octets are no Step.
var errStep = errors.New("bayes: not a step")

// MarshalBinary writes the step in at most 64 octets (encoding.BinaryMarshaler).
func (s Step) MarshalBinary() ([]byte, error) {
	flags := byte(0)
	if s.spam {
		flags |= 1
	}
	if s.domain {
		flags |= 2
	}
	if s.alone {
		flags |= 4
	}
	b := []byte{stepVersion, flags}
	b = binary.AppendVarint(b, int64(s.bin))
	for _, v := range s.base {
		b = binary.AppendVarint(b, int64(v))
	}
	if s.domain {
		for _, v := range s.own {
			b = binary.AppendVarint(b, int64(v))
		}
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote (encoding.BinaryUnmarshaler).
func (s *Step) UnmarshalBinary(b []byte) error {
	if len(b) < 2 || b[1] >= 8 {
		return errStep
	}
	if b[0] != stepVersion {
		return fmt.Errorf("bayes: a step of version %d", b[0])
	}
	t := Step{spam: b[1]&1 != 0, domain: b[1]&2 != 0, alone: b[1]&4 != 0}
	r := varints{b: b[2:]}
	t.bin = r.short()
	for i := range t.base {
		t.base[i] = r.short()
	}
	for i := range t.own {
		if t.domain {
			t.own[i] = r.short()
		}
	}
	if r.bad || len(r.b) > 0 || t.bin < -1 || t.bin >= tailEntries {
		return errStep
	}
	*s = t
	return nil
}
