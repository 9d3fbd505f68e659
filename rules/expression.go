package rules

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// An expression is a regular expression over folded text.
type expression struct {
	re *regexp.Regexp
	// needs are folded letters of which at least one stands in every text that re
	// matches; none where that can't be told.
	needs []string
}

// errEmptyMatch is the answer to expressions that find something in any text.
var errEmptyMatch = errors.New("matches the empty text, so every message")

// compile reads an expression in the syntax of package regexp and folds it like the
// text that it will meet.
func compile(text string) (expression, error) {
	tree, err := syntax.Parse(text, syntax.Perl|syntax.FoldCase)
	if err != nil {
		return expression{}, err
	}
	foldTree(tree)
	re, err := regexp.Compile(tree.String())
	if err != nil {
		return expression{}, err
	}
	if re.MatchString("") {
		return expression{}, errEmptyMatch
	}
	return expression{re: re, needs: needs(tree)}, nil
}

// foldTree folds the literals in the tree, and widens classes by what their
// characters fold to.
func foldTree(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		re.Rune = []rune(Fold(string(re.Rune)))
		re.Flags &^= syntax.FoldCase
		if len(re.Rune) == 0 {
			re.Op = syntax.OpEmptyMatch
		}
	case syntax.OpCharClass:
		re.Rune = widen(re.Rune)
	}
	for _, sub := range re.Sub {
		foldTree(sub)
	}
}

// maxClass is the size up to which classes are widened: "[а-я]" has to meet letters
// that became Latin ones. Larger classes are scripts or complements, "[^a-z]", for which
// it would be wrong.
const maxClass = 128

// widen adds to a class, which is pairs of first and last, what its characters fold to.
func widen(class []rune) []rune {
	size := 0
	for i := 0; i < len(class); i += 2 {
		if size += int(class[i+1]-class[i]) + 1; size > maxClass {
			return class
		}
	}
	wide := slices.Clone(class)
	for i := 0; i < len(class); i += 2 {
		for r := class[i]; r <= class[i+1]; r++ {
			if r >= utf8.RuneSelf {
				if f := foldRune(r); f > 0 && f != r {
					wide = append(wide, f, f)
				}
			}
		}
	}
	return wide
}

const (
	minNeed  = 3  // octets; shorter letters are met everywhere
	maxNeeds = 64 // alternatives
)

// needs returns strings of which one must stand in whatever the tree matches, or
// nil (the idea of Cox, "Regular Expression Matching with a Trigram Index", 2012).
func needs(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if s := string(re.Rune); len(s) >= minNeed {
			return []string{s}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needs(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needs(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if n := needs(sub); shortest(n) > shortest(best) {
				best = n
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			n := needs(sub)
			if n == nil || len(all)+len(n) > maxNeeds {
				return nil
			}
			all = append(all, n...)
		}
		return all
	}
	return nil
}

// shortest returns the length of the shortest string, 0 if there is none.
func shortest(list []string) int {
	n := 0
	for _, s := range list {
		if n == 0 || len(s) < n {
			n = len(s)
		}
	}
	return n
}
