package desk

import (
	"errors"
	"hash/fnv"
	"time"

	"gatepost/internal/bayes"
)

// Samples of known ham. A domain has a quarter of the slots, a person of it 8; what an operator brings has all.
const (
	sampleSlots  = 256
	domainSlots  = 64
	personSlots  = 8
	maxSample    = 256 << 10 // octets of one's features
	leastSamples = 32        // with fewer the guard does not judge
	lostShare    = 50        // one of so many may be lost by a day's lessons …
	lostLeast    = 2         // … but always as many as that
	lostOfPerson = 2         // of one person's ham no more count as lost
)

// A GuardState is what the guard knows, for people.
type GuardState struct {
	Samples int       // known ham
	Lost    int       // of it, what the model would hold at bayes.DefaultLevel now
	Before  int       // the same when the day began, or the process
	Allowed int       // how many more may be lost on one day
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
	seq    int64 // of the newest entry whose samples it has
	known  bool  // now is as the model and the samples are
	now    int   // known ham that the model would hold
	day    string
	before int       // the same when the day began
	warned time.Time // when a refusal was last logged
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

// allowed is how many of the known may be lost by a day's lessons.
func (g *guard) allowed() int { return max(lostLeast, g.count()/lostShare) }

// lost judges all samples and returns how many of them the model would hold. Of one person's only some count: who
// teaches spam as ham must not keep others from teaching it as spam.
func (g *guard) lost(m *bayes.Model) (n int) {
	of := map[string]int{}
	for _, s := range g.slots {
		if s == nil {
			continue
		}
		if m.Judge(s.features, s.domain).Score < bayes.LevelScore(bayes.DefaultLevel) {
			continue
		}
		if of[s.person]++; of[s.person] <= lostOfPerson || s.person == "" {
			n++
		}
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
	s.Samples, s.Lost, s.Before, s.Allowed = g.count(), g.now, g.before, g.allowed()
	s.Lessons += refused
	if refused > 0 {
		s.Refused = now
	}
	d.mu.Unlock()
	if refused > 0 && now.Sub(g.warned).Abs() >= warnEvery {
		g.warned = now
		d.c.Log.Warn("bayes lessons refused: by them the model would hold ham that it knows; see who gave them (gatepost bayes lessons --refused), and what "+
			"is right of them teach with --force", "lessons", refused, "known_ham", g.count(), "held_of_it", g.now)
	}
}
