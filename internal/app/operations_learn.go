package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/desk"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
)

func (a *App) learnOps(h control.Handlers) {
	control.On(h, a.learnMessages)
	control.On(h, func(ctx context.Context, _ ops.LearnStats) ([]ops.LearnCount, error) {
		counts, err := a.learnt.Counts(ctx)
		out := []ops.LearnCount{}
		for _, c := range counts {
			out = append(out, ops.LearnCount{Source: string(c.Source), Spam: c.Spam, Count: c.Count, Last: c.Last})
		}
		return out, err
	})
	control.On(h, func(ctx context.Context, q ops.LearnList) ([]ops.Lesson, error) {
		query := learnt.Query{Message: q.Message, Source: learnt.Source(q.Source), Limit: q.Limit}
		if q.After != "" {
			id, err := lessonID(q.After)
			if err != nil {
				return nil, err
			}
			query.After = id
		}
		list, err := a.learnt.Find(ctx, query)
		return lessonsOf(list), err
	})
	control.On(h, a.forgetLessons)
}

func lessonID(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id <= 0 {
		return 0, control.Misused("%q is not a lesson's id", s)
	}
	return id, nil
}

// maxFaults bounds the faults that are told of one request.
const maxFaults = 20

// learnMessages teaches what an operator brings. The name by which such a message is known is made of its content,
// so that one that comes again changes nothing.
func (a *App) learnMessages(ctx context.Context, r ops.LearnAdd) (ops.LearnDone, error) {
	done := ops.LearnDone{Faults: []string{}}
	if r.Domain = spelledDomain(r.Domain); r.Domain != "" {
		if _, ok := a.directory.Snapshot().Domain(r.Domain); !ok {
			return done, control.NotFound("domain %s: no such domain", r.Domain)
		}
	}
	var list []lesson
	for _, m := range r.Messages {
		spam := r.Spam
		switch m.Says {
		case "":
		case "spam", "ham":
			spam = m.Says == "spam"
		default:
			return done, control.Misused("%s: %q is neither spam nor ham", m.Name, m.Says)
		}
		list = append(list, lesson{
			Message: mail.NewMessage(m.Content), ID: fileID(m.Content), Spam: spam, Source: learnt.Command, Person: admin, Domain: r.Domain, Now: true, Force: r.Force,
		})
	}
	outcomes, err := a.teachFiles(ctx, list)
	if err != nil {
		return done, err
	}
	for i, t := range outcomes {
		switch {
		case t.err == nil:
			done.Learnt++
		case done.Failed < maxFaults:
			done.Faults = append(done.Faults, fmt.Sprintf("%s: %v", r.Messages[i].Name, t.err))
			fallthrough
		default:
			done.Failed++
		}
		if t.known {
			done.Known++
		}
	}
	return done, nil
}

// fileID names a message of a file.
func fileID(content []byte) string {
	sum := sha256.Sum256(content)
	return "file " + hex.EncodeToString(sum[:16])
}

func lessonsOf(list []learnt.Lesson) []ops.Lesson {
	out := []ops.Lesson{}
	for _, l := range list {
		one := ops.Lesson{
			ID: strconv.FormatInt(l.ID, 10), Message: l.Message, Spam: l.Spam, Source: string(l.Source), Person: l.Person, Time: l.Time, Prints: []string{},
		}
		for _, p := range l.Prints {
			one.Prints = append(one.Prints, p.Kind.String()+" "+hex.EncodeToString(p.Sum))
		}
		out = append(out, one)
	}
	return out
}

// forgetLessons takes lessons back: one, all about a message, or what was said of messages that are brought again. Bayes
// needs the message for that; without it the rest is taken back, and the error says so.
func (a *App) forgetLessons(ctx context.Context, r ops.LearnForget) ([]ops.Lesson, error) {
	if len(r.Messages) > 0 {
		return a.forgetFiles(ctx, r.Messages)
	}
	f := learnt.Forgetting{Message: r.Message, Who: admin}
	if r.ID != "" {
		id, err := lessonID(r.ID)
		if err != nil {
			return nil, err
		}
		f.ID = id
	}
	if f.ID == 0 && f.Message == "" {
		return nil, control.Misused("name a lesson or a message")
	}
	return a.forget(ctx, f, nil)
}

func (a *App) forgetFiles(ctx context.Context, list []ops.LearnMessage) ([]ops.Lesson, error) {
	out := []ops.Lesson{}
	for _, m := range list {
		features, err := bayes.Of(mail.NewMessage(m.Content))
		if err != nil {
			return out, fmt.Errorf("%s: %w", m.Name, err)
		}
		ended, err := a.forget(ctx, learnt.Forgetting{Message: fileID(m.Content), Who: admin}, features)
		if control.KindOf(err) == control.Missing {
			continue // it was never taught
		}
		if err != nil {
			return out, fmt.Errorf("%s: %w", m.Name, err)
		}
		out = append(out, ended...)
	}
	return out, nil
}

// forget takes back lessons of all who learn; features are those of the message where it was brought again.
func (a *App) forget(ctx context.Context, f learnt.Forgetting, features *bayes.Features) ([]ops.Lesson, error) {
	list, err := a.learnt.Forget(ctx, f)
	if err != nil && !errors.Is(err, learnt.ErrNone) {
		return nil, err
	}
	about := [][2]string{{f.Message, ""}}
	if f.Message == "" {
		about = nil
		for _, l := range list {
			about = append(about, [2]string{l.Message, l.Person})
		}
	}
	out := lessonsOf(list)
	for _, one := range about {
		if err := a.proposals.Forget(ctx, one[0], one[1]); err != nil {
			return out, err
		}
		ended, err := a.bayes.ForgetBrought(ctx, one[0], one[1], admin, features)
		if err != nil && !errors.Is(err, desk.ErrNone) {
			return out, fmt.Errorf("taken back, but for what bayes made of it: %w", err)
		}
		for _, l := range ended {
			if !slices.ContainsFunc(out, func(o ops.Lesson) bool { return o.Message == l.Message && o.Person == l.Person }) {
				out = append(out, ops.Lesson{Message: l.Message, Spam: l.Spam, Source: string(l.Source), Person: l.Person, Time: l.Time, Prints: []string{}})
			}
		}
	}
	if len(out) == 0 {
		return nil, control.NotFound("no lesson that stands is named so")
	}
	for _, l := range out {
		if err := a.sampleTeacher().forget(ctx, l.Message, l.Person, admin); err != nil {
			return out, err
		}
	}
	return out, nil
}
