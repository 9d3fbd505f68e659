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
var errRefused = errors.New("bayes would take what it knows for the other kind then; nothing was learnt of it: see gatepost bayes lessons --state refused, and --force")

// teachFiles teaches what an operator brings, in few commits. An error means that not all may have been learnt; given again, nothing counts
// twice.
func (a *App) teachFiles(ctx context.Context, list []lesson) ([]outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, filesTime)
	defer cancel()
	out := make([]outcome, len(list))
	marks, model := printTeacher{a.learnt, a.pictures}, bayesTeacher{a.bayes, a.learnt.Memory()}
	var prints []learnt.Lesson
	var lessons []desk.Lesson
	var at []int // of each of these two, in list
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
	taught, err := a.bayes.TeachNow(ctx, lessons...)
	if err != nil {
		return nil, fmt.Errorf("app: teach bayes: %w", err)
	}
	var taken []learnt.Lesson // what is refused leaves no marks by which it would be known again
	samples := a.sampleTeacher()
	for n, t := range taught {
		if out[at[n]].known = t.Known; t.State == desk.Refused {
			out[at[n]].err = errRefused
			continue
		}
		taken = append(taken, prints[n])
		l := list[at[n]]
		l.Now = false // all are kept at once, below
		out[at[n]].err = samples.teach(ctx, l)
	}
	if _, err := a.learnt.TeachNow(ctx, taken...); err != nil {
		return nil, err
	}
	return out, a.proposals.Flush(ctx)
}
