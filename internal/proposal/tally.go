package proposal

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Terms are when a pattern is proposed.
type Terms struct {
	Traps     int     // traps got it from so many networks at least
	Reporters int     // and so many reported it, who have nothing to do with each other: of as many domains
	Related   bool    // people of one domain count one by one, too: where there is but one
	Wanted    float64 // and no larger share of wanted mail has it
	Most      int     // so many are proposed at most; 0: MaxProposals
}

// DefaultTerms are a trap, two reporters and one wanted mail in five hundred.
func DefaultTerms() Terms { return Terms{Traps: 1, Reporters: 2, Wanted: 0.002} }

// MaxProposals bounds the proposals of a report.
const MaxProposals = 200

// A Proposal is a pattern with what speaks for it.
type Proposal struct {
	Pattern
	Traps    int      // networks from which traps got it
	People   int      // who reported it
	Domains  int      // in which they are at home
	Wanted   int      // wanted messages that have it
	Messages []string // the first few that have it, the newest first: lessons are found by them
	First    time.Time
	Last     time.Time
}

// maxMessages bounds the messages that a proposal names.
const maxMessages = 5

// A Report is what is proposed, and of how many messages.
type Report struct {
	Proposals           []Proposal
	Traps, Told, Wanted int // samples that were looked at: of traps, of reports, of wanted mail
}

// A tally is what is counted of one pattern.
type tally struct {
	Pattern
	traps, people, homes map[string]bool
	messages             []string
	first, last          time.Time
	wanted               int
}

// tellOf works out what samples propose, the newest samples first. What decided has is left out.
func tellOf(samples []Sample, t Terms, decided map[Pattern]bool) (r Report) {
	often := frequent(samples, t)
	found := map[uint32]*tally{}
	for _, s := range samples {
		switch s.Class {
		case Trap:
			r.Traps++
		case Told:
			r.Told++
		default:
			r.Wanted++
			continue
		}
		seen := map[uint32]bool{}
		for p := range s.patterns() {
			sum := p.sum()
			if !often[sum] || seen[sum] || decided[p] {
				continue
			}
			seen[sum] = true
			one := found[sum]
			if one == nil {
				one = &tally{Pattern: p, traps: map[string]bool{}, people: map[string]bool{}, homes: map[string]bool{}, last: s.Time}
				found[sum] = one
			}
			if one.Pattern == p { // else another of the same number
				one.count(s)
			}
		}
	}
	for _, s := range samples {
		for _, sum := range s.Sums {
			if one := found[sum]; one != nil {
				one.wanted++
			}
		}
	}
	r.Proposals = choose(found, t, r.Wanted)
	return r
}

// frequent are the numbers of patterns of which as many persons speak as are needed. Most
// patterns are one person's, and nothing more is kept of those.
func frequent(samples []Sample, t Terms) map[uint32]bool {
	type count struct {
		last    int32 // the person who was counted last, from 1 on
		persons uint16
	}
	people := map[string]int32{}
	byPerson := slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool { return s.Class == Wanted })
	slices.SortStableFunc(byPerson, func(a, b Sample) int { return cmp.Compare(a.Person, b.Person) })
	counts := map[uint32]count{}
	for _, s := range byPerson {
		if people[s.Person] == 0 {
			people[s.Person] = int32(len(people) + 1)
		}
		who := people[s.Person]
		for p := range s.patterns() {
			sum := p.sum()
			if c := counts[sum]; c.last != who && c.persons < 1<<15 {
				counts[sum] = count{who, c.persons + 1}
			}
		}
	}
	often := map[uint32]bool{}
	for sum, c := range counts {
		if int(c.persons) >= max(t.Traps+t.Reporters, 1) {
			often[sum] = true
		}
	}
	return often
}

func (t *tally) count(s Sample) {
	if s.Class == Trap {
		t.traps[s.Person] = true
	} else {
		t.people[s.Person] = true
		t.homes[homeOf(s.Person)] = true
	}
	if t.first = s.Time; s.Time.After(t.last) {
		t.last = s.Time
	}
	if len(t.messages) < maxMessages {
		t.messages = append(t.messages, s.Message)
	}
}

// homeOf is the domain that a person is at home in.
func homeOf(person string) string {
	return strings.ToLower(person[strings.LastIndexByte(person, '@')+1:])
}

// choose returns what is proposed, those first for which most speak.
func choose(found map[uint32]*tally, t Terms, wanted int) (list []Proposal) {
	for _, one := range found {
		reporters := len(one.homes)
		if t.Related {
			reporters = len(one.people)
		}
		if len(one.traps) < t.Traps || reporters < t.Reporters || float64(one.wanted) > t.Wanted*float64(wanted) {
			continue
		}
		list = append(list, Proposal{
			Pattern: one.Pattern, Traps: len(one.traps), People: len(one.people), Domains: len(one.homes), Wanted: one.wanted,
			Messages: one.messages, First: one.first, Last: one.last,
		})
	}
	slices.SortFunc(list, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(b.Traps+b.Domains, a.Traps+a.Domains), cmp.Compare(b.Kind, a.Kind), cmp.Compare(b.People, a.People),
			cmp.Compare(len(b.Text), len(a.Text)), strings.Compare(a.Text, b.Text))
	})
	return few(list, t)
}

// few leaves out phrases of which others tell the same messages: of one text that many got, two are enough to know it by.
func few(list []Proposal, t Terms) (kept []Proposal) {
	most := t.Most
	if most <= 0 || most > MaxProposals {
		most = MaxProposals
	}
	alike := map[string]int{}
	for _, p := range list {
		key := strings.Join(p.Messages, " ")
		if p.Kind == Phrase {
			if alike[key]++; alike[key] > maxAlike {
				continue
			}
		}
		if kept = append(kept, p); len(kept) == most {
			break
		}
	}
	return kept
}

// maxAlike is how many phrases are proposed of the same messages.
const maxAlike = 2
