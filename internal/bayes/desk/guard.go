package desk

import (
	"errors"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"gatepost/internal/bayes"
)

// Samples of known ham, and as many of known spam. A domain has a quarter of the slots, a person of it 4; what an operator brings
// has all.
const (
	sampleSlots  = 128
	domainSlots  = 32
	personSlots  = 4
	maxSample    = 256 << 10 // octets of one's features
	leastSamples = 32        // with fewer the guard does not judge
	lostLeast    = 2         // so many may be lost always
	lostOfPerson = 2         // of one person's no more count as lost
	guardDays    = 7
)

// What was learnt lies further from the border than what is still to come: known ham counts as lost when it has gone half
// the way to where bayes.DefaultLevel holds it, known spam when it would pass. A site
// that imports a folder of ham shifts the scores of its spam by some points, and nothing is wrong with that.
const (
	hamLevel  = 2
	spamLevel = 4
)

// The kinds of what is known, and one of how many of each may be lost in guardDays: spam that passes is not as bad.
const (
	ham = iota
	spam
	kinds
)

func lostShare(kind int) int { return [kinds]int{ham: 40, spam: 10}[kind] }

// A GuardState is what the guard knows, for people.
type GuardState struct {
	Ham, Spam GuardSide
	Judging   bool      // it does; not on the first day of a model, when all is learnt
	Refused   time.Time // when it last refused lessons here; zero: it did not since the start
	Lessons   int       // that were refused here since the start
}

// A GuardSide is known ham, or known spam.
type GuardSide struct {
	Samples int // messages that are known
	Lost    int // of them, what has gone half the way to being held (ham), or would pass (spam), at bayes.DefaultLevel
	Before  int // the least that it was when one of the last seven days that had lessons began
	Allowed int // how many more may be lost
}

// A sample is known ham, or spam, in memory.
type sample struct {
	message, person, domain string // person "": an operator
	features                *bayes.Features
}

// losses are how many of each kind count as lost.
type losses [kinds]int

// A guard judges what is known before and after lessons. Who has the desk's turn has it.
type guard struct {
	slots  [kinds * sampleSlots]*sample
	seq    int64 // of the newest entry whose samples it has
	known  bool  // now is as the model and the samples are
	now    losses
	days   map[string]losses // when days began, the last guardDays
	warned time.Time         // when a refusal was last logged
}

// clear forgets samples, that all be read anew.
func (g *guard) clear() {
	g.slots, g.seq, g.known = [kinds * sampleSlots]*sample{}, 0, false
}

func (g *guard) put(s Sample) error {
	if s.Slot < 0 || s.Slot >= len(g.slots) {
		return errors.New("no such slot")
	}
	g.seq, g.known = max(g.seq, s.Seq), false
	g.slots[s.Slot] = nil
	if len(s.Features) == 0 {
		return nil
	}
	f := new(bayes.Features)
	if err := f.UnmarshalBinary(s.Features); err != nil {
		return err
	}
	g.slots[s.Slot] = &sample{message: s.Message, person: s.Person, domain: s.Domain, features: f}
	return nil
}

// count is how many samples of a kind there are.
func (g *guard) count(kind int) (n int) {
	for _, s := range g.slots[kind*sampleSlots:][:sampleSlots] {
		if s != nil {
			n++
		}
	}
	return n
}

// settled reports whether the guard judges: not on the first day of a model, when all spam may be learnt first, and then all
// ham, which changes what it says of everything.
func (g *guard) settled(today string) bool {
	for day := range g.days {
		if day < today {
			return true
		}
	}
	return false
}

// before is the least that was lost when one of the last days began. So a little each day doesn't get further
// than much at once.
func (g *guard) before() (least losses) {
	first := true
	for _, n := range g.days {
		for kind := range least {
			if first || n[kind] < least[kind] {
				least[kind] = n[kind]
			}
		}
		first = false
	}
	return least
}

// begin notes what was lost when a day began, and forgets days that are long ago.
func (g *guard) begin(day GuardDay) {
	if g.days == nil {
		g.days = map[string]losses{}
	}
	g.days[day.Day] = losses{ham: day.Ham, spam: day.Spam}
	names := slices.Sorted(maps.Keys(g.days))
	for _, name := range names[:max(0, len(names)-guardDays)] {
		delete(g.days, name)
	}
}

// allowed is how many of a kind may be lost on top of that.
func (g *guard) allowed(kind int) int { return max(lostLeast, g.count(kind)/lostShare(kind)) }

// bears reports whether lessons may be learnt by which what is lost becomes that.
func (g *guard) bears(after losses) bool {
	before := g.before()
	for kind, n := range after {
		if n > g.now[kind] && n > before[kind]+g.allowed(kind) && g.count(kind) >= leastSamples {
			return false
		}
	}
	return true
}

// isLost reports whether known mail counts as lost: judged by what everybody's mail is judged by.
func isLost(m *bayes.Model, f *bayes.Features, kind int) bool {
	score := m.Judge(f, "").Score
	if kind == spam {
		return score < bayes.LevelScore(spamLevel)
	}
	return score >= bayes.LevelScore(hamLevel)
}

// lost judges all samples and returns how many of them count as lost. Of one
// person's only some count, and of one domain's, where there are others, no more than are allowed: who teaches spam as ham
// must not keep others from teaching it as spam.
func (g *guard) lost(m *bayes.Model) (n losses) {
	for kind := range n {
		persons, domains := map[string]int{}, map[string]int{}
		for _, s := range g.slots[kind*sampleSlots:][:sampleSlots] {
			if s == nil {
				continue
			}
			domains[s.domain] += 0
			if !isLost(m, s.features, kind) {
				continue
			}
			if persons[s.person]++; persons[s.person] <= lostOfPerson || s.person == "" {
				domains[s.domain]++
			}
		}
		for _, lost := range domains {
			if len(domains) > 1 {
				lost = min(lost, g.allowed(kind))
			}
			n[kind] += lost
		}
	}
	return n
}

// kindOf is what a lesson says.
func kindOf(l Lesson) int {
	if l.Spam {
		return spam
	}
	return ham
}

// slotOf is where a lesson's message may be kept as known.
func slotOf(l Lesson) int {
	at, first := number(l.Message), kindOf(l)*sampleSlots
	if l.Source == Command {
		return first + int(at%sampleSlots)
	}
	quarter := number(l.Domain) % (sampleSlots / domainSlots)
	own := number(l.Person) % (domainSlots / personSlots)
	return first + int(quarter*domainSlots+own*personSlots+at%personSlots)
}

func number(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64() >> 7 // the low bits of short names are alike
}

// wants reports whether a lesson's message is to be kept: in a free slot always, in another one of four. What strangers have
// taught, who write to traps and solve tasks, never is.
func (g *guard) wants(l Lesson) bool {
	if l.Source == Trap || l.Source == Virus || l.Source == Challenge {
		return false
	}
	return g.slots[slotOf(l)] == nil || number(l.Message)>>20%4 == 0
}

// Guard returns what the guard knows; while lessons are learnt, what it knew before them.
func (d *Desk) Guard() GuardState {
	select {
	case d.turn <- struct{}{}:
		if g := &d.guard; !g.known {
			g.now, g.known = g.lost(d.bench), true
			d.note(0, d.c.Now())
		}
		<-d.turn
	default:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	s.Judging = d.judging()
	return s
}

// judging reports whether the guard judges; it looks into memory alone.
func (d *Desk) judging() bool {
	from := d.settles.Load()
	return from != 0 && d.c.Now().Unix() >= from
}

// settles is when the guard begins to judge: when the first of its days is over; 0 where there is none.
func (g *guard) settles() int64 {
	if len(g.days) == 0 {
		return 0
	}
	first, err := time.Parse(time.DateOnly, slices.Min(slices.Collect(maps.Keys(g.days))))
	if err != nil {
		return 0
	}
	return first.AddDate(0, 0, 1).Unix()
}

// warnEvery is how often refusals are logged.
const warnEvery = time.Hour

// note keeps what the guard came to for people, and warns where it refused lessons.
func (d *Desk) note(refused int, now time.Time) {
	g := &d.guard
	before := g.before()
	side := func(kind int) GuardSide {
		return GuardSide{Samples: g.count(kind), Lost: g.now[kind], Before: before[kind], Allowed: g.allowed(kind)}
	}
	d.settles.Store(g.settles())
	d.mu.Lock()
	s := &d.state
	s.Ham, s.Spam = side(ham), side(spam)
	s.Lessons += refused
	if refused > 0 {
		s.Refused = now
	}
	d.mu.Unlock()
	if refused > 0 && now.Sub(g.warned).Abs() >= warnEvery {
		g.warned = now
		d.c.Log.Warn("bayes lessons refused: they would have the model take mail that it knows for the opposite; see who gave them (gatepost bayes lessons --state refused); "+
			"what is right of them can be taught with --force", "lessons", refused, "known_ham", s.Ham.Samples, "lost_of_it", s.Ham.Lost, "known_spam", s.Spam.Samples, "missed_of_it", s.Spam.Lost)
	}
}
