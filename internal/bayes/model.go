package bayes

import (
	"math"
	"sync"
)

// An entry is what a table has of one feature: of a learner of weights the weight, and how often it was
// changed; of one that counts the messages of ham and of spam that had it. Sums wrap, so that what was added can
// always be taken back.
type entry [2]int32

// Entries. The learners of one kind share a table, since their features hash to places of their own. Beyond
// the tables stand the numbers of messages that counts come from, for everybody and for domains, which share them by
// hash; lessons of domains; and what calibration counts.
const (
	entries = 1 << 19 // of a table
	domains = 1 << 12

	weightTable = 0
	countTable  = entries
	totals      = 2 * entries // one for each learner of everybody
	domainTotal = totals + learners
	domainPast  = domainTotal + domains*learners
	tail        = domainPast + domains
	size        = tail + tailEntries
)

// one is 1 in fixed point.
const one = 1 << 16

// A learner is one that has an opinion of its own on one family of features.
type learner struct {
	counts bool // those that have them, not weights
	of     family
	share  float64 // of its score in the sum
}

// learners is how many there are.
const learners = 7

// team returns all of them.
func team() [learners]learner {
	return [learners]learner{
		{false, headGrams, 1}, {false, headShapes, 1}, {false, textGrams, 1}, {false, textWords, 1},
		{true, headWords, 0.5}, {true, headShapes, 0.5}, {true, textWords, 0.5},
	}
}

// A Model is what was learnt. It may be used from many goroutines; its size is fixed.
type Model struct {
	mu    sync.RWMutex
	table []entry
	taken []entry // what it was at the last Take; nil: empty
	// Bits of blocks of the table that lessons changed since.
	changed []uint64
	// Lessons of ham and of spam, and how many there were at the last Take.
	lessons, takenLessons entry64
}

// entry64 counts ham and spam.
type entry64 [2]int64

// New returns a model that knows nothing.
func New() *Model {
	m := &Model{changed: make([]uint64, size/(64*block)+1)}
	m.table = newTable(m)
	return m
}

// block is how many entries have a bit of Model.changed.
const block = 16

// change returns an entry that a lesson is about to change.
func (m *Model) change(i int) *entry {
	m.changed[i/(64*block)] |= 1 << (i / block % 64)
	return &m.table[i]
}

// A Verdict is what the model says of a message.
type Verdict struct {
	Score     float64 // above 0 and below 15; 7.5 is where a message should be held as spam
	Trained   bool    // enough of both was learnt for the score to mean something
	Ham, Spam int64   // messages learnt so far, for everybody or for the domain, whichever is more
}

// Enough lessons of ham, and as many of spam, make a model trained: everybody's, or the domain's own.
const Enough = 100

// Judge says how likely a message is spam, as mail of that domain; "" stands for mail of nobody in
// particular. It changes nothing.
func (m *Model) Judge(f *Features, domain string) Verdict {
	m.mu.RLock()
	defer m.mu.RUnlock()
	ham, spam := m.lessons[0], m.lessons[1]
	if domain != "" {
		own := m.table[layerOf(domain).past]
		ham, spam = max(ham, int64(own[0])/ownWeight), max(spam, int64(own[1])/ownWeight)
	}
	return Verdict{
		Score:   m.calibrated(m.opinion(f, domain).sum, domain),
		Trained: ham >= Enough && spam >= Enough, Ham: ham, Spam: spam,
	}
}

// ownLessons is how many lessons a domain's layer has.
func (m *Model) ownLessons(domain string) int64 {
	if domain == "" {
		return 0
	}
	own := m.table[layerOf(domain).past]
	return (int64(own[0]) + int64(own[1])) / ownWeight
}

// An opinion is what the learners of both layers say: logits, more or less.
type opinion struct {
	by  [2]scores // of everybody's layer and the domain's
	sum float64
}

type scores [learners]float64

// sum adds the opinions up. Those who have none, of a message without a header, say, stand with the others.
func (s scores) sum() (sum float64) {
	silent := 0
	for i, l := range team() {
		sum += l.share * s[i]
		if s[i] == 0 {
			silent++
		}
	}
	return sum * learners / float64(max(learners-silent, 1))
}

// A layer is whose features are meant: everybody's or those of a domain.
type layer struct {
	salt   uint32
	totals int // where the totals of its learners are
	past   int // and its lessons
}

func layerOf(domain string) layer {
	h := final(hash(basis, domain))
	i := int(h % domains)
	return layer{final(h^0x9e3779b1) | 1, domainTotal + i*learners, domainPast + i}
}

// at returns the place of a feature in a table of this layer.
func (l layer) at(table int, h uint32) int {
	if l.salt != 0 {
		h = final(h^l.salt) % entries
	}
	return table + int(h)
}

// half is with how many lessons of its own a domain's layer weighs half of what everybody's does.
const half = 50

// ownWeight is how many lessons one counts as that is for the domain alone: nothing else says what it says.
const ownWeight = 4

func (m *Model) opinion(f *Features, domain string) (o opinion) {
	layers, shares, n := m.layers(domain)
	for i, l := range layers[:n] {
		o.by[i] = m.scores(f, l)
		o.sum += shares[i] * o.by[i].sum()
	}
	return o
}

// layers returns everybody's layer and, unless domain is "", the domain's, with how much each counts; and how many they are.
func (m *Model) layers(domain string) (list [2]layer, shares [2]float64, n int) {
	list[0].totals = totals
	if domain == "" {
		return list, [2]float64{1, 0}, 1
	}
	own := layerOf(domain)
	lessons := max(0, float64(m.table[own.past][0])+float64(m.table[own.past][1]))
	list[1] = own
	return list, [2]float64{1, lessons / (lessons + half)}, 2
}

func (m *Model) scores(f *Features, l layer) (s scores) {
	for i, who := range team() {
		list := f.lists[who.of]
		if who.counts {
			s[i] = m.counted(list, l, i)
		} else {
			s[i] = m.weighed(list, l)
		}
	}
	return s
}

// weighed is the logit of a logistic regression. Weights that were changed often have seen much that others
// explain as well: they count less.
func (m *Model) weighed(list []uint32, l layer) float64 {
	sum := int64(0)
	for _, h := range list {
		if e := m.table[l.at(weightTable, h)]; e[1] != 0 {
			sum += int64(e[0]) * int64(confidence(e[1])) >> 8
		}
	}
	return float64(sum) / one / norm(list)
}

func norm(list []uint32) float64 { return math.Sqrt(float64(len(list)) + 1) }

// counted adds the log-odds of features.
func (m *Model) counted(list []uint32, l layer, who int) float64 {
	ham, spam := float64(m.table[l.totals+who][0]), float64(m.table[l.totals+who][1])
	if ham <= 0 || spam <= 0 {
		return 0
	}
	sum, n := int64(0), 0
	o := newOdds(ham, spam)
	for _, h := range list {
		if v := o.of(m.table[l.at(countTable, h)]); v != 0 {
			sum += int64(math.Round(v * one))
			n++
		}
	}
	return float64(sum) / one / math.Sqrt(float64(n)+1)
}

// odds are how much more of spam than of ham has a feature.
type odds struct{ ham, spam, least float64 }

func newOdds(ham, spam float64) odds {
	const share = 0.05 // of a message, is what was never seen
	return odds{1 / ham, 1 / spam, share * (1/ham + 1/spam) / 2}
}

// of returns log-odds, 0 where they mean too little.
func (o odds) of(e entry) float64 {
	const doubt, weak, most = 0.3, 1.5, 9
	ham, spam := float64(max(e[0], 0)), float64(max(e[1], 0))
	n := ham + spam
	if n == 0 {
		return 0
	}
	v := math.Log((spam*o.spam+o.least)/(ham*o.ham+o.least)) * n / (n + doubt)
	if math.Abs(v) < weak {
		return 0
	}
	return max(-most, min(v, most))
}

// confidence is 256 times the fourth root of 1/(1+n).
func confidence(n int32) int32 {
	if uint32(n) < uint32(len(confidences)) {
		return int32(confidences[n])
	}
	return int32(256 / math.Sqrt(math.Sqrt(1+float64(uint32(n)))))
}

var confidences = func() (table [1024]uint16) {
	for n := range table {
		table[n] = uint16(math.Round(256 / math.Sqrt(math.Sqrt(1+float64(n)))))
	}
	return table
}()
