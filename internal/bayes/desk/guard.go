package desk

import (
	"errors"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"gatepost/internal/bayes"
)

// Samples of known ham. A domain has a quarter of the slots, a person of it 4; what an operator brings has all.
const (
	sampleSlots  = 128
	domainSlots  = 32
	personSlots  = 4
	maxSample    = 256 << 10 // octets of one's features
	leastSamples = 32        // with fewer the guard does not judge
	lostShare    = 40        // one of so many may be lost by the lessons of guardDays …
	lostLeast    = 2         // … but always as many as that
	lostOfPerson = 2         // of one person's ham no more count as lost
	guardDays    = 7
)

// Known ham was learnt, so that it lies further from the border than what is still to come: it counts as lost when it has gone
// half the way.
const guardLevel = 2

// A GuardState is what the guard knows, for people.
type GuardState struct {
	Samples int       // known ham
	Lost    int       // of it, what has gone half the way to being held at bayes.DefaultLevel, or further
	Before  int       // the least that it was when one of the last seven days began
	Allowed int       // how many more may be lost
	Refused time.Time // when it last refused a burst here; zero: it did not since the start
	Lessons int       // that were refused here since the start
}

// A sample is known ham in memory.
type sample struct {
	message, person, domain string // person "": an operator
	features                *bayes.Features
}

// A guard judges known ham before and after lessons. Who has the desk's turn has it.
type guard struct {
	slots  [sampleSlots]*sample
	seq    int64          // of the newest entry whose samples it has
	known  bool           // now is as the model and the samples are
	now    int            // known ham that the model would hold
	days   map[string]int // the same when days began, the last guardDays
	warned time.Time      // when a refusal was last logged
}

// clear forgets samples, that all be read anew.
func (g *guard) clear() {
	g.slots, g.seq, g.known = [sampleSlots]*sample{}, 0, false
}

func (g *guard) put(s Sample) error {
	if s.Slot < 0 || s.Slot >= sampleSlots {
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

// count is how many samples there are.
func (g *guard) count() (n int) {
	for _, s := range g.slots {
		if s != nil {
			n++
		}
	}
	return n
}

// before is the least that was lost when one of the last days began. So a little each day doesn't get further
// than much at once.
func (g *guard) before(today string) int {
	least := g.days[today]
	for _, n := range g.days {
		least = min(least, n)
	}
	return least
}

// begin notes what was lost when a day began, and forgets days that are long ago.
func (g *guard) begin(day GuardDay) {
	if g.days == nil {
		g.days = map[string]int{}
	}
	g.days[day.Day] = day.Lost
	names := slices.Sorted(maps.Keys(g.days))
	for _, name := range names[:max(0, len(names)-guardDays)] {
		delete(g.days, name)
	}
}

// allowed is how many of the known may be lost on top of that.
func (g *guard) allowed() int { return max(lostLeast, g.count()/lostShare) }

// lost judges all samples, by what everybody's mail is judged by, and returns how many of them count as lost. Of one
// person's only some count, and of one domain's, where there are others, no more than are allowed: who teaches spam as ham
// must not keep others from teaching it as spam.
func (g *guard) lost(m *bayes.Model) (n int) {
	persons, domains := map[string]int{}, map[string]int{}
	for _, s := range g.slots {
		if s == nil {
			continue
		}
		domains[s.domain] += 0
		if m.Judge(s.features, "").Score < bayes.LevelScore(guardLevel) {
			continue
		}
		if persons[s.person]++; persons[s.person] <= lostOfPerson || s.person == "" {
			domains[s.domain]++
		}
	}
	for _, lost := range domains {
		if len(domains) > 1 {
			lost = min(lost, g.allowed())
		}
		n += lost
	}
	return n
}

// slotOf is where a lesson's message may be kept as known ham.
func slotOf(l Lesson) int {
	at := number(l.Message)
	if l.Source == Command {
		return int(at % sampleSlots)
	}
	quarter := number(l.Domain) % (sampleSlots / domainSlots)
	own := number(l.Person) % (domainSlots / personSlots)
	return int(quarter*domainSlots + own*personSlots + at%personSlots)
}

func number(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64() >> 7 // the low bits of short names are alike
}

// wants reports whether a lesson's message is to be kept: in a free slot always, in another one of four.
func (g *guard) wants(l Lesson) bool {
	return g.slots[slotOf(l)] == nil || number(l.Message)>>20%4 == 0
}

// Guard returns what the guard knows.
func (d *Desk) Guard() GuardState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// warnEvery is how often refusals are logged.
const warnEvery = time.Hour

// note keeps what the guard came to for people, and warns where it refused lessons.
func (d *Desk) note(refused int, now time.Time) {
	g := &d.guard
	d.mu.Lock()
	s := &d.state
	s.Samples, s.Lost, s.Before, s.Allowed = g.count(), g.now, g.before(dayOf(now)), g.allowed()
	s.Lessons += refused
	if refused > 0 {
		s.Refused = now
	}
	d.mu.Unlock()
	if refused > 0 && now.Sub(g.warned).Abs() >= warnEvery {
		g.warned = now
		d.c.Log.Warn("bayes lessons refused: they would have the model take ham that it knows for spam; see who gave them (gatepost bayes lessons --state refused); "+
			"what is right of them can be taught with --force", "lessons", refused, "known_ham", g.count(), "lost_of_it", g.now)
	}
}
