package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

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
	for _, m := range r.Messages {
		sum := sha256.Sum256(m.Content)
		err := a.teach(ctx, lesson{
			Message: mail.NewMessage(m.Content), ID: "file " + hex.EncodeToString(sum[:16]), Spam: r.Spam, Source: learnt.Command, Person: admin, Now: true,
		})
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		if err == nil {
			done.Learnt++
			continue
		}
		if done.Failed++; len(done.Faults) < maxFaults {
			done.Faults = append(done.Faults, fmt.Sprintf("%s: %v", m.Name, err))
		}
	}
	return done, nil
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

func (a *App) forgetLessons(ctx context.Context, r ops.LearnForget) ([]ops.Lesson, error) {
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
	list, err := a.learnt.Forget(ctx, f)
	if errors.Is(err, learnt.ErrNone) {
		return nil, control.NotFound("no lesson that stands is named so")
	}
	return lessonsOf(list), err
}
