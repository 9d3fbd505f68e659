package app

import (
	"context"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"

	"gatepost/filters"
	"gatepost/internal/config"
	"gatepost/internal/learnt"
	"gatepost/internal/link"
	"gatepost/internal/mail"
	"gatepost/internal/pack"
	"gatepost/internal/proposal"
	"gatepost/pipeline"
	"gatepost/rules"
)

// proposals are the patterns that lessons propose, and those that an operator accepted.
type proposals struct {
	*proposal.Desk
	accepted atomic.Pointer[rules.Pack]
	sampled  atomic.Int64 // when wanted mail was last sampled, in microseconds since 1970
}

// openProposals makes what proposes patterns, and reads what is accepted.
func (a *App) openProposals(ctx context.Context, _ *config.Config) error {
	a.proposals = &proposals{}
	a.proposals.Desk = proposal.New(proposal.Config{
		Rows: a.store.Proposals(), Accepted: a.acceptPatterns, Old: a.clock.Now, Log: a.log, Now: func() time.Time { return a.now() },
	})
	a.beside = append(a.beside, service{name: "proposals", run: func(ctx context.Context) error { a.proposals.Run(ctx); return nil }})
	return a.proposals.Follow(ctx)
}

// acceptPatterns puts what operators accepted in force.
func (a *App) acceptPatterns(list []proposal.Decision) {
	var patterns []rules.Pattern
	for _, d := range list {
		p := patternOf(d)
		if _, err := rules.Compile([]rules.Pattern{p}); err != nil { // one of a later release, say
			a.log.Warn("an accepted pattern is left out", "pattern", d.Text, "error", err)
			continue
		}
		patterns = append(patterns, p)
	}
	set, err := rules.Compile(patterns)
	if err != nil {
		a.log.Error("accepted patterns are not in force", "error", err)
		return
	}
	a.proposals.accepted.Store(&rules.Pack{Title: "accepted of what traps and reports proposed", Set: set})
}

// patternOf is how keywords look for what was accepted. A domain is found where a link leads to it, or to a name below it.
func patternOf(d proposal.Decision) rules.Pattern {
	p := rules.Pattern{Text: d.Text, Weight: d.Weight, Name: fmt.Sprintf("accepted %s %q", d.Kind, d.Text)}
	if d.Kind == proposal.Domain {
		host, ok := asciiHost(d.Text)
		if !ok {
			return rules.Pattern{} // which is none
		}
		p.Text, p.Regexp, p.In = `(?:^|[/.@])`+regexp.QuoteMeta(rules.Fold(host))+`(?:[:/?#]|$)`, true, []rules.Where{rules.URL}
	}
	return p
}

// knownPacks are the packs of the configuration, and what operators accepted.
type knownPacks struct {
	*pack.Keeper
	proposals *proposals
}

// Pack implements filters.Packs.
func (k knownPacks) Pack(name string) (*rules.Pack, error) {
	if name == filters.AcceptedPack {
		return k.proposals.accepted.Load(), nil
	}
	return k.Keeper.Pack(name)
}

// A sampleTeacher keeps samples of mail, of which patterns are proposed.
type sampleTeacher struct {
	desk *proposals
	ours func(domain string) bool
}

// classOf is what a lesson says of its message; 0: nothing. Operators who teach spam by command need no proposals, the text of a virus is often
// stolen, and a sender who solves a task says what he likes.
func classOf(l lesson) proposal.Class {
	switch {
	case l.Spam && l.Source == learnt.Trap:
		return proposal.Trap
	case l.Spam && (l.Source == learnt.Report || l.Source == learnt.Junk):
		return proposal.Told
	case !l.Spam && l.Source != learnt.Challenge:
		return proposal.Wanted
	}
	return 0
}

func (t sampleTeacher) teach(ctx context.Context, l lesson) error {
	class := classOf(l)
	if class == 0 {
		return nil
	}
	s := t.sample(l.Message, class)
	s.Message, s.Person = l.ID, l.Person
	if err := l.Message.Err(); err != nil {
		return fmt.Errorf("app: sample of %s: %w", l.ID, err)
	}
	if t.desk.Bring(s); l.Now {
		return t.desk.Flush(ctx)
	}
	return nil
}

func (t sampleTeacher) sample(m *mail.Message, class proposal.Class) proposal.Sample {
	return proposal.Of(m, class, rules.Fold, func(host string) (string, bool) {
		host, ok := asciiHost(host)
		if !ok {
			return "", false
		}
		name, ok := link.Domain(host)
		return name, ok && !t.ours(host) && !t.ours(name)
	})
}

// asciiHost is a host's name in A-labels (RFC 5890), in which what looks like another's name does not read, and is not folded,
// like it; false where it has characters that no name may have.
func asciiHost(host string) (string, bool) {
	name, err := mail.ParseDomain(host)
	return name, err == nil && name[0] != '['
}

func (t sampleTeacher) forget(ctx context.Context, message, person, _ string) error {
	return t.desk.Forget(ctx, message, person)
}

func (a *App) sampleTeacher() sampleTeacher {
	return sampleTeacher{a.proposals, func(name string) bool { _, is := a.directory.Snapshot().Domain(name); return is }}
}

// sampleEvery is how often mail that nobody says anything of is sampled as wanted, on one node.
const sampleEvery = time.Minute

// sampleWanted takes a sample of mail whose sender is allowed, or is one of ours, so that it is known
// what wanted mail says. It does so once a minute, since it costs.
func (a *App) sampleWanted(tx *pipeline.Transaction, walks []*pipeline.Walk) {
	person := tx.Envelope.ReversePath.Domain()
	if person == "" || tx.Client.Login.IsNull() && !accepted(walks) {
		return
	}
	last, now := a.proposals.sampled.Load(), tx.Time.UnixMicro()
	if now-last < sampleEvery.Microseconds() && now >= last || !a.proposals.sampled.CompareAndSwap(last, now) {
		return
	}
	s := a.sampleTeacher().sample(tx.Message, proposal.Wanted)
	s.Message, s.Person = tx.ID, person
	if tx.Message.Err() == nil {
		a.proposals.Bring(s)
	}
}

// accepted reports whether all walks came to an accept.
func accepted(walks []*pipeline.Walk) bool {
	for _, w := range walks {
		if w.Decision.Action != pipeline.Accept {
			return false
		}
	}
	return len(walks) > 0
}
