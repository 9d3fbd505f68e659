package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/bayes/desk"
	"gatepost/internal/learnt"
)

// An outcome is what became of a lesson that an operator brought.
type outcome struct {
	known bool // it changed nothing
	err   error
}

// filesTime bounds what is made of the lessons of one request.
const filesTime = 5 * time.Minute

// errRefused says that the guard would not have a message learnt.
var errRefused = errors.New("bayes did not learn it, since it would take what it knows for the other kind: see gatepost bayes lessons --state refused")

// teachFiles teaches what an operator brings, in few commits. An error means that not all may have been learnt; given again, nothing counts
// twice.
func (a *App) teachFiles(ctx context.Context, list []lesson) ([]outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, filesTime)
	defer cancel()
	out := make([]outcome, len(list))
	marks, model := printTeacher{a.learnt, a.pictures}, bayesTeacher{a.bayes, a.learnt.Memory()}
	var prints []learnt.Lesson
	var lessons []desk.Lesson
	var at []int // of each of lessons, in list
	for i, l := range list {
		p, err := marks.lesson(ctx, l)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		b, _, unread := model.lesson(l)
		if out[i].err = errors.Join(err, unread); out[i].err == nil {
			prints, lessons, at = append(prints, p), append(lessons, b), append(at, i)
		}
	}
	if _, err := a.learnt.TeachNow(ctx, prints...); err != nil {
		return nil, err
	}
	taught, err := a.bayes.TeachNow(ctx, lessons...)
	if err != nil {
		return nil, fmt.Errorf("app: teach bayes: %w", err)
	}
	samples := a.sampleTeacher()
	for n, t := range taught {
		if out[at[n]].known = t.Known; t.State == desk.Refused {
			out[at[n]].err = errRefused
			continue
		}
		l := list[at[n]]
		l.Now = false // all are kept at once, below
		out[at[n]].err = samples.teach(ctx, l)
	}
	return out, a.proposals.Flush(ctx)
}
