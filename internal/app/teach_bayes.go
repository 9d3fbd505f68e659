package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"gatepost/filters"
	"gatepost/internal/bayes"
	"gatepost/internal/bayes/desk"
	"gatepost/internal/blob"
	"gatepost/internal/config"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// What Bayes is taught in a day, at most: by one person, by one network that writes to traps, in one domain, by all of one source.
const (
	bayesPerson  = 100
	bayesNetwork = 10
	bayesDomain  = 2000
	bayesSource  = 5000
)

// openBayes makes what tells spam from ham by what was learnt here. Where its rows can't be read mail is taken all the same, and
// judged without it: the desk tries again each second.
func (a *App) openBayes(ctx context.Context, _ *config.Config) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	caps := desk.Caps{Person: bayesPerson, Domain: bayesDomain, Source: bayesSource, Persons: map[desk.Source]int{desk.Trap: bayesNetwork}}
	a.bayes = desk.New(desk.Config{
		Rows: a.store.Bayes(), Contents: bayesContents{a}, Caps: caps, Node: host, Old: a.clock.Now, Log: a.log, Now: func() time.Time { return a.now() },
	})
	a.lister = a.newLister()
	a.moves = a.newMoves()
	a.metrics.Gauges("bayes_lessons", "Messages that the statistical filter has learnt.", "kind", []string{"spam", "ham"}, func(kind string) float64 {
		v := a.bayes.Judge(&bayes.Features{}, "")
		if kind == "spam" {
			return float64(v.Spam)
		}
		return float64(v.Ham)
	})
	a.metrics.Gauge("bayes_trained", "1 where the statistical filter has seen enough of both, spam and ham, to judge.", func() float64 {
		return one(a.bayes.Judge(&bayes.Features{}, "").Trained)
	})
	a.metrics.Gauge("bayes_earned", "1 where its record on this site lets the statistical filter decide alone, at level 4.", func() float64 { return one(a.bayes.Earned()) })
	a.metrics.Gauge("bayes_refused", "Lessons that were refused since the start of the process: by them known ham would have been lost, or known spam would pass.", func() float64 { return float64(a.bayes.Guard().Lessons) })
	if err := a.bayes.Follow(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		a.log.Error("the bayes model can't be read", "error", err)
	}
	return nil
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// A bayesTeacher teaches the statistical filter.
type bayesTeacher struct {
	desk  *desk.Desk
	marks *learnt.Memory // by which others' word of what is alike is known
}

func (t bayesTeacher) teach(ctx context.Context, l lesson) error {
	given, ok, err := t.lesson(l)
	switch {
	case err != nil || !ok:
		return err
	case !l.Now || l.Source == learnt.Release: // who releases hundreds at once does not wait for it
		t.desk.TeachSoon(given)
		return nil
	}
	_, err = t.desk.Teach(ctx, given)
	return err
}

// lesson is what one says to Bayes; ok is false where that is nothing. A virus travels in the words of others. A sender who
// solved a task speaks for his message: else a few tasks would be all that it costs to have spam pass. Anybody can send a trap
// a copy of somebody else's mail: what came to traps is learnt once others say the same of what is alike.
func (t bayesTeacher) lesson(l lesson) (given desk.Lesson, ok bool, err error) {
	given = desk.Lesson{Message: l.ID, Domain: l.Domain, Spam: l.Spam, Source: desk.Source(l.Source), Person: l.Person, Force: l.Force}
	if l.Source == learnt.Virus || l.Source == learnt.Challenge {
		return given, false, nil
	}
	given.Confirmed = l.Spam && !given.Source.Firm() && t.confirmed(l)
	if l.Source == learnt.Trap && !given.Confirmed {
		return given, false, l.Message.Err()
	}
	if given.Features, err = bayes.Of(l.Message); err != nil {
		return given, false, fmt.Errorf("app: features of %s: %w", l.ID, err)
	}
	return given, true, nil
}

// confirmed reports whether an operator, traps of two networks or people of two domains have said that text like a message's is spam,
// a second ago or longer.
func (t bayesTeacher) confirmed(l lesson) bool {
	for _, p := range filters.TextPrints(l.Message, netip.Addr{}) {
		p = t.marks.Anchor(p)
		if s, known := t.marks.Spam(p.Kind, p.Sum); known && s.IsSpam() && (s.Sure() || s.Domains > 1) {
			return true
		}
	}
	return false
}

func (t bayesTeacher) forget(ctx context.Context, message, person, who string) error {
	_, err := t.desk.Forget(ctx, message, person, who)
	if errors.Is(err, desk.ErrNone) {
		return nil
	}
	return err
}

// bayesContents finds messages of lessons again: what a lesson taught is taken back by its message's features.
type bayesContents struct{ app *App }

// Features implements desk.Contents.
func (c bayesContents) Features(ctx context.Context, message string) (*bayes.Features, error) {
	name, _, err := c.app.contentOf(ctx, message)
	switch {
	case errors.Is(err, errNobody):
		return nil, desk.ErrGone
	case err != nil:
		return nil, err
	}
	content, err := c.app.blobs.Open(ctx, blob.ID(name))
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil, desk.ErrGone
	case err != nil:
		return nil, err
	}
	defer content.Close()
	return bayes.Of(mail.NewSpooled(content, content.Size()))
}

// trapDomain is the domain of the trap that a message came for.
func trapDomain(walks []*pipeline.Walk) string {
	for _, w := range walks {
		for _, s := range w.Steps {
			if !s.Shadow && s.Filter == "honeypot" && s.Finding.Result == "trap" {
				return domainOf(w.Recipient)
			}
		}
	}
	return ""
}

func domainOf(p mail.Path) string { return strings.ToLower(p.Domain()) }
