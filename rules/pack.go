package rules

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Pack is patterns and rules that were written into a text, one a line:
//
//	# what follows is a comment
//	title Fake invoices
//	version 2026-11-26
//	word 3 text cheap pills
//	word 1.5 subject,header:list-id bulk offer
//	regexp 2 body \bfree.{0,20}offer\b
//	rule late-invoice 2.5 subject contains "invoice" and
//	   any(attachments, .name ends_with ".zip")
//	rule known-bad spam finding("spf") == "fail" and score > 3
//
// After word and regexp come the weight, the parts of a message (text is subject and body),
// and what to look for; after rule its name, without spaces, the score or an effect
// (tag, junk, spam, quarantine, reject, discard, defer, accept), and the condition. A line that
// begins with white space goes on with the one before, for rules alone.
//
// It does not change and may be used by many goroutines.
type Pack struct {
	Title   string
	Version string // as its author calls it, "" where he does not
	Set     *Set   // of the patterns
	Rules   []Rule
}

// A Rule is a condition with what follows where it holds.
type Rule struct {
	Name      string
	Condition *Condition
	Then      string  // an effect of Effects; "": Score is added
	Score     float64 // points
}

// Effects are the words with which a rule can end a walk.
func Effects() []string {
	return []string{"tag", "junk", "spam", "quarantine", "reject", "discard", "defer", "accept"}
}

// Bounds of a pack: octets, patterns, rules.
const (
	MaxPack         = 4 << 20
	MaxPackPatterns = 50_000
	MaxRules        = 500
)

// A PackError is a mistake in a pack.
type PackError struct {
	Line, Column int // from 1 on; Column in octets, 0 where the whole line is meant
	Err          error
}

// Error returns "12:8: text".
func (e *PackError) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("%d: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("%d:%d: %v", e.Line, e.Column, e.Err)
}

// Unwrap returns Err.
func (e *PackError) Unwrap() error { return e.Err }

// maxPackErrors is how many mistakes of a pack are told.
const maxPackErrors = 20

// ParsePack reads a pack. Its error joins *PackErrors, the first twenty.
func ParsePack(text string) (*Pack, error) {
	if len(text) > MaxPack {
		return nil, &PackError{Line: 1, Err: fmt.Errorf("longer than %d octets", MaxPack)}
	}
	r := packReader{pack: &Pack{}}
	for i, line := range strings.Split(text, "\n") {
		r.next(i+1, strings.TrimSuffix(line, "\r"))
	}
	r.rule()
	if len(r.errs) == 0 {
		r.compile()
	}
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	return r.pack, nil
}

// A packReader reads a pack line by line.
type packReader struct {
	pack     *Pack
	patterns []Pattern
	lines    []int // of the patterns
	errs     []error

	// A rule that may go on in the next line:
	begun  *Rule
	line   int
	column int // where the condition begins in the first line, in octets
	when   string
}

func (r *packReader) wrong(line, column int, err error) {
	if len(r.errs) < maxPackErrors {
		r.errs = append(r.errs, &PackError{line, column, err})
	}
}

func (r *packReader) next(n int, line string) {
	if r.begun != nil && line != "" && (line[0] == ' ' || line[0] == '\t') {
		if len(r.when) <= MaxCondition { // what is longer is refused
			r.when += "\n" + line
		}
		return
	}
	r.rule()
	if !utf8.ValidString(line) {
		r.wrong(n, 0, errors.New("not UTF-8"))
		return
	}
	word, rest := cutWord(line)
	switch {
	case strings.TrimSpace(line) == "" || line[0] == '#':
	case word == "title":
		r.pack.Title = clipped(rest)
	case word == "version":
		r.pack.Version = clipped(rest)
	case word == "word" || word == "regexp":
		r.pattern(n, word == "regexp", rest)
	case word == "rule":
		r.begin(n, line, rest)
	default:
		r.wrong(n, 1, fmt.Errorf("a line begins with word, regexp, rule, title, version or #, not %.40q", word))
	}
}

// cutWord returns the first word of a line, and what follows it.
func cutWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " \t")
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.Trim(s[i:], " \t")
}

// clipped bounds what is only shown.
func clipped(s string) string { return strings.ToValidUTF8(s[:min(len(s), 100)], "") }

func (r *packReader) pattern(n int, isRegexp bool, rest string) {
	number, rest := cutWord(rest)
	parts, text := cutWord(rest)
	weight, err := parseWeight(number)
	if err != nil {
		r.wrong(n, 0, err)
		return
	}
	p := Pattern{Text: text, Regexp: isRegexp, Weight: weight}
	for part := range strings.SplitSeq(parts, ",") {
		if part == "text" {
			p.In = append(p.In, Subject, Body)
			continue
		}
		w, err := ParseWhere(strings.Replace(part, ":", " ", 1))
		if err != nil {
			r.wrong(n, 0, err)
			return
		}
		p.In = append(p.In, w)
	}
	if len(r.patterns) == MaxPackPatterns {
		r.wrong(n, 0, fmt.Errorf("more than %d patterns", MaxPackPatterns))
	}
	if len(r.patterns) < MaxPackPatterns {
		r.patterns, r.lines = append(r.patterns, p), append(r.lines, n)
	}
}

func parseWeight(s string) (float64, error) {
	weight, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(weight) || math.Abs(weight) > 1000 {
		return 0, fmt.Errorf("%.40q is not a number of points between -1000 and 1000", s)
	}
	return weight, nil
}

// begin notes a rule, whose condition may go on.
func (r *packReader) begin(n int, line, rest string) {
	name, rest := cutWord(rest)
	then, when := cutWord(rest)
	rule, err := NewRule(name, then)
	if err != nil {
		r.wrong(n, 0, err)
		return
	}
	r.begun, r.line, r.when = rule, n, when
	r.column = strings.LastIndex(line, when)
}

// NewRule makes a rule without its condition: then is a number of points or one of Effects.
func NewRule(name, then string) (*Rule, error) {
	rule := &Rule{Name: name}
	for _, effect := range Effects() {
		if then == effect {
			rule.Then = then
		}
	}
	if rule.Then == "" {
		points, err := parseWeight(then)
		if err != nil {
			return nil, fmt.Errorf("rule %.40q: %.40q is neither a number of points nor one of %s", name, then, strings.Join(Effects(), ", "))
		}
		rule.Score = points
	}
	return rule, nil
}

// rule ends the rule that was begun.
func (r *packReader) rule() {
	if r.begun == nil {
		return
	}
	rule := r.begun
	r.begun = nil
	c, err := ParseCondition(r.when)
	at := &SyntaxError{}
	switch {
	case errors.As(err, &at):
		line, column := r.line+at.Line-1, at.Column
		if at.Line == 1 {
			column += r.column
		}
		r.wrong(line, column, fmt.Errorf("rule %s: %s", rule.Name, at.Text))
	case len(r.pack.Rules) == MaxRules:
		r.wrong(r.line, 0, fmt.Errorf("more than %d rules", MaxRules))
	default:
		rule.Condition = c
		r.pack.Rules = append(r.pack.Rules, *rule)
	}
}

// compile makes the set; what is wrong with a pattern is told at its line.
func (r *packReader) compile() {
	set, err := Compile(r.patterns)
	r.pack.Set = set
	for _, err := range unjoined(err) {
		at := &PatternError{}
		line := 1
		if errors.As(err, &at) {
			line, err = r.lines[at.Index], at.Err
		}
		r.wrong(line, 0, err)
	}
}

// unjoined returns the errors that errors.Join put together.
func unjoined(err error) []error {
	switch all := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		return all.Unwrap()
	}
	return []error{err}
}

// String is what the pack is called.
func (p *Pack) String() string { return cmp.Or(p.Title, "without a title") }
