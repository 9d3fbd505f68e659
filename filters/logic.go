package filters

import (
	"context"
	"fmt"
	"strings"

	"gatepost/pipeline"
	"gatepost/rules"
)

// logic judges by rules: boolean expressions over the envelope, header, text, links and
// attachments of the message, and over what the entries above have found. Each rule has a name, a
// condition (when) and either points (score) or an effect (then: tag, junk, spam, quarantine,
// reject, discard, defer, accept). Rules are asked in order; points are summed, and those
// below see them in score; the first rule with an effect that holds decides, and those below
// it are not asked. admin.md has the language. Mistakes are told when the configuration is
// loaded, with line and column. A rule that has more to look at than the time of one
// allows makes the result temperror.
type logic struct {
	rules   []rules.Rule
	own     int // of them, those that the entry itself has; they come first
	sources sources
	conditions
}

type logicOptions struct {
	Rules []ruleSetting `setting:"rules" doc:"each with name, when (a condition), and score or then (an effect)"`
	Files []string      `setting:"files" doc:"files with rules, asked after those"`
	Packs []string      `setting:"packs" doc:"names of packs whose rules are asked after those; of them accept, discard, defer and reject count as spam"`
}

func logicKind(d Deps) pipeline.Kind {
	kind := pipeline.Kind{
		Name: "logic", Stage: pipeline.Data, Scope: pipeline.PerWalk, Waits: true,
		Results: []pipeline.Result{
			{Word: "match", Effect: "score", Doc: "rules held; the score is the sum of their points"},
			{Word: "none", Effect: "none", Doc: "none held"},
		},
		Options: func() any { return &logicOptions{Rules: []ruleSetting{}, Files: []string{}, Packs: []string{}} },
		New:     func(options any) (pipeline.Filter, error) { return newLogic(d, *options.(*logicOptions)) },
	}
	for _, effect := range rules.Effects() {
		kind.Results = append(kind.Results, pipeline.Result{Word: effect, Effect: effect, Doc: "a rule with this effect held"})
	}
	return kind
}

func newLogic(d Deps, o logicOptions) (pipeline.Filter, error) {
	list, err := readRules(o.Rules, false)
	if err != nil {
		return nil, err
	}
	s, err := newSources(d.Packs, o.Files, o.Packs)
	if err != nil {
		return nil, err
	}
	own := len(list)
	for _, p := range s.files {
		list = append(list, p.Rules...)
	}
	s.files = nil
	return logic{list, own, s, conditions{d.Resolver, d.Country}}, nil
}

// Refers implements pipeline.Referrer.
func (l logic) Refers() []string { return ruleFindings(l.rules) }

// Compares implements pipeline.Comparer.
func (l logic) Compares() []pipeline.Comparison { return compared(l.rules, l.own) }

// compared are the words with which rules compare results; the first of them, own, are the
// entry's.
func compared(list []rules.Rule, own int) (all []pipeline.Comparison) {
	for i, r := range list {
		for _, c := range r.Condition.Compared() {
			w := pipeline.Comparison{Entry: c.Entry, Word: c.Word, Where: fmt.Sprintf("rule %q: when: column %d", r.Name, c.Column)}
			if c.Line > 1 {
				w.Where = fmt.Sprintf("rule %q: when: line %d, column %d", r.Name, c.Line, c.Column)
			}
			if i < own {
				w.Path, w.Line = fmt.Sprintf("rules[%d].when", i), c.Line
			}
			all = append(all, w)
		}
	}
	return all
}

// ruleFindings are the entries that rules ask for.
func ruleFindings(list []rules.Rule) (names []string) {
	for _, r := range list {
		names = append(names, r.Condition.Findings()...)
	}
	return names
}

// Check implements pipeline.Filter.
func (l logic) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	packs := l.sources.all()
	if len(l.rules)+len(packs) == 0 {
		return pipeline.Finding{Result: "none"}, nil
	}
	in, err := l.input(ctx, q)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("logic: %w", err)
	}
	v := verdict{in: in}
	if err := v.ask(ctx, l.rules, false); err != nil {
		return pipeline.Finding{}, err
	}
	for _, p := range packs {
		if err := v.ask(ctx, p.Rules, true); err != nil {
			return pipeline.Finding{}, err
		}
	}
	return v.finding(), nil
}

// A verdict is what rules have led to so far.
type verdict struct {
	in      *rules.Input
	held    []string
	score   float64
	decided *rules.Rule
	then    string
	seen    []pipeline.Evidence
}

// ask asks rules in order, up to one that decides.
func (v *verdict) ask(ctx context.Context, list []rules.Rule, foreign bool) error {
	for i := range list {
		r := &list[i]
		if v.decided != nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		holds, err := r.Condition.Holds(v.in)
		switch {
		case err != nil:
			return fmt.Errorf("logic: rule %q: %w", r.Name, err)
		case holds:
			v.holds(r, foreign)
		}
	}
	return nil
}

// holds notes a rule that holds. What strangers wrote must not lose mail.
func (v *verdict) holds(r *rules.Rule, foreign bool) {
	says := fmt.Sprintf("%+.4g", r.Score)
	if r.Then != "" {
		v.decided, v.then, says = r, r.Then, r.Then
	}
	switch {
	case !foreign:
	case v.then == "accept", v.then == "discard", v.then == "defer", v.then == "reject":
		v.then = "spam"
	}
	v.score += r.Score
	v.in.Add(r.Score)
	v.held = append(v.held, fmt.Sprintf("%q", shorten(r.Name)))
	if len(v.seen) < maxHits {
		v.seen = append(v.seen, pipeline.Evidence{Key: "rule " + shorten(r.Name), Value: says})
	}
}

func (v *verdict) finding() pipeline.Finding {
	f := pipeline.Finding{Result: "none", Score: v.score, Evidence: v.seen}
	switch {
	case v.decided != nil:
		f.Result, f.Reason = v.then, fmt.Sprintf("the rule %q holds", shorten(v.decided.Name))
	case len(v.held) > 0:
		f.Result, f.Reason = "match", shorten(fmt.Sprintf("rules hold: %s: sum %.4g", strings.Join(v.held, ", "), v.score))
	}
	return f
}
