package rules

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Pattern is a word, a phrase or a regular expression to look for.
//
// A word is found where it stands as a word: "pill" is not in "caterpillar". That
// holds for those of its ends that are letters or digits of a script which sets words apart. White
// space in it stands for any white space.
//
// A regular expression has the syntax of package regexp and meets folded text (see
// Fold): lower case, one line, single spaces. It may match anywhere; \b marks
// the ends of words.
type Pattern struct {
	Text   string
	Regexp bool
	In     []Where // where to look, Subject and Body if empty
	Weight float64 // what a hit counts, negative for what speaks for a message
	Name   string  // for people, Text if empty
}

// MaxPattern bounds the text of a pattern, in octets.
const MaxPattern = 1000

// A Hit says that a pattern was found, and shows one place where.
type Hit struct {
	Pattern int // index in what Compile was given
	Name    string
	Weight  float64
	Where   Where  // the first of its places, in the order of the whole set, that has it
	Excerpt string // folded text around it, one line of at most about 80 octets
}

// Score returns the sum of the hits' weights.
func Score(hits []Hit) float64 {
	sum := 0.0
	for _, h := range hits {
		sum += h.Weight
	}
	return sum
}

// A Set is compiled patterns. It does not change and may be used by many goroutines.
type Set struct {
	patterns []compiled
	places   []Where
	words    *automaton
	uses     []use   // by word of the automaton
	blind    [][]int // by place: expressions that must run over every text
}

// A use says what a word of the automaton is for.
type use struct {
	pattern     int
	length      int  // octets
	need        bool // letters that the pattern's expression needs
	left, right bool // the end must be a word's end
}

// compiled is a pattern as it is matched.
type compiled struct {
	Pattern
	expression
	places []int // indices into Set.places
}

// Compile makes a set of the patterns. Its error names each pattern that is wrong.
func Compile(patterns []Pattern) (*Set, error) {
	b := &builder{set: &Set{patterns: make([]compiled, len(patterns))}}
	var errs []error
	for i, p := range patterns {
		if p.Name == "" {
			p.Name = p.Text
		}
		if err := b.add(i, p); err != nil {
			errs = append(errs, fmt.Errorf("rules: pattern %q: %w", p.Name, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	words, err := newAutomaton(b.words)
	if err != nil {
		return nil, fmt.Errorf("rules: compile %d patterns: %w", len(patterns), err)
	}
	b.set.words = words
	return b.set, nil
}

// A builder collects what a set is made of.
type builder struct {
	set   *Set
	words []string
}

func (b *builder) add(i int, p Pattern) error {
	switch {
	case len(p.Text) > MaxPattern:
		return fmt.Errorf("longer than %d octets", MaxPattern)
	case !utf8.ValidString(p.Text):
		return errors.New("not UTF-8")
	case math.IsNaN(p.Weight) || math.IsInf(p.Weight, 0):
		return fmt.Errorf("weight %v", p.Weight)
	}
	c := &b.set.patterns[i]
	c.Pattern = p
	if len(c.In) == 0 {
		c.In = []Where{Subject, Body}
	}
	for _, w := range c.In {
		place, err := b.place(w)
		if err != nil {
			return err
		}
		c.places = append(c.places, place)
	}
	if p.Regexp {
		return b.addExpression(i, c)
	}
	return b.addWord(i, p.Text)
}

// place returns the index of a place, which is new as a rule only to the first patterns.
func (b *builder) place(w Where) (int, error) {
	known, err := ParseWhere(string(w))
	if err != nil {
		return 0, err
	}
	if i := slices.Index(b.set.places, known); i >= 0 {
		return i, nil
	}
	b.set.places = append(b.set.places, known)
	b.set.blind = append(b.set.blind, nil)
	return len(b.set.places) - 1, nil
}

func (b *builder) addExpression(i int, c *compiled) error {
	var err error
	if c.expression, err = compile(c.Text); err != nil {
		return err
	}
	for _, need := range c.needs {
		b.words = append(b.words, need)
		b.set.uses = append(b.set.uses, use{pattern: i, need: true})
	}
	if len(c.needs) == 0 {
		for _, place := range c.places {
			b.set.blind[place] = append(b.set.blind[place], i)
		}
	}
	return nil
}

func (b *builder) addWord(i int, text string) error {
	word := strings.Trim(Fold(text), " ")
	if word == "" {
		return errors.New("nothing to look for")
	}
	first, _ := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	b.words = append(b.words, word)
	b.set.uses = append(b.set.uses, use{
		pattern: i, length: len(word),
		left: isWord(first) && !isUnspaced(first), right: isWord(last) && !isUnspaced(last),
	})
	return nil
}
