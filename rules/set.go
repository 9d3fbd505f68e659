package rules

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
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

// MaxBlind is how many expressions of a set may need no letters.
const MaxBlind = 50

// A Hit says that a pattern was found, and shows one place where.
type Hit struct {
	Pattern int // index in what Compile was given
	Name    string
	Weight  float64
	Where   Where  // the first of its places, in the order of the whole set, that has it
	Excerpt string // folded text around it, one line of at most about 80 octets; "" beyond MaxExcerpts
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
	patterns     []compiled
	places       []Where
	starts       *index // of words that begin as words
	startUses    []use  // by word of it
	anywhere     *index // of words that may begin within others
	anywhereUses []use
	blind        [][]int   // by place: expressions that must run over every text
	pool         sync.Pool // of *match
}

// A use says what a word of an index is for.
type use struct {
	pattern     int
	mask        uint64 // of the pattern
	length      int    // octets
	need        bool   // letters that the pattern's expression needs
	left, right bool   // the end must be a word's end
	near        *near  // where need: what must stand near
}

// compiled is a pattern as it is matched.
type compiled struct {
	Pattern
	expression
	places []int  // indices into Set.places
	mask   uint64 // the same, a bit each
}

// A PatternError says what is wrong with one pattern.
type PatternError struct {
	Index int // in what Compile was given
	Name  string
	Err   error
}

// Error names the pattern.
func (e *PatternError) Error() string { return fmt.Sprintf("rules: pattern %q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *PatternError) Unwrap() error { return e.Err }

// Compile makes a set of the patterns. Its error joins a *PatternError for each pattern that
// is wrong.
func Compile(patterns []Pattern) (*Set, error) {
	b := &builder{set: &Set{patterns: make([]compiled, len(patterns))}}
	var errs []error
	for i, p := range patterns {
		if p.Name == "" {
			p.Name = p.Text
		}
		if err := b.pattern(i, p); err != nil {
			errs = append(errs, &PatternError{i, p.Name, err})
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	s := b.set
	s.starts, s.anywhere = newIndex(b.starts), newIndex(b.anywhere)
	s.pool.New = func() any {
		n := len(patterns)
		return &match{set: s, found: make([]uint32, n), wanted: make([]bool, n), window: make([]window, n)}
	}
	return s, nil
}

// Memory is what the set needs beside the patterns' texts and their expressions, in octets.
func (s *Set) Memory() int {
	return s.starts.size() + s.anywhere.size() + 24*(len(s.startUses)+len(s.anywhereUses))
}

// Len is the number of patterns.
func (s *Set) Len() int { return len(s.patterns) }

// A builder collects what a set is made of.
type builder struct {
	set      *Set
	starts   []string
	anywhere []string
	blind    int // expressions without letters that they need
}

func (b *builder) pattern(i int, p Pattern) error {
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
		c.mask |= 1 << place
	}
	if p.Regexp {
		return b.addExpression(i, c)
	}
	return b.addWord(i, p.Text)
}

// maxPlaces bounds the parts of a message that a set looks at.
const maxPlaces = 64

// place returns the index of a place, which is new as a rule only to the first patterns.
func (b *builder) place(w Where) (int, error) {
	known, err := ParseWhere(string(w))
	if err != nil {
		return 0, err
	}
	if i := slices.Index(b.set.places, known); i >= 0 {
		return i, nil
	}
	if len(b.set.places) == maxPlaces {
		return 0, fmt.Errorf("%q is one part too many: all patterns together may look at %d", known, maxPlaces)
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
		b.add(need.text, need.start, use{pattern: i, need: true, near: need.near})
	}
	if len(c.needs) == 0 {
		if b.blind++; b.blind > MaxBlind {
			return fmt.Errorf("has no %d letters in a row that all that it matches has, as more than %d others: it would have to run over every message", minNeed, MaxBlind)
		}
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
	left := isWord(first) && !isUnspaced(first)
	b.add(word, left, use{pattern: i, left: left, right: isWord(last) && !isUnspaced(last)})
	return nil
}

// add notes a word with its use; start says that nothing of a word may stand before it.
func (b *builder) add(word string, start bool, u use) {
	u.length, u.mask = len(word), b.set.patterns[u.pattern].mask
	if start {
		b.starts, b.set.startUses = append(b.starts, word), append(b.set.startUses, u)
		return
	}
	b.anywhere, b.set.anywhereUses = append(b.anywhere, word), append(b.set.anywhereUses, u)
}
