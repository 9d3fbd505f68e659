package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// bayesHandlers answer for the statistical filter.
func bayesHandlers(h control.Handlers) {
	b := ops.Bayes{
		Trained: true, Spam: 510, Ham: 1498, Needed: 100,
		Lessons: []ops.LearnCount{{Source: "junk", Spam: true, Count: 12, Last: at(2)}, {Source: "command", Count: 1480, Last: at(1)}, {Source: "command", Count: 120, Enough: true, Last: at(1)}},
		Record:  ops.BayesRecord{Since: "2026-11-02", Spam: 420, Ham: 1210, NeedHam: 1000, NeedOne: 1000},
		Guard:   ops.BayesGuard{Ham: ops.BayesSide{Known: 128, Lost: 1}, Spam: ops.BayesSide{Known: 90}, Judging: true, Refused: 3, Last: at(3)},
	}
	for level, lost := range []int64{40, 9, 3, 1, 1, 0, 0} {
		b.Record.Levels = append(b.Record.Levels, ops.BayesLevel{Level: level + 1, Score: bayes.LevelScore(level + 1), Lost: lost, Caught: 410 - 20*int64(level), Earned: lost < 2})
	}
	control.On(h, answer[ops.BayesShow](b))
	lesson := ops.BayesLesson{ID: "17", Message: "0abc", Domain: "example.org", Spam: true, Source: "junk", Person: "ann@example.org", Time: at(1), Score: 3.21, State: "learnt", Counts: true}
	ended, rolled, refused := lesson, lesson, lesson
	ended.ID, ended.Ended, ended.EndedBy, ended.Counts = "16", at(2), "admin", false
	rolled.ID, rolled.Counts = "15", false
	refused.ID, refused.State, refused.Counts = "14", "refused", false
	control.On(h, answer[ops.BayesLessons]([]ops.BayesLesson{lesson, ended, rolled, refused}))
	control.On(h, answer[ops.BayesSnapshots]([]ops.BayesSnapshot{{Day: "2026-11-21", Time: at(0).AddDate(0, 0, -1), Node: "mx1", Octets: 1_234_567}}))
	control.On(h, func(_ context.Context, r ops.BayesRollBack) (ops.BayesRolled, error) {
		if _, err := time.Parse(time.DateOnly, r.Day); err != nil {
			return ops.BayesRolled{}, control.Misused("%q is not a day like 2026-11-22", r.Day)
		}
		return ops.BayesRolled{Day: "2026-11-21", Time: at(0).AddDate(0, 0, -1), Spam: 500, Ham: 480}, nil
	})
	control.On(h, answer[ops.BayesReset](ops.Nothing{}))
	control.On(h, func(_ context.Context, r ops.BayesExplain) (ops.BayesVerdict, error) {
		v := ops.BayesVerdict{Trained: r.Domain != "", Score: 8.4321, Spam: 510, Ham: 498, Levels: []int{1, 2, 3, 4}, Features: []ops.BayesFeature{}}
		if v.Trained {
			v.Features = []ops.BayesFeature{{Weight: 1.5, Feature: "subject:watches"}, {Weight: -0.25, Feature: "from:ann\x1b[2J"}}
		}
		return v, nil
	})
}

// A guard that has refused nothing has no time at which it did.
func TestBayesGuardLastOmitted(t *testing.T) {
	for want, g := range map[bool]ops.BayesGuard{false: {}, true: {Refused: 1, Last: at(3)}} {
		text, err := json.Marshal(g)
		if got := strings.Contains(string(text), `"last"`); err != nil || got != want {
			t.Errorf("%s, %v", text, err)
		}
	}
}
