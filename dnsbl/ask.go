package dnsbl

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Resolver looks up the IPv4 addresses of a name (network "ip4"). It answers
// with a *net.DNSError whose IsNotFound is set where there is none; every other
// error means that it could not tell. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error)
}

// A State is what one list had to say.
type State uint8

// The states.
const (
	NotRun State = iota
	Miss
	Hit
	Error
)

var stateNames = [...]string{"not run", "miss", "hit", "error"}

// String returns the state's word in findings.
func (s State) String() string { return stateNames[s] }

// An Answer is what one list said.
type Answer struct {
	List  List
	State State
	About string       // what it was asked about: of several domains the first that it lists
	Codes []netip.Addr // as they came
	Fault Fault        // of which kind an Error is
	Cause string       // why the state is Error, for an admin
	Took  time.Duration
	// Trouble, set by the caller, is why the list is only observed: whatever it said,
	// it has no voice (see Health).
	Trouble error
}

// A Subject is whom lists are asked about.
type Subject struct {
	Addr    netip.Addr // for lists of kind Deny and Allow, and where there are no Domains for those with Addresses; invalid: not to be asked about
	Domains []string   // for lists of kind Domain
}

// MaxDomains bounds the domains that one list is asked about.
const MaxDomains = 8

// Ask asks all lists at once and returns their answers in the lists' order. What
// has not answered when ctx ends is an Error.
func Ask(ctx context.Context, r Resolver, lists []List, s Subject) []Answer {
	answers := make([]Answer, len(lists))
	var wg sync.WaitGroup
	for i, l := range lists {
		wg.Go(func() { answers[i] = l.ask(ctx, r, s) })
	}
	wg.Wait()
	return answers
}

// atOnce is how many questions AskEach has under way.
const atOnce = 32

// AskEach asks all lists about each subject by itself, and returns the answers by subject, in
// the lists' order. Of the questions 32 are under way at once; those that were not put when
// ctx ends are Errors.
func AskEach(ctx context.Context, r Resolver, lists []List, subjects []Subject) [][]Answer {
	answers := make([][]Answer, len(subjects))
	places := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, s := range subjects {
		answers[i] = make([]Answer, len(lists))
		for j, l := range lists {
			places <- struct{}{} // whoever has one gives it back by the time ctx ends
			wg.Go(func() {
				defer func() { <-places }()
				answers[i][j] = l.ask(ctx, r, s)
			})
		}
	}
	wg.Wait()
	return answers
}

func (l List) ask(ctx context.Context, r Resolver, s Subject) Answer {
	if l.Kind != Domain || l.Addresses && len(s.Domains) == 0 {
		if !s.Addr.IsValid() {
			return Answer{List: l}
		}
		return l.lookup(ctx, r, s.Addr.String(), AddrName(s.Addr, l.Zone))
	}
	domains := s.Domains[:min(len(s.Domains), MaxDomains)]
	each := make([]Answer, len(domains))
	var wg sync.WaitGroup
	for i, d := range domains {
		wg.Go(func() { each[i] = l.lookup(ctx, r, d, DomainName(d, l.Zone)) })
	}
	wg.Wait()
	return l.worst(each)
}

// worst returns the answer that counts where a list was asked about several
// domains: a hit, else an error, else a miss.
func (l List) worst(each []Answer) Answer {
	for _, state := range []State{Hit, Error, Miss} {
		if i := slices.IndexFunc(each, func(a Answer) bool { return a.State == state }); i >= 0 {
			return each[i]
		}
	}
	return Answer{List: l}
}

func (l List) lookup(ctx context.Context, r Resolver, about, name string) Answer {
	begun := time.Now()
	codes, err := r.LookupNetIP(ctx, "ip4", name)
	a := Answer{List: l, About: about, Codes: codes, Took: time.Since(begun)}
	a.State, a.Fault, a.Cause = l.Classify(codes, err)
	return a
}

func join(codes []netip.Addr) string {
	texts := make([]string, len(codes))
	for i, c := range codes {
		texts[i] = c.String()
	}
	return strings.Join(texts, " ")
}

// String tells an answer in a line: "hit 127.0.0.2 for 192.0.2.1".
func (a Answer) String() string {
	words := []string{a.State.String()}
	switch {
	case a.State == Error:
		words = append(words, "for", a.About+":", a.Cause)
	case a.About != "":
		if len(a.Codes) > 0 {
			words = append(words, join(a.Codes))
		}
		if m := a.List.Codes.meanings(a.Codes); m != "" {
			words = append(words, "("+m+")")
		}
		words = append(words, "for", a.About)
	}
	if a.Trouble != nil {
		words = append(words, "(only observed:", a.Trouble.Error()+")")
	}
	return strings.Join(words, " ")
}
