package bayes

import (
	"hash/fnv"
	"math"
	"sync"
)

// Tables. Each learner has a table of cells; words have two, for ham and for spam.
const (
	cells = 1 << 19 // of a table
	one   = 1 << 16 // fixed point: so much is 1

	gramTable = 0
	pairTable = cells
	hamTable  = 2 * cells
	spamTable = 3 * cells
	tableEnd  = 4 * cells
)

// Beyond the tables stand counters: of the model and of domains. Domains share them by hash.
const (
	domainCells = 1 << 12
	wordHam     = tableEnd     // messages that the words of ham come from
	wordSpam    = tableEnd + 1 // and of spam
	domainHam   = tableEnd + 2
	domainSpam  = domainHam + domainCells
	wordHamOf   = domainSpam + domainCells
	wordSpamOf  = wordHamOf + domainCells
	bins        = wordSpamOf + domainCells
	size        = bins + calibrationCells
)

// How the learners learn.
const (
	rate      = 12.0 // of logistic regression, in the scaling of √features
	margin    = 0.1  // a lesson whose probability errs less teaches no weights
	thick     = 10.0 // nor words, if they are as sure as that
	strength  = 0.1  // of the belief that a word means nothing (Robinson's s)
	deviation = 0.45 // words that mean less don't count
	maxStrong = 150  // so many words count, the strongest
	wordShare = 0.5  // of the words' score in the sum
)

// A Model is what was learnt. It may be used from many goroutines; its size is fixed.
type Model struct {
	mu        sync.RWMutex
	cell      []int32 // tables and counters; sums wrap, so that what is added can always be taken back
	taken     []int32 // what they were at the last Take; nil: all zero
	ham, spam int64   // lessons
	takenHam  int64
	takenSpam int64
}

// New returns a model that knows nothing.
func New() *Model { return &Model{cell: make([]int32, size)} }

// A Verdict is what the model says of a message.
type Verdict struct {
	Score     float64 // above 0 and below 15; 7.5 is where a message should be held as spam
	Trained   bool    // enough of both was learnt for the score to mean something
	Ham, Spam int64   // messages learnt so far
}

// enough lessons of either kind make a model trained.
const enough = 100

// Judge says how likely a message is spam, as mail of that domain; "" stands for mail of nobody in particular. It
// changes nothing.
func (m *Model) Judge(f *Features, domain string) Verdict {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Verdict{
		Score:   m.calibrated(m.opinion(f, domain).sum),
		Trained: m.ham >= enough && m.spam >= enough, Ham: m.ham, Spam: m.spam,
	}
}

// An opinion is what the learners of both layers say: logits, more or less.
type opinion struct {
	base, own scores
	layer     layer // of the domain
	sum       float64
}

type scores struct{ gram, pair, word float64 }

func (s scores) sum() float64 { return s.gram + s.pair + wordShare*s.word }

// A layer is whose features are meant: everybody's or those of a domain.
type layer struct {
	salt              uint32
	wordHam, wordSpam int
	ham, spam         int // counters of lessons, of a domain only
}

func everybody() layer { return layer{wordHam: wordHam, wordSpam: wordSpam} }

func layerOf(domain string) layer {
	h := fnv.New32a()
	h.Write([]byte(domain))
	salt := final(h.Sum32()) | 1
	i := int(salt >> 8 % domainCells)
	return layer{salt, wordHamOf + i, wordSpamOf + i, domainHam + i, domainSpam + i}
}

// at returns the cell of a feature.
func (l layer) at(table int, h uint32) int {
	if l.salt != 0 {
		h = final(h ^ l.salt)
	}
	return table + int(h%cells)
}

func (m *Model) opinion(f *Features, domain string) opinion {
	o := opinion{base: m.scores(f, everybody())}
	o.sum = o.base.sum()
	if domain == "" {
		return o
	}
	o.layer = layerOf(domain)
	o.own = m.scores(f, o.layer)
	const half = 300 // lessons with which a domain's layer weighs half of what everybody's does
	n := float64(m.cell[o.layer.ham]) + float64(m.cell[o.layer.spam])
	share := max(n, 0) / (max(n, 0) + half)
	o.sum = (o.sum + share*o.own.sum()) / (1 + share)
	return o
}

func (m *Model) scores(f *Features, l layer) scores {
	return scores{m.weights(f.grams, l, gramTable), m.weights(f.pairs, l, pairTable), m.words(f.words, l)}
}

// weights is the logit of a logistic regression.
func (m *Model) weights(list []uint32, l layer, table int) float64 {
	sum := int64(0)
	for _, h := range list {
		sum += int64(m.cell[l.at(table, h)])
	}
	return float64(sum) / one / norm(list)
}

func norm(list []uint32) float64 { return math.Sqrt(float64(len(list)) + 1) }

// words adds the evidence of the words that mean most.
func (m *Model) words(list []uint32, l layer) float64 {
	nh, ns := float64(m.cell[l.wordHam]), float64(m.cell[l.wordSpam])
	if nh <= 0 || ns <= 0 {
		return 0
	}
	var counts, sums [strata]int64
	for _, h := range list {
		v := m.evidence(h, l, nh, ns)
		if v == 0 {
			continue
		}
		i := min(int(math.Abs(v)*4), strata-1)
		counts[i]++
		sums[i] += int64(math.Round(v * one))
	}
	taken, sum := int64(0), 0.0
	for i := strata - 1; i >= 0 && taken < maxStrong; i-- {
		if counts[i] == 0 {
			continue
		}
		n := min(counts[i], maxStrong-taken)
		sum += float64(sums[i]) / one * float64(n) / float64(counts[i])
		taken += n
	}
	return sum / math.Sqrt(float64(taken)+1)
}

// strata of words by how much they mean: where not all of one count, each counts in part, so that their
// order is no matter.
const strata = 40

// evidence returns the log-odds of a word (Robinson's f(w)), 0 where it means too little.
func (m *Model) evidence(h uint32, l layer, nh, ns float64) float64 {
	ham, spam := float64(max(m.cell[l.at(hamTable, h)], 0)), float64(max(m.cell[l.at(spamTable, h)], 0))
	n := ham + spam
	if n == 0 {
		return 0
	}
	p := spam / ns / (spam/ns + ham/nh)
	p = (strength/2 + n*p) / (strength + n)
	if math.Abs(p-0.5) <= deviation {
		return 0
	}
	p = min(max(p, 1e-4), 1-1e-4)
	return math.Log(p / (1 - p))
}
