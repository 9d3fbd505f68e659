package store

import (
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A candidate is a block with the slots that may have what is looked for; nil: all.
type candidate struct {
	id, first, last int64
	level           int
	size            int // groups
	slots           slotSet
	applied         int // how many grams the slots have
	left            int // slots, where any gram was applied
}

// A want is grams of which a row must have one.
type want struct {
	either []gram
	slots  int // that had it,
	groups int // of so many
}

// blocks looks through the blocks, the newest first, and through more at a time the
// further it comes. The first ones tell which grams are rare.
func (s *heldSearch) blocks(wanted [][]gram) error {
	all, err := s.candidates()
	if err != nil {
		return err
	}
	var wants []*want
	for _, either := range wanted {
		wants = append(wants, &want{either: either})
	}
	for n := 4; len(all) > 0 && s.more(); n *= 4 {
		some := all[:min(n, len(all))]
		all = all[len(some):]
		some, err := s.thin(some, wants)
		if err != nil {
			return err
		}
		for _, c := range some {
			if err := s.block(c); err != nil || !s.more() {
				return err
			}
		}
		slices.SortStableFunc(wants, rarer)
	}
	if s.more() {
		s.to = s.from
	}
	return nil
}

// rarer orders wants by what is known of them: those that were not looked at come last.
func rarer(a, b *want) int {
	if a.groups == 0 || b.groups == 0 {
		return min(b.groups, 1) - min(a.groups, 1)
	}
	return a.slots*b.groups - b.slots*a.groups
}

func (s *heldSearch) candidates() (list []*candidate, err error) {
	rows, err := s.tx.Query(`SELECT id, first, last, level, size FROM held_block WHERE last >= ? AND first < ? ORDER BY last DESC`, s.from, s.to)
	err = each(rows, err, func(rows *sql.Rows) error {
		c := &candidate{}
		err := rows.Scan(&c.id, &c.first, &c.last, &c.level, &c.size)
		list = append(list, c)
		return err
	})
	return list, err
}

// Where enough grams were applied and hardly a slot is left, that is what is looked for, most
// likely: it is read, and no gram more.
const (
	enoughGrams = 4
	hardlySlots = 2
)

// thin leaves the blocks that may have what is wanted, and their slots.
func (s *heldSearch) thin(list []*candidate, wants []*want) ([]*candidate, error) {
	list = slices.Clone(list)
	for _, w := range wants {
		open := slices.DeleteFunc(slices.Clone(list), (*candidate).likely)
		if len(open) == 0 {
			break
		}
		have := map[int64]slotSet{}
		for _, g := range w.either {
			if err := s.have(g, open, have); err != nil {
				return nil, err
			}
		}
		for _, c := range open {
			set := have[c.id]
			n := set.count()
			w.groups += c.size
			w.slots += n
			c.apply(set, n)
		}
		list = slices.DeleteFunc(list, func(c *candidate) bool { return c.applied > 0 && c.left == 0 })
	}
	return list, nil
}

// likely reports whether what is left is what is looked for.
func (c *candidate) likely() bool { return c.applied >= enoughGrams && c.left <= hardlySlots }

// apply leaves the slots that are in set, too, which has n.
func (c *candidate) apply(set slotSet, n int) {
	c.applied++
	switch {
	case set == nil:
		c.slots, c.left = nil, 0
	case c.applied == 1:
		c.slots, c.left = set, n
	default:
		c.left = c.slots.and(set)
	}
}

// someBlocks is how many blocks' buckets are read by one statement.
const someBlocks = 16

// have adds the slots that have a gram.
func (s *heldSearch) have(g gram, list []*candidate, have map[int64]slotSet) error {
	byLevel := map[int][]int64{}
	sizes := map[int64]int{}
	for _, c := range list {
		byLevel[c.level] = append(byLevel[c.level], c.id)
		sizes[c.id] = c.size
	}
	for level, ids := range byLevel {
		number := g.place() >> (32 - bucketBits(level))
		for some := range slices.Chunk(ids, someBlocks) {
			args := []any{number}
			for i := range someBlocks {
				args = append(args, some[min(i, len(some)-1)])
			}
			rows, err := s.tx.Query(`SELECT block, grams FROM held_gram WHERE bucket = ? AND block IN (`+marks(someBlocks)+`)`, args...)
			err = each(rows, err, func(rows *sql.Rows) error { return addSlots(rows, g, sizes, have) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func addSlots(rows *sql.Rows, g gram, sizes map[int64]int, have map[int64]slotSet) error {
	var id int64
	var bucket sql.RawBytes
	if err := rows.Scan(&id, &bucket); err != nil {
		return err
	}
	set, err := slotsOf(bucket, g, sizes[id])
	switch {
	case err != nil:
		return fmt.Errorf("block %d: %w", id, err)
	case set == nil:
	case have[id] == nil:
		have[id] = set
	default:
		have[id].or(set)
	}
	return nil
}

// A span is a stretch of time with about so many rows.
type span struct {
	from, to int64
	rows     int
}

// Neighbours are read as one span, up to a window's rows. Lone groups are read some by one
// statement: a statement costs more than a group.
const someSpans = 8

// block reads the groups of a block that are left, the newest first; or all its rows by the
// path, where those are fewer.
func (s *heldSearch) block(c *candidate) error {
	from, to := max(c.first, s.from), min(c.last+1, s.to)
	if from >= to {
		return nil
	}
	groups := c.size
	if c.slots != nil {
		groups = c.slots.groups()
	}
	if most := groups * 2; s.path.terms != "" && groups > 4*someSpans {
		n, err := s.count(s.path, from, to, most)
		if err != nil {
			return err
		}
		if n < most {
			return s.window(span{from, to, n + 1})
		}
	}
	marks, err := s.marks(c)
	if err != nil {
		return err
	}
	var lone []span
	for _, at := range c.spans(marks) {
		if at.from, at.to = max(at.from, s.from), min(at.to, s.to); at.from >= at.to {
			continue
		}
		wide := at.rows > searchWindow/4
		if len(lone) == someSpans || wide && len(lone) > 0 {
			if err := s.spans(lone); err != nil || !s.more() {
				return err
			}
			lone = nil
		}
		if !wide {
			lone = append(lone, at)
			continue
		}
		if err := s.window(at); err != nil || !s.more() {
			return err
		}
	}
	return s.spans(lone)
}

// marks is where each group begins that is left, and where the one after it does.
func (s *heldSearch) marks(c *candidate) ([]int64, error) {
	first, last := 0, (c.size-1)/partGroups
	if c.slots != nil {
		left := func(b byte) bool { return b != 0 }
		first = slices.IndexFunc(c.slots, left) / partGroups
		for last > first && !slices.ContainsFunc(c.slots[last*partGroups:min((last+1)*partGroups, c.size)], left) {
			last--
		}
	}
	marks := make([]int64, c.size+1)
	marks[c.size] = c.last + 1
	rows, err := s.tx.Query(`SELECT part, marks FROM held_mark WHERE block = ? AND part >= ? AND part <= ?`, c.id, first, last)
	n := 0
	err = each(rows, err, func(rows *sql.Rows) error {
		var part int
		var text sql.RawBytes
		if err := rows.Scan(&part, &text); err != nil {
			return err
		}
		list, err := decodeMarks(text)
		if from := part * partGroups; err == nil && from >= 0 && len(list) == min(partGroups+1, c.size-from) {
			copy(marks[from:], list)
			n++
			return nil
		}
		return fmt.Errorf("marks: %w", errGrams)
	})
	if err == nil && n != last-first+1 {
		err = errGrams
	}
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", c.id, err)
	}
	return marks, nil
}

// spans are the groups that are left, the newest first.
func (c *candidate) spans(marks []int64) (list []span) {
	for g := c.size - 1; g >= 0; g-- {
		if c.slots != nil && !c.slots.has(g) {
			continue
		}
		if n := len(list); n > 0 && list[n-1].from == marks[g+1] && list[n-1].rows < searchWindow {
			list[n-1].from = marks[g]
			list[n-1].rows += groupRows
		} else {
			list = append(list, span{marks[g], marks[g+1], groupRows})
		}
	}
	return list
}

// spans reads some spans by one statement. It is a union, each part of which goes by the
// index of times: of a join with the spans PostgreSQL would make a walk through all rows.
func (s *heldSearch) spans(list []span) error {
	switch n := len(list); n {
	case 0:
		return nil
	case 1:
		return s.window(list[0])
	}
	var parts []string
	var args []any
	for i := range someSpans {
		at := span{from: math.MaxInt64} // none: the text is the same for fewer
		if i < len(list) {
			at = list[i]
			s.left -= at.rows
		}
		text, of := s.statement(s.path.terms+inTime, append(s.path.with(), at.from, at.to), s.limit-len(s.page))
		parts, args = append(parts, `SELECT * FROM (`+text+`) s`), append(args, of...)
	}
	rows, err := heldRows(s.tx, strings.Join(parts, ` UNION ALL `), args...)
	if err != nil {
		return err
	}
	s.page = append(s.page, rows...)
	s.sort()
	s.to, s.until = list[len(list)-1].from, s.left <= 0
	return nil
}
