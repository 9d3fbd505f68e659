package complaint

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gatepost/internal/mail"
)

// A Measure says how complaints are weighed. Each that counts weighs 1 when it comes and
// half of it HalfLife later. A client or a sender is listed where
//
//   - the weight is Threshold or more,
//   - People different persons complained, of whom those with copies in one domain of ours
//     are never enough (see Domain), and
//   - the complaints are a Share or more of what was accepted from there, so that three
//     readers who mistook a newsletter for spam don't take a provider's mail from all.
//
// A domain is listed for all of its senders where twice the Threshold and ten times the
// Share are reached, and People of its addresses were complained of. One in which anybody can have an
// address (Shared) never is: there each answers for himself.
type Measure struct {
	HalfLife  time.Duration
	Threshold float64
	People    int
	Share     float64 // 0 to 1; 0: it is not asked
	Shared    []string
	// Domain names the domain of ours in which a recipient got a copy; "": it is no
	// matter, since there is but one. Of the persons behind one domain People-1 are
	// counted, or its owner alone could have somebody held from all (where People is 1, one).
	// nil: all are counted.
	Domain func(recipient mail.Path) string
}

// What is asked of a domain beyond what is asked of one sender.
const (
	domainTimes = 2
	domainShare = 10
)

// An Entry is a complaint as it is weighed.
type Entry struct {
	Time   time.Time
	Person string
	// Recipient is whose copy it is about; null: of none here.
	Recipient mail.Path
	Sender    string // whose address it was about
	Weight    float64
}

// MaxEntries is how many complaints of one subject are weighed, the newest: what is
// beyond makes no difference any more.
const MaxEntries = 1000

// A Standing is what complaints of one subject come to.
type Standing struct {
	Subject
	Weight   float64   // at At
	At       time.Time // when it was weighed
	People   int       // different persons among those that still weigh, as Measure.Domain says
	Senders  int       // different addresses
	Last     time.Time // of the complaints
	Accepted int       // messages from there that were delivered in the time looked at; -1: nobody looked
	Looked   time.Time // when somebody did
}

// Faded is after how long a complaint weighs nothing (less than a hundredth).
func (m Measure) Faded() time.Duration { return 7 * m.HalfLife }

// Weigh sums up what is said of a subject. Accepted and Looked stay as they are in s.
func (m Measure) Weigh(s Standing, entries []Entry, now time.Time) Standing {
	people, senders := map[string]string{}, map[string]bool{}
	s.Weight, s.At, s.Last = 0, now, time.Time{}
	for _, e := range entries {
		age := max(now.Sub(e.Time), 0)
		if age >= m.Faded() {
			continue
		}
		s.Weight += e.Weight * m.decay(age)
		people[e.Person], senders[e.Sender] = m.domain(e.Recipient), true
		if e.Time.After(s.Last) {
			s.Last = e.Time
		}
	}
	s.People, s.Senders = m.people(people), len(senders)
	return s
}

// domain is the one of ours behind which a person counts, "" behind none.
func (m Measure) domain(recipient mail.Path) string {
	if m.Domain == nil || recipient.IsNull() {
		return ""
	}
	return m.Domain(recipient)
}

// people counts persons, given by their domains.
func (m Measure) people(persons map[string]string) int {
	n, behind := 0, map[string]int{}
	for _, domain := range persons {
		behind[domain]++
		if domain == "" || behind[domain] <= max(m.People-1, 1) {
			n++
		}
	}
	return n
}

func (m Measure) decay(age time.Duration) float64 {
	return math.Exp2(-float64(max(age, 0)) / float64(m.HalfLife))
}

// WeightAt is the weight at a later time.
func (m Measure) WeightAt(s Standing, now time.Time) float64 {
	return s.Weight * m.decay(now.Sub(s.At))
}

// threshold is the weight from which a subject of a kind is listed.
func (m Measure) threshold(k Kind) float64 {
	if k == OfDomain {
		return domainTimes * m.Threshold
	}
	return m.Threshold
}

// share is which part of the accepted messages the complaints have to be.
func (m Measure) share(k Kind) float64 {
	if k == OfDomain {
		return min(domainShare*m.Share, 1)
	}
	return m.Share
}

// Heavy reports whether a standing would be listed if nothing had been accepted.
func (m Measure) Heavy(s Standing, now time.Time) bool {
	r := m.Reason(s, now)
	return r == ForWeight || r == ForShare || r == ForLook
}

// Listed reports whether a subject is to be held at a time.
func (m Measure) Listed(s Standing, now time.Time) bool { return m.Reason(s, now) == ForWeight }

// Sharp reports whether the complaints are enough of what was accepted: while nobody has
// looked they are not, or a crash before the look would list a large provider.
func (m Measure) Sharp(s Standing) bool {
	return m.Share == 0 || s.Accepted >= 0 && s.Weight >= m.share(s.Kind)*float64(s.Accepted)
}

// Ends is when a subject is not listed any more if nobody complains of it again.
func (m Measure) Ends(s Standing) time.Time { return m.At(s, m.threshold(s.Kind)) }

// At is when a standing has aged to a weight; At itself where it is not heavier.
func (m Measure) At(s Standing, weight float64) time.Time {
	if s.Weight <= weight || weight <= 0 {
		return s.At
	}
	return s.At.Add(time.Duration(math.Log2(s.Weight/weight) * float64(m.HalfLife)))
}

// A Reason is why a subject is listed, or is not.
type Reason string

// The reasons.
const (
	ForWeight    Reason = "listed"
	ForShared    Reason = "shared"    // anybody can have an address in this domain
	ForPeople    Reason = "people"    // too few complained
	ForAddresses Reason = "addresses" // too few of a domain's addresses were complained of
	ForAge       Reason = "weight"    // what they said is too old by now, or a domain needs more
	ForLook      Reason = "look"      // what was accepted is not counted yet
	ForShare     Reason = "share"     // too few for what was accepted
)

// Reason is why a subject is listed at a time, or is not.
func (m Measure) Reason(s Standing, now time.Time) Reason {
	switch {
	case s.Kind == OfDomain && slices.Contains(m.Shared, s.Name):
		return ForShared
	case s.People < m.People:
		return ForPeople
	case s.Kind == OfDomain && s.Senders < m.People:
		return ForAddresses
	case m.WeightAt(s, now) < m.threshold(s.Kind):
		return ForAge
	case m.Share > 0 && s.Accepted < 0:
		return ForLook
	case !m.Sharp(s):
		return ForShare
	}
	return ForWeight
}

// Why says the same in a sentence.
func (m Measure) Why(s Standing, now time.Time) string {
	w := m.WeightAt(s, now)
	switch m.Reason(s, now) {
	case ForShared:
		return "anybody can have an address in this domain: each answers for himself"
	case ForPeople:
		return fmt.Sprintf("%s complained, %d are needed%s", persons(s.People), m.People, m.beyond())
	case ForAddresses:
		return fmt.Sprintf("%d of its addresses were complained of, %d are needed", s.Senders, m.People)
	case ForAge:
		return fmt.Sprintf("weight %.2f is below %.2g", w, m.threshold(s.Kind))
	case ForLook:
		return "what was accepted from there is not counted yet"
	case ForShare:
		return fmt.Sprintf("%.1f complaints of %d accepted messages are less than %.3g %%", s.Weight, s.Accepted, 100*m.share(s.Kind))
	}
	return fmt.Sprintf("%s complained, weight %.2f", persons(s.People), w)
}

// beyond says that one domain's people are not enough, where that is asked.
func (m Measure) beyond() string {
	if m.Domain == nil || m.People < 2 {
		return ""
	}
	return fmt.Sprintf(" (at most %d count of one domain, if there are several)", m.People-1)
}

func persons(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}
