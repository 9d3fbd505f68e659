package greylist

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// pending is what is to be written.
type pending struct {
	triplets   map[int64]Triplet
	identities map[string]Identity
	delays     map[delayKey]*Delay
	waiting    map[string][]int64 // triplets that wait, by identity, the oldest first
}

type delayKey struct{ day, domain string }

func newPending() *pending {
	return &pending{triplets: map[int64]Triplet{}, identities: map[string]Identity{}, delays: map[delayKey]*Delay{}, waiting: map[string][]int64{}}
}

func (p *pending) triplet(n int64) (Triplet, bool) {
	if p == nil {
		return Triplet{}, false
	}
	t, ok := p.triplets[n]
	return t, ok
}

// add merges a triplet. Of one identity no more than most may be new: the oldest gives way.
func (p *pending) add(t Triplet, most int) {
	old, there := p.triplets[t.Number]
	p.triplets[t.Number], _ = old.Merge(t)
	if there || t.State != Waiting {
		return
	}
	list := append(p.waiting[t.Identity], t.Number)
	for len(list) > most {
		if p.triplets[list[0]].State == Waiting {
			delete(p.triplets, list[0])
		}
		list = list[1:]
	}
	p.waiting[t.Identity] = list
}

func (p *pending) use(i Identity) { p.identities[i.Name] = p.identities[i.Name].Merge(i) }

// delay is the count of a domain and day.
func (p *pending) delay(day, domain string) *Delay {
	key := delayKey{day, domain}
	if d := p.delays[key]; d != nil {
		return d
	}
	if len(p.delays) >= maxDelays {
		key.domain = Others
		if d := p.delays[key]; d != nil {
			return d
		}
	}
	d := &Delay{Day: day, Domain: key.domain}
	p.delays[key] = d
	return d
}

// join adds what was not written after all to what came since.
func (p *pending) join(old *pending, most, perIdentity int) {
	since := p.triplets
	p.triplets = old.triplets
	for _, t := range since {
		p.add(t, perIdentity)
	}
	for n, t := range p.triplets {
		if len(p.triplets) > most && t.State == Waiting {
			delete(p.triplets, n)
		}
	}
	for _, i := range old.identities {
		p.use(i)
	}
	for key, d := range old.delays {
		sum := p.delay(key.day, key.domain)
		*sum = sum.Add(*d)
	}
}

func (p *pending) empty() bool { return len(p.triplets)+len(p.identities)+len(p.delays) == 0 }

// chunk is how many rows one commit has: others wait for it.
const chunk = 500

// batches are the commits by which all of it is written. Triplets are in the order of
// their numbers, so that two nodes do not wait for each other.
func (p *pending) batches(perIdentity int) (list []Batch) {
	triplets := slices.SortedFunc(maps.Values(p.triplets), func(a, b Triplet) int { return cmp.Compare(a.Number, b.Number) })
	for part := range slices.Chunk(triplets, chunk) {
		list = append(list, Batch{Triplets: part, PerIdentity: perIdentity})
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(p.identities)), chunk) {
		b := Batch{}
		for _, name := range part {
			b.Identities = append(b.Identities, p.identities[name])
		}
		list = append(list, b)
	}
	var delays []Delay
	for _, key := range slices.SortedFunc(maps.Keys(p.delays), delayKey.compare) {
		delays = append(delays, *p.delays[key])
	}
	for part := range slices.Chunk(delays, chunk) {
		list = append(list, Batch{Delays: part})
	}
	return list
}

func (k delayKey) compare(o delayKey) int {
	return cmp.Or(cmp.Compare(k.day, o.day), cmp.Compare(k.domain, o.domain))
}

// grain is how exact the last use of a pass is written: it is kept that much longer, so
// that each need be written no more often.
const grain = time.Hour

// Record notes what follows from an answer of Check: an attempt, a pass, a use. It waits
// for nothing.
func (b *Book) Record(q Question, a Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch a.Result {
	case Unseen, Early:
		b.noteAttempt(q, a)
	case Passed:
		if _, twice := b.passed.get(a.number); twice { // by another connection, a moment ago
			return
		}
		b.notePass(q, a)
	case Known:
		b.noteUse(q, a)
	}
}

// triplet is a row of a question, under an identity.
func (b *Book) triplet(q Question, identity string, number int64) Triplet {
	return Triplet{
		Number: number, Identity: identity, Domain: q.Domain, Last: q.Time,
		Sender: b.key.address(Sender(q.Sender)), Recipient: b.key.address(string(q.Recipient.Fold())),
	}
}

func (b *Book) noteAttempt(q Question, a Answer) {
	t := b.triplet(q, a.Identity, a.number)
	t.State, t.First, t.Tx, t.Tries = Waiting, a.First, a.Tx, 1
	if q.Time.Before(t.First) { // the clock was set back
		t.First, t.Tx = q.Time, q.Tx
	}
	t.Expires = t.First.Add(q.Terms.Window)
	if a.Result == Unseen {
		if _, twice := b.pending.triplet(a.number); !twice {
			b.pending.delay(Day(q.Time), q.Domain).Deferred++
		}
	}
	b.pending.add(t, b.c.PerIdentity)
}

func (b *Book) notePass(q Question, a Answer) {
	t := b.triplet(q, a.Identity, a.number)
	t.State, t.First, t.Tx, t.Tries, t.Expires = Passing, a.First, a.Tx, 1, q.Time.Add(q.Terms.Keep+grain)
	b.pending.add(t, b.c.PerIdentity)
	b.passed.put(t.Number, kept[Triplet]{t, q.Time})
	if best := q.Identities[0]; best != a.Identity { // what is proven now was not at first
		t.Identity, t.Number = best, b.numbers(q)[0]
		b.pending.add(t, b.c.PerIdentity)
		b.passed.put(t.Number, kept[Triplet]{t, q.Time})
	}
	waited := q.Time.Sub(a.First)
	d := b.pending.delay(Day(a.First), q.Domain)
	d.Returned++
	d.Waits[bucket(waited)]++
	b.c.Observer.Waited(waited.Seconds())
}

// noteUse keeps a pass, and its identity, from being forgotten.
func (b *Book) noteUse(q Question, a Answer) {
	until := q.Time.Add(q.Terms.Keep + grain)
	if a.Whole {
		k, ok := b.whole.get(a.Identity)
		if ok && k.row.Expires.Add(grain).After(until) {
			return
		}
		b.pending.use(Identity{Name: a.Identity, First: q.Time, Last: q.Time, Expires: until})
		if ok {
			k.row.Expires = until
			b.whole.put(a.Identity, k)
		}
		return
	}
	k, ok := b.passed.get(a.number)
	if ok && k.row.Expires.Add(grain).After(until) {
		return
	}
	t := b.triplet(q, a.Identity, a.number)
	t.State, t.First, t.Tx, t.Expires = Passing, a.First, a.Tx, until
	b.pending.add(t, b.c.PerIdentity)
	b.passed.put(t.Number, kept[Triplet]{t, q.Time})
}
