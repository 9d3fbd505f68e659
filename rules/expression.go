package rules

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// An expression is a regular expression over folded text.
type expression struct {
	re    *regexp.Regexp
	needs []need   // none where that can't be told
	musts [][]byte // folded letters that all stand in every text that re matches
	reach int      // octets that a match has at most; -1: any number
	cost  int      // see maxWork, per octet
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
	size, err := instructions(tree)
	switch {
	case err != nil:
		return expression{}, err
	case size > MaxInstructions:
		return expression{}, fmt.Errorf("takes %d instructions, more than %d: repeats such as {0,500} cost one for each time", size, MaxInstructions)
	}
	if re.MatchString("") {
		return expression{}, errEmptyMatch
	}
	e := expression{re: re, needs: needs(tree), musts: musts(nil, tree), reach: reach(tree), cost: 1 + size/32}
	if e.reach > maxReach {
		e.reach = -1
	}
	return e, nil
}

// MaxInstructions bounds what an expression is compiled to: each octet of a text takes as
// many steps at most.
const MaxInstructions = 3000

// instructions returns how long the expression's program is.
func instructions(tree *syntax.Regexp) (int, error) {
	again, err := syntax.Parse(tree.String(), syntax.Perl) // Simplify may change its argument
	if err != nil {
		return 0, err
	}
	prog, err := syntax.Compile(again.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}

// maxReach is the length of matches up to which an expression is run around its letters
// alone.
const maxReach = 2000

// possible reports whether the text has all that the expression can't do without.
func (e *expression) possible(text []byte) bool {
	for _, s := range e.musts {
		if !bytes.Contains(text, s) {
			return false
		}
	}
	return true
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
	minNeed  = 2  // octets; single letters are met everywhere
	maxNeeds = 64 // alternatives
)

// A need is letters of which, or of others, at least one stands in every text that an
// expression matches.
type need struct {
	text  string
	start bool // nothing of a word stands before them
	near  *near
}

// near are other letters that stand close by those needed in whatever the expression matches: most
// places where common letters are met need no more looking at.
type near struct {
	letters       []byte
	before, after int // how many octets from the needed ones they begin or end at most; one of them is 0
}

// maxNear bounds the distance, so that looking costs little.
const maxNear = 64

// there reports whether the letters stand near a place of a text. A nil near stands anywhere.
func (n *near) there(text []byte, start, end int) bool {
	switch {
	case n == nil:
		return true
	case n.after > 0:
		return bytes.Contains(text[end:min(end+n.after, len(text))], n.letters)
	}
	return bytes.Contains(text[max(start-n.before, 0):start], n.letters)
}

// needs returns letters of which one must stand in whatever the tree matches, or
// nil (the idea of Cox, "Regular Expression Matching with a Trigram Index", 2012).
func needs(re *syntax.Regexp) []need {
	switch re.Op {
	case syntax.OpLiteral:
		if s := string(re.Rune); len(s) >= minNeed {
			return []need{{text: s}}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needs(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needs(re.Sub[0])
		}
	case syntax.OpConcat:
		return concatNeeds(re.Sub)
	case syntax.OpAlternate:
		var all []need
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

// concatNeeds returns the needs of the one that has the longest, which are the rarest.
func concatNeeds(list []*syntax.Regexp) (best []need) {
	for i, sub := range list {
		n := needs(sub)
		if shortest(n) <= shortest(best) {
			continue
		}
		best = n
		if sub.Op == syntax.OpLiteral {
			best[0].near = nearest(list, i)
		}
		// \b is the end of a word of ASCII letters, here before one: so no word goes on here.
		if i > 0 && list[i-1].Op == syntax.OpWordBoundary && sub.Op == syntax.OpLiteral && isWord(sub.Rune[0]) && sub.Rune[0] < utf8.RuneSelf {
			best[0].start = true
		}
	}
	return best
}

// nearest finds letters near those at i of a list, behind them or else before; nil where none are
// sure to be.
func nearest(list []*syntax.Regexp, i int) *near {
	for _, step := range []int{1, -1} {
		gap := 0
		for k := i + step; k >= 0 && k < len(list) && gap >= 0 && gap <= maxNear; k += step {
			text := string(list[k].Rune)
			if list[k].Op != syntax.OpLiteral || len(text) < minNeed {
				gap = sum(gap, reach(list[k]))
				continue
			}
			n := &near{letters: []byte(text)}
			if step > 0 {
				n.after = gap + len(text)
			} else {
				n.before = gap + len(text)
			}
			return n
		}
	}
	return nil
}

// sum adds reaches, of which -1 is any number.
func sum(a, b int) int {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// shortest returns the length of the shortest need, 0 if there is none.
func shortest(list []need) int {
	n := 0
	for _, s := range list {
		if n == 0 || len(s.text) < n {
			n = len(s.text)
		}
	}
	return n
}

// maxMusts bounds what possible looks for.
const maxMusts = 8

// musts appends strings that all stand in whatever the tree matches.
func musts(list [][]byte, re *syntax.Regexp) [][]byte {
	switch re.Op {
	case syntax.OpLiteral:
		if s := string(re.Rune); len(s) >= minNeed && len(list) < maxMusts {
			list = append(list, []byte(s))
		}
	case syntax.OpCapture, syntax.OpPlus:
		return musts(list, re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return musts(list, re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			list = musts(list, sub)
		}
	}
	return list
}

// reach returns how many octets of text the tree matches at most, -1 for any number.
func reach(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return len(string(re.Rune))
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpCapture, syntax.OpQuest:
		return reach(re.Sub[0])
	case syntax.OpRepeat:
		return times(reach(re.Sub[0]), re.Max)
	case syntax.OpStar, syntax.OpPlus:
		return times(reach(re.Sub[0]), -1)
	case syntax.OpConcat, syntax.OpAlternate:
		n := 0
		for _, sub := range re.Sub {
			switch r := reach(sub); {
			case r < 0:
				return -1
			case re.Op == syntax.OpConcat:
				n += r
			default:
				n = max(n, r)
			}
		}
		return n
	}
	return 0 // ends of words, lines and texts
}

func times(n, most int) int {
	switch {
	case n == 0:
		return 0
	case n < 0 || most < 0:
		return -1
	}
	return n * most
}
