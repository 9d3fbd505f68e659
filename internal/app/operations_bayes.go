package app

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/desk"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
)

func (a *App) bayesOps(h control.Handlers) {
	control.On(h, a.showBayes)
	control.On(h, a.listBayesLessons)
	control.On(h, a.bayesSnapshots)
	control.On(h, a.rollBayesBack)
	control.On(h, func(ctx context.Context, _ ops.BayesReset) (ops.Nothing, error) {
		return ops.Nothing{}, a.bayes.Reset(ctx, byCommand(ctx))
	})
	control.On(h, a.explainBayes)
}

// standing is what the model has learnt; no message is meant.
func (a *App) standing() bayes.Verdict { return a.bayes.Judge(&bayes.Features{}, "") }

func (a *App) showBayes(ctx context.Context, _ ops.BayesShow) (ops.Bayes, error) {
	record, err := a.bayes.Record(ctx) // follows the rows, too
	if err != nil {
		return ops.Bayes{}, err
	}
	counts, err := a.bayes.Counts(ctx)
	if err != nil {
		return ops.Bayes{}, err
	}
	v, g := a.standing(), a.bayes.Guard()
	out := ops.Bayes{
		Trained: v.Trained, Spam: v.Spam, Ham: v.Ham, Needed: bayes.Enough, Lessons: []ops.LearnCount{},
		Record: ops.BayesRecord{
			Since: record.Since, Spam: record.Spam, Ham: record.Ham, NeedHam: desk.EarnedHam, NeedOne: desk.EarnedLost, Levels: []ops.BayesLevel{},
		},
		Guard: ops.BayesGuard{
			Ham: ops.BayesSide{Known: g.Ham.Samples, Lost: g.Ham.Lost}, Spam: ops.BayesSide{Known: g.Spam.Samples, Lost: g.Spam.Lost}, Judging: g.Judging, Refused: g.Lessons, Last: g.Refused,
		},
	}
	for _, c := range counts {
		out.Lessons = append(out.Lessons, ops.LearnCount{Source: string(c.Source), Spam: c.Spam, Count: int(c.Count), Enough: c.State == desk.Enough, Last: c.Last})
	}
	for level := 1; level <= bayes.Levels; level++ {
		required := bayes.LevelScore(level)
		out.Record.Levels = append(out.Record.Levels, ops.BayesLevel{
			Level: level, Score: required, Lost: record.Lost[level], Caught: record.Caught[level], Earned: a.bayes.EarnedAt(required),
		})
	}
	return out, nil
}

func (a *App) listBayesLessons(ctx context.Context, q ops.BayesLessons) ([]ops.BayesLesson, error) {
	query := desk.Query{Message: q.Message, Source: desk.Source(q.Source), State: desk.State(q.State), Limit: q.Limit}
	if q.Source != "" && !slices.Contains(desk.Sources(), query.Source) {
		return nil, control.Misused("%q is not what lessons come by", q.Source)
	}
	if q.State != "" && !slices.Contains([]desk.State{desk.Learnt, desk.Enough, desk.Refused}, query.State) {
		return nil, control.Misused("state %q is none of learnt, enough, refused", q.State)
	}
	if q.After != "" {
		id, err := lessonID(q.After)
		if err != nil {
			return nil, err
		}
		query.After = id
	}
	list, err := a.bayes.Lessons(ctx, query)
	return bayesLessonsOf(list), err
}

func (a *App) bayesSnapshots(ctx context.Context, _ ops.BayesSnapshots) ([]ops.BayesSnapshot, error) {
	list, err := a.bayes.Snapshots(ctx)
	out := []ops.BayesSnapshot{}
	for _, s := range list {
		out = append(out, ops.BayesSnapshot{Day: s.Day, Time: s.Time, Node: s.Node, Octets: s.Octets})
	}
	return out, err
}

func bayesLessonsOf(list []desk.Lesson) []ops.BayesLesson {
	out := []ops.BayesLesson{}
	for _, l := range list {
		out = append(out, ops.BayesLesson{
			ID: strconv.FormatInt(l.ID, 10), Message: l.Message, Domain: l.Domain, Spam: l.Spam, Source: string(l.Source), Person: l.Person, Time: l.Time,
			Score: l.Score, State: string(l.State), Counts: l.Stands, Ended: l.Ended, EndedBy: l.EndedBy,
		})
	}
	return out
}

func (a *App) rollBayesBack(ctx context.Context, r ops.BayesRollBack) (ops.BayesRolled, error) {
	if _, err := time.Parse(time.DateOnly, r.Day); err != nil {
		return ops.BayesRolled{}, control.Misused("%q is not a day like 2026-11-22", r.Day)
	}
	s, err := a.bayes.RollBack(ctx, r.Day, byCommand(ctx))
	if errors.Is(err, desk.ErrNoSnapshot) {
		return ops.BayesRolled{}, control.NotFound("no model is kept from before %s began; gatepost bayes snapshots lists those that are, and gatepost bayes reset makes it empty", r.Day)
	}
	if err != nil {
		return ops.BayesRolled{}, err
	}
	v := a.standing()
	return ops.BayesRolled{Day: s.Day, Time: s.Time, Spam: v.Spam, Ham: v.Ham}, nil
}

// maxExplainedFeatures bounds the features that are told of one message.
const maxExplainedFeatures = 30

func (a *App) explainBayes(_ context.Context, q ops.BayesExplain) (ops.BayesVerdict, error) {
	f, err := bayes.Of(mail.NewMessage(q.Message))
	if err != nil {
		return ops.BayesVerdict{}, err
	}
	domain := spelledDomain(q.Domain)
	v := a.bayes.Judge(f, domain)
	out := ops.BayesVerdict{Trained: v.Trained, Score: v.Score, Spam: v.Spam, Ham: v.Ham, Levels: []int{}, Features: []ops.BayesFeature{}}
	for level := 1; level <= bayes.Levels; level++ {
		if v.Score >= bayes.LevelScore(level) {
			out.Levels = append(out.Levels, level)
		}
	}
	for _, r := range a.bayes.Explain(f, domain, maxExplainedFeatures) {
		out.Features = append(out.Features, ops.BayesFeature{Weight: r.Weight, Feature: r.Feature})
	}
	return out, nil
}
