package filters

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/bayes"
	"gatepost/pipeline"
)

// A Bayes judges messages by what mail was before; *desk.Desk is one.
type Bayes interface {
	// Judge says how likely spam a message is for a domain. It changes nothing.
	Judge(f *bayes.Features, domain string) bayes.Verdict
	// Explain returns the n features that weigh most in that.
	Explain(f *bayes.Features, domain string, n int) []bayes.Reason
	// EarnedAt reports whether it has shown on this site that it may decide alone where it holds what has a score.
	EarnedAt(required float64) bool
}

// bayesFilter tells spam from ham by what people, traps and operators have called so before on this site (`gatepost learn`,
// `gatepost bayes`): by the header's shape, texts, structure, links and attachments' names, for each domain by its own
// lessons and by those of all. It scores from 0 to 15; 7.5 is as likely the one as the other. `level` says how much it takes until
// a message is called spam. That counts as the score that the policy requires, so this filter alone can have a message
// held, and never refused. What is less adds less, down to nothing at half of the level's score, or at 1.875, which hardly any
// ham reaches, where that is more: at level 1 there is nothing between spam and ham. Until its own record on this site shows that at most one in 1,000 ham is lost by it (over 1,000
// ham at least, each judged before it was learnt), it adds 6 points at most, and fewer than what is required. As shipped it
// knows nothing, and is `untrained` until it has seen enough of both.
type bayesFilter struct {
	bayes Bayes
	level int
}

type bayesOptions struct {
	Level int `setting:"level" doc:"1 to 7: how much it takes until a message is called spam; lower is stricter: a score of 1.875, 3.75, 5.625, 7.5, 8.75, 10, 11.25"`
}

func bayesKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "bayes", Stage: pipeline.Data, Scope: pipeline.PerDomain,
		Results: []pipeline.Result{
			{Word: "spam", Effect: "score", Doc: "the score reaches the level's; the points are those that the policy requires, or fewer while its record is too short"},
			{Word: "unsure", Effect: "score", Doc: "the score is above half of the level's, and above 1.875; the points grow from 0 there to what the policy requires at the level's"},
			{Word: "ham", Effect: "none", Doc: "the score is lower"},
			{Word: "untrained", Effect: "none", Doc: "too little spam, or ham, was learnt yet"},
			{Word: pipeline.TempError, Effect: "none", Doc: "the message can't be read"},
		},
		Options: func() any { return &bayesOptions{Level: bayes.DefaultLevel} },
		New: func(options any) (pipeline.Filter, error) {
			o := *options.(*bayesOptions)
			if o.Level < 1 || o.Level > bayes.Levels {
				return nil, fmt.Errorf("level %d is not between 1 and %d", o.Level, bayes.Levels)
			}
			return bayesFilter{d.Bayes, o.Level}, nil
		},
	}
}

const (
	hamScore     = 1.875 // ham hardly ever scores more: most of it has 0.8 to 1.5, so less says nothing against a message, at no level
	unearned     = 6.0   // points at most before Bayes has earned more
	bayesReasons = 10    // features that are told
	maxFeature   = 80    // letters of one
)

// Check implements pipeline.Filter.
func (b bayesFilter) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if b.bayes == nil {
		return pipeline.Finding{Result: "untrained", Reason: "untrained: there is no model here"}, nil
	}
	domain := strings.ToLower(q.Domain)
	v := b.bayes.Judge(&bayes.Features{}, domain) // of nothing: who knows too little need not look
	f := pipeline.Finding{Result: "untrained", Evidence: []pipeline.Evidence{{Key: "lessons", Value: fmt.Sprintf("%d spam, %d ham", v.Spam, v.Ham)}}}
	if !v.Trained {
		f.Reason = fmt.Sprintf("untrained: %d spam, %d ham learnt; it takes %d of either", v.Spam, v.Ham, bayes.Enough)
		return f, nil
	}
	features, err := pipeline.Fact(ctx, q.Tx, "bayes", pipeline.DefaultTimeout, func(context.Context) (*bayes.Features, error) {
		return bayes.Of(q.Tx.Message)
	})
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("bayes: %w", err)
	}
	return b.judged(f, b.bayes.Judge(features, domain), features, domain), nil
}

// judged makes a finding of a verdict that means something.
func (b bayesFilter) judged(f pipeline.Finding, v bayes.Verdict, features *bayes.Features, domain string) pipeline.Finding {
	required := bayes.LevelScore(b.level)
	f.Score, f.Required, f.Floor = v.Score, required, max(required/2, hamScore)
	f.Result = "ham"
	switch {
	case v.Score >= required:
		f.Result = "spam"
	case v.Score > f.Floor:
		f.Result = "unsure"
	}
	f.Reason = fmt.Sprintf("it scores %s of 15; from %g on it is spam", shownScore(v.Score), required)
	f.Evidence = append(f.Evidence,
		pipeline.Evidence{Key: "score", Value: shownScore(v.Score)},
		pipeline.Evidence{Key: "level", Value: strconv.Itoa(b.level)},
		pipeline.Evidence{Key: "required", Value: strconv.FormatFloat(required, 'g', -1, 64)})
	if !b.bayes.EarnedAt(required) {
		f.Most = unearned
		f.Reason += fmt.Sprintf("; %g points at most until its record is earned", unearned)
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "bound", Value: fmt.Sprintf("%g points at most: its record on this site is too short yet, or too bad", unearned)})
	}
	if features.Cut() {
		f.Reason += "; only the beginning of its text was looked at"
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "cut", Value: "the message has more text than was looked at"})
	}
	for _, r := range b.bayes.Explain(features, domain, bayesReasons) {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "feature", Value: fmt.Sprintf("%+.2f %s", r.Weight, featureName(r.Feature))})
	}
	return f
}

// shownScore never shows more than the score is: else one just below the level would seem to reach it.
func shownScore(score float64) string {
	return strconv.FormatFloat(math.Floor(score*1000)/1000, 'f', 3, 64)
}

// featureName is what a stranger wrote, short, on one line and without what moves a cursor.
func featureName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxFeature {
		s = string(runes[:maxFeature-1]) + "…"
	}
	return s
}
