package filters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/mail"
	"gatepost/pipeline"
	"gatepost/rules"
)

// keywords looks for weighed words and regular expressions in chosen parts of the message:
// subject, body, html, url, filename, raw, or "header NAME". Text is decoded and brought to one
// form first, so that look-alike letters and split words are found, too. Ten thousand patterns
// cost about four times as much as a hundred. The sum of the
// weights is the score; from `spam_from` on the message is spam whatever else is said of
// it. The test string GTUBE in the body is always spam: by it anybody can see
// that the filter works. Beside its own patterns it looks for those that an operator accepted of what traps and reports
// proposed: see gatepost learn proposals.
type keywords struct {
	set      *rules.Set
	sources  sources
	spamFrom float64
}

type keywordsOptions struct {
	Patterns []keyword `setting:"patterns" doc:"each with word or regexp, in (subject and body), weight (1; below 0 speaks for a message) and name"`
	Files    []string  `setting:"files" doc:"files with more patterns, one a line; admin.md has the format"`
	Packs    []string  `setting:"packs" doc:"names of packs with more patterns"`
	Accepted bool      `setting:"accepted" doc:"also patterns that an operator accepted of what traps and reports proposed"`
	SpamFrom float64   `setting:"spam_from" doc:"sum of weights from which the message is spam; 0 is never"`
}

type keyword struct {
	Word   string   `setting:"word" json:"word"`
	Regexp string   `setting:"regexp" json:"regexp"`
	In     []string `setting:"in" json:"in"`
	Weight float64  `setting:"weight" json:"weight"`
	Name   string   `setting:"name" json:"name"`
}

// gtube is the Generic Test for Unsolicited Bulk Email, as SpamAssassin defined it
// for everybody: to be found as it stands.
const gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

// maxHits bounds the hits kept as evidence.
const maxHits = 30

func keywordsKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "keywords", Stage: pipeline.Data, Scope: pipeline.PerMessage,
		Results: []pipeline.Result{
			{Word: "match", Effect: "score", Doc: "patterns were found; the score is the sum of their weights"},
			{Word: "spam", Effect: "spam", Doc: "the sum reaches spam_from, or the test string was found"},
			{Word: "none", Effect: "none", Doc: "nothing was found"},
		},
		Options: func() any {
			return &keywordsOptions{Patterns: []keyword{}, Files: []string{}, Packs: []string{}, Accepted: true}
		},
		New: func(options any) (pipeline.Filter, error) { return newKeywords(d, *options.(*keywordsOptions)) },
	}
}

func newKeywords(d Deps, o keywordsOptions) (pipeline.Filter, error) {
	if o.SpamFrom < 0 || o.SpamFrom != o.SpamFrom {
		return nil, fmt.Errorf("spam_from %v is below 0", o.SpamFrom)
	}
	set, err := compilePatterns(o.Patterns)
	if err != nil {
		return nil, err
	}
	s, err := newSources(d.Packs, o.Files, o.Packs)
	if err != nil {
		return nil, err
	}
	if o.Accepted && d.Packs != nil {
		s.names = append(slices.Clip(s.names), AcceptedPack)
	}
	return keywords{set: set, sources: s, spamFrom: o.SpamFrom}, nil
}

// compilePatterns makes a set of an entry's patterns; what is wrong with one is told at its line.
func compilePatterns(list []keyword) (*rules.Set, error) {
	var errs []error
	patterns := make([]rules.Pattern, len(list))
	for i, k := range list {
		p, err := k.pattern()
		if err != nil {
			errs = append(errs, patternError(i, fmt.Errorf("pattern %d: %w", i+1, err)))
		}
		patterns[i] = p
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	set, err := rules.Compile(patterns)
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range all.Unwrap() {
			i, at := 0, &rules.PatternError{}
			if errors.As(err, &at) {
				i = at.Index
			}
			errs = append(errs, patternError(i, err))
		}
		return nil, errors.Join(errs...)
	}
	return set, err
}

func patternError(i int, err error) error {
	return pipeline.SettingError{Path: fmt.Sprintf("patterns[%d]", i), Err: err}
}

func (k keyword) pattern() (rules.Pattern, error) {
	p := rules.Pattern{Text: k.Word, Weight: k.Weight, Name: k.Name}
	switch {
	case (k.Word == "") == (k.Regexp == ""):
		return p, fmt.Errorf("has to have either word or regexp")
	case k.Regexp != "":
		p.Text, p.Regexp = k.Regexp, true
	}
	if k.Weight == 0 {
		p.Weight = 1
	}
	for _, name := range k.In {
		w, err := rules.ParseWhere(name)
		if err != nil {
			return p, err
		}
		p.In = append(p.In, w)
	}
	return p, nil
}

// Check implements pipeline.Filter.
func (k keywords) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	m := q.Tx.Message
	texts, err := textsFact(ctx, q.Tx)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("keywords: %w", err)
	}
	f := k.judge(texts)
	test := hasGTUBE(m)
	if err := m.Err(); err != nil {
		return pipeline.Finding{}, fmt.Errorf("keywords: read message: %w", err)
	}
	if m.Extract().Cut {
		f.Evidence = append(f.Evidence, cutEvidence())
	}
	if test {
		f.Result, f.Reason = "spam", "the body holds the test string GTUBE"
	}
	return f, nil
}

// judge says what the patterns find in texts.
func (k keywords) judge(texts *rules.Texts) pipeline.Finding {
	hits, whole := k.set.Match(texts)
	for _, p := range k.sources.all() {
		more, all := p.Set.Match(texts)
		hits, whole = append(hits, more...), whole && all
	}
	score := rules.Score(hits)
	f := pipeline.Finding{Result: "none", Score: score, Evidence: hitsSeen(hits)}
	if !whole {
		f.Evidence = append(f.Evidence, cutEvidence())
	}
	switch {
	case k.spamFrom > 0 && score >= k.spamFrom:
		f.Result, f.Reason = "spam", fmt.Sprintf("found %s: sum %.4g reaches %.4g", namesOf(hits), score, k.spamFrom)
	case len(hits) > 0:
		f.Result, f.Reason = "match", fmt.Sprintf("found %s: sum %.4g", namesOf(hits), score)
	}
	return f
}

func cutEvidence() pipeline.Evidence {
	return pipeline.Evidence{Key: "cut", Value: "the message has more text than was looked at"}
}

func hasGTUBE(m *mail.Message) bool {
	x := m.Extract()
	return strings.Contains(x.Text, gtube) || strings.Contains(x.Visible, gtube)
}

func hitsSeen(hits []rules.Hit) (list []pipeline.Evidence) {
	for i, h := range hits {
		if i == maxHits {
			return append(list, pipeline.Evidence{Key: "more", Value: fmt.Sprint(len(hits) - maxHits)})
		}
		list = append(list, pipeline.Evidence{Key: h.Name, Value: shorten(fmt.Sprintf("%+.4g in %s: %s", h.Weight, h.Where, h.Excerpt))})
	}
	return list
}

// namesOf names the first few hits.
func namesOf(hits []rules.Hit) string {
	const named = 3
	var names []string
	for _, h := range hits[:min(len(hits), named)] {
		names = append(names, fmt.Sprintf("%q", shorten(h.Name)))
	}
	text := strings.Join(names, ", ")
	if more := len(hits) - named; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
