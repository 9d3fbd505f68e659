package filters

import (
	"context"
	"fmt"

	"gatepost/pipeline"
	"gatepost/rules"
)

// keywordAllow makes exceptions to keywords and logic: where one of its patterns or rules is
// met, entries below that are written `unless: keyword-allow` are passed by, and the trace
// says why. It lets nothing else pass: all other filters judge the message. Patterns are
// those of keywords without weights; the conditions of its rules are those of logic. What
// anybody can write into a message excepts anybody, so let a pattern be rare, or have a
// rule ask who wrote it: `finding("dkim") == "pass" and author ends_with "@example.org"`.
type keywordAllow struct {
	set     *rules.Set
	rules   []rules.Rule
	sources sources
	conditions
}

type keywordAllowOptions struct {
	Patterns []keyword     `setting:"patterns" doc:"each with word or regexp, in (subject and body) and name"`
	Rules    []ruleSetting `setting:"rules" doc:"each with name and when, a condition"`
	Files    []string      `setting:"files" doc:"files with patterns and rules; their weights and effects don't matter here"`
	Packs    []string      `setting:"packs" doc:"names of packs with exceptions"`
}

func keywordAllowKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "keyword-allow", Stage: pipeline.Data, Scope: pipeline.PerWalk, Waits: true,
		Results: []pipeline.Result{
			{Word: "match", Effect: "none", Doc: "the message is an exception", Spares: true},
			{Word: "none", Effect: "none", Doc: "it is none"},
		},
		Options: func() any {
			return &keywordAllowOptions{Patterns: []keyword{}, Rules: []ruleSetting{}, Files: []string{}, Packs: []string{}}
		},
		New: func(options any) (pipeline.Filter, error) { return newKeywordAllow(d, *options.(*keywordAllowOptions)) },
	}
}

func newKeywordAllow(d Deps, o keywordAllowOptions) (pipeline.Filter, error) {
	set, err := compilePatterns(o.Patterns)
	if err != nil {
		return nil, err
	}
	list, err := readRules(o.Rules, true)
	if err != nil {
		return nil, err
	}
	s, err := newSources(d.Packs, o.Files, o.Packs)
	if err != nil {
		return nil, err
	}
	return keywordAllow{set, list, s, conditions{d.Resolver, d.Country}}, nil
}

// Refers implements pipeline.Referrer.
func (k keywordAllow) Refers() []string {
	return append(ruleFindings(k.rules), k.sources.findings()...)
}

// Compares implements pipeline.Comparer.
func (k keywordAllow) Compares() []pipeline.Comparison {
	all := compared(k.rules, len(k.rules))
	for _, p := range k.sources.files {
		all = append(all, compared(p.Rules, 0)...)
	}
	return all
}

// Check implements pipeline.Filter.
func (k keywordAllow) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if k.set.Len() == 0 && k.Prompt(q) {
		return pipeline.Finding{Result: "none"}, nil
	}
	sets := append([]*rules.Pack{{Set: k.set, Rules: k.rules}}, k.sources.all()...)
	if len(sets) == 1 && k.set.Len() == 0 && len(k.rules) == 0 {
		return pipeline.Finding{Result: "none"}, nil
	}
	in, err := k.input(ctx, q)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("keyword-allow: %w", err)
	}
	for _, p := range sets {
		hits, err := k.hits(ctx, q.Tx, p.Set, in.Texts())
		if err != nil {
			return pipeline.Finding{}, fmt.Errorf("keyword-allow: %w", err)
		}
		if len(hits) > 0 {
			return pipeline.Finding{Result: "match", Reason: "found the exception " + namesOf(hits), Evidence: hitsSeen(hits)}, nil
		}
		for _, r := range p.Rules {
			holds, err := r.Condition.Holds(in)
			if err != nil {
				return pipeline.Finding{}, fmt.Errorf("keyword-allow: rule %q: %w", r.Name, err)
			}
			if holds {
				return pipeline.Finding{Result: "match", Reason: fmt.Sprintf("the exception %q holds", r.Name)}, nil
			}
		}
	}
	return pipeline.Finding{Result: "none"}, nil
}

// hits are those of a set, the same for all recipients of the message.
func (keywordAllow) hits(ctx context.Context, tx *pipeline.Transaction, set *rules.Set, texts *rules.Texts) ([]rules.Hit, error) {
	return pipeline.Fact(ctx, tx, fmt.Sprintf("exceptions %p", set), textsLimit, func(context.Context) ([]rules.Hit, error) {
		hits, _ := set.Match(texts)
		return hits, nil
	})
}
