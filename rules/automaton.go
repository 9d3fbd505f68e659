package rules

import "errors"

// maxCells bounds the table of an automaton, in entries of four octets.
const maxCells = 16 << 20

// errTooLarge is the answer to sets whose automaton would not fit in maxCells.
var errTooLarge = errors.New("too many words")

// An automaton finds all of many words in one pass over a text (Aho and Corasick,
// "Efficient string matching", CACM 18, 1975), as a table: one step an octet,
// whatever the number of words. Octets that stand in no word share one column.
type automaton struct {
	class [256]uint8 // the column of an octet, from 1 on
	width int
	// next holds a row a state: in column 0 the first of the state's outputs,
	// 0 for none; then, by class, where the next state's row starts.
	next    []int32
	outputs []output
}

// An output is a word that ends in a state; more of them follow.
type output struct {
	word int32
	more int32 // index of the next output, 0 at the end
}

// newAutomaton builds the automaton of the words, which are not empty. Words may be doubled.
func newAutomaton(words []string) (*automaton, error) {
	a := &automaton{outputs: make([]output, 1, len(words)+1)}
	a.classify(words)
	t := newTrie(words)
	if len(t.nodes)*a.width > maxCells {
		return nil, errTooLarge
	}
	a.next = make([]int32, len(t.nodes)*a.width)
	a.fill(t)
	return a, nil
}

// classify gives each octet that stands in a word a column of its own; all others
// share the first. Words are UTF-8, in which 13 octets never stand, so a byte counts them.
func (a *automaton) classify(words []string) {
	var used [256]bool
	for _, w := range words {
		for i := 0; i < len(w); i++ {
			used[w[i]] = true
		}
	}
	last := uint8(1)
	for c := range a.class {
		a.class[c] = 1
		if used[c] {
			last++
			a.class[c] = last
		}
	}
	a.width = int(last) + 1
}

// fill writes the rows breadth first: a state's row is that of its longest proper
// suffix, which is written already, but for the state's own children.
func (a *automaton) fill(t *trie) {
	suffix := make([]int32, len(t.nodes))
	queue := []int32{0}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		row, fallback := a.row(n), a.row(suffix[n])
		if n != 0 {
			copy(row, fallback) // with the outputs of the suffix
		}
		for w := t.nodes[n].word; w >= 0; w = t.same[w] {
			a.outputs = append(a.outputs, output{word: w, more: row[0]})
			row[0] = int32(len(a.outputs) - 1)
		}
		for child := t.nodes[n].child; child != 0; child = t.nodes[child].sibling {
			column := a.class[t.nodes[child].octet]
			if n != 0 {
				suffix[child] = row[column] / int32(a.width)
			}
			row[column] = child * int32(a.width)
			queue = append(queue, child)
		}
	}
}

func (a *automaton) row(n int32) []int32 { return a.next[int(n)*a.width:][:a.width] }

// scan calls found for each word in the text, with the offset of its end.
func (a *automaton) scan(text []byte, found func(word, end int)) {
	s := int32(0)
	for i, c := range text {
		s = a.next[int(s)+int(a.class[c])]
		for o := a.next[s]; o != 0; o = a.outputs[o].more {
			found(int(a.outputs[o].word), i+1)
		}
	}
}

// A trie holds words by their prefixes; node 0 is the empty one.
type trie struct {
	nodes []node
	same  []int32 // by word: an equal word, or -1
}

type node struct {
	octet          byte
	child, sibling int32 // 0 for none
	word           int32 // that ends here, or -1
}

func newTrie(words []string) *trie {
	t := &trie{nodes: []node{{word: -1}}, same: make([]int32, len(words))}
	for i, w := range words {
		n := int32(0)
		for j := 0; j < len(w); j++ {
			n = t.step(n, w[j])
		}
		t.same[i] = t.nodes[n].word
		t.nodes[n].word = int32(i)
	}
	return t
}

// step returns the child of n by that octet, made where it is missing.
func (t *trie) step(n int32, octet byte) int32 {
	for child := t.nodes[n].child; child != 0; child = t.nodes[child].sibling {
		if t.nodes[child].octet == octet {
			return child
		}
	}
	child := int32(len(t.nodes))
	t.nodes = append(t.nodes, node{octet: octet, sibling: t.nodes[n].child, word: -1})
	t.nodes[n].child = child
	return child
}
