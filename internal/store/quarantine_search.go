package store

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gatepost/quarantine"
)

const (
	searchRows   = 16384 // how many rows one search reads before it says how far it came
	searchWindow = 2048  // how many it reads by one statement
)

// A heldSearch is one page's. It goes back in time, and keeps what it found in from's order.
type heldSearch struct {
	tx    *Tx
	where where // what rows must fulfil, but their time
	page  []quarantine.Held
	limit int
	left  int   // rows that may be read yet
	from  int64 // looked for from this time
	to    int64 // to before this; what is not older was looked at
	after quarantine.Cursor
	until bool // it stopped with to as far as it came
}

// searchHeld answers what no index answers by itself; see quarantine_block.go.
func searchHeld(tx *Tx, q quarantine.Query, limit int) (quarantine.Page, error) {
	s := newHeldSearch(tx, q, limit)
	if err := s.run(q); err != nil {
		return quarantine.Page{}, err
	}
	return s.result(), nil
}

func newHeldSearch(tx *Tx, q quarantine.Query, limit int) *heldSearch {
	s := &heldSearch{tx: tx, limit: limit, left: searchRows, from: math.MinInt64, to: math.MaxInt64, after: q.After}
	if !q.Since.IsZero() {
		s.from = toMicros(q.Since)
	}
	if !q.Until.IsZero() {
		s.to = toMicros(q.Until)
	}
	if !q.After.Time.IsZero() {
		s.to = min(s.to, toMicros(q.After.Time)+1)
	}
	s.where = heldWhere(q, true)
	return s
}

func (s *heldSearch) run(q quarantine.Query) error {
	if q.State != "" {
		if few, err := s.inState(q.State); few || err != nil {
			return err
		}
	}
	begin, from, to := s.to, s.from, s.to
	last, err := lastBlock(s.tx)
	if err != nil {
		return err
	}
	if err := s.scan(max(from, last+1), to); err != nil {
		return err
	}
	if s.more() {
		if err := s.blocks(wantedGrams(q)); err != nil {
			return err
		}
	}
	return s.late(begin)
}

// more reports whether there is anything left to do.
func (s *heldSearch) more() bool { return len(s.page) < s.limit && !s.until && s.from < s.to }

// inState takes the time for what there is in a state. Where that is little it is read,
// and few is true.
func (s *heldSearch) inState(state quarantine.State) (few bool, err error) {
	var n int
	args := []any{state, s.from, s.to}
	err = s.tx.Row(`SELECT COUNT(*) FROM (SELECT 1 FROM held WHERE state = ? AND time >= ? AND time < ? ORDER BY time DESC, id DESC LIMIT ?) h`, append(args, searchWindow+1), &n)
	if err != nil {
		return false, err
	}
	if n <= searchWindow {
		return true, s.read(`state = ? AND time >= ? AND time < ?`, args)
	}
	var oldest, newest int64
	for _, end := range []struct {
		order string
		to    *int64
	}{{`ASC`, &oldest}, {`DESC`, &newest}} {
		if err := s.tx.Row(`SELECT time FROM held WHERE state = ? AND time >= ? AND time < ? ORDER BY time `+end.order+` LIMIT 1`, args, end.to); err != nil {
			return false, err
		}
	}
	s.from, s.to = oldest, newest+1
	return false, nil
}

// read adds to the page what is found among the rows that are meant by which.
func (s *heldSearch) read(which string, args []any) error {
	text, args := s.statement(which, args)
	return s.add(text, args)
}

// statement is what asks for the newest of the rows that are meant by which.
func (s *heldSearch) statement(which string, args []any) (string, []any) {
	text := `SELECT ` + heldColumns + ` FROM held WHERE ` + which
	for _, t := range s.where.terms {
		text += ` AND ` + t
	}
	args = append(slices.Clone(args), s.where.args...)
	if !s.after.Time.IsZero() {
		text += ` AND (time, id) < (?, ?)`
		args = append(args, toMicros(s.after.Time), s.after.ID)
	}
	return text + heldOrder, append(args, s.limit-len(s.page))
}

func (s *heldSearch) add(text string, args []any) error {
	rows, err := heldRows(s.tx, text, args...)
	s.page = append(s.page, rows...)
	return err
}

// scan reads all rows of a time, a window after the other, and none that is late.
func (s *heldSearch) scan(from, to int64) error {
	for s.to = to; s.to > from && len(s.page) < s.limit && !s.until; {
		begin := from
		err := s.tx.Row(`SELECT COALESCE((SELECT time FROM held WHERE time >= ? AND time < ? ORDER BY time DESC, id DESC LIMIT 1 OFFSET ?), ?)`,
			[]any{from, s.to, searchWindow, from}, &begin)
		if err != nil {
			return err
		}
		if err := s.window(begin, s.to, searchWindow); err != nil {
			return err
		}
	}
	return nil
}

// window reads the rows of a time, of which there are about n.
func (s *heldSearch) window(from, to int64, n int) error {
	if err := s.read(inTime, []any{from, to}); err != nil {
		return err
	}
	s.left -= n
	s.to, s.until = from, s.left <= 0
	return nil
}

// late adds the rows that are late, from those before begin to how far the search came.
func (s *heldSearch) late(begin int64) error {
	if len(s.page) == s.limit {
		s.to = toMicros(s.page[s.limit-1].Time)
	}
	found := s.page
	s.page = nil
	if err := s.read(`late > 0 AND time >= ? AND time < ?`, []any{s.to, begin}); err != nil {
		return err
	}
	s.page = append(s.page, found...)
	s.sort()
	return nil
}

func (s *heldSearch) result() quarantine.Page {
	p := quarantine.Page{Rows: s.page}
	switch n := len(s.page); {
	case n == s.limit:
		p.More, p.Next = true, s.page[n-1].Cursor()
	case s.until && s.to > s.from:
		p.More, p.Until = true, fromMicros(s.to)
		p.Next = quarantine.Cursor{Time: p.Until}
	}
	return p
}

// A candidate is a block with the groups that may have what is looked for; nil: all.
type candidate struct {
	id, first, last int64
	size            int // groups
	groups          groupSet
}

// blocks looks through the blocks, the newest first, and through more at a time the
// further it comes.
func (s *heldSearch) blocks(wanted [][]gram) error {
	all, err := s.candidates()
	if err != nil {
		return err
	}
	for n := 4; len(all) > 0 && s.more(); n *= 4 {
		some := all[:min(n, len(all))]
		all = all[len(some):]
		some, err := s.thin(some, wanted)
		if err != nil {
			return err
		}
		for _, c := range some {
			if err := s.block(c); err != nil || !s.more() {
				return err
			}
		}
	}
	if s.more() {
		s.to = s.from
	}
	return nil
}

func (s *heldSearch) candidates() (list []*candidate, err error) {
	rows, err := s.tx.Query(`SELECT id, first, last, size FROM held_block WHERE last >= ? AND first < ? ORDER BY last DESC`, s.from, s.to)
	err = each(rows, err, func(rows *sql.Rows) error {
		c := &candidate{}
		err := rows.Scan(&c.id, &c.first, &c.last, &c.size)
		list = append(list, c)
		return err
	})
	return list, err
}

// thin leaves the blocks that may have what is wanted, and their groups.
func (s *heldSearch) thin(list []*candidate, wanted [][]gram) ([]*candidate, error) {
	for _, either := range wanted {
		if len(list) == 0 {
			break
		}
		have := map[int64]groupSet{}
		for _, g := range either {
			if err := s.have(g, list, have); err != nil {
				return nil, err
			}
		}
		list = slices.DeleteFunc(slices.Clone(list), func(c *candidate) bool {
			set, ok := have[c.id]
			switch {
			case !ok:
				return true
			case c.groups == nil:
				c.groups = set
			default:
				c.groups.and(set)
			}
			return c.groups.empty()
		})
	}
	return list, nil
}

// have adds the groups that have a gram.
func (s *heldSearch) have(g gram, list []*candidate, have map[int64]groupSet) error {
	low, high := list[0].id, list[0].id
	sizes := map[int64]int{}
	for _, c := range list {
		low, high = min(low, c.id), max(high, c.id)
		sizes[c.id] = c.size
	}
	rows, err := s.tx.Query(`SELECT block, grams FROM held_gram WHERE bucket = ? AND block >= ? AND block <= ?`, g.bucket(), low, high)
	return each(rows, err, func(rows *sql.Rows) error {
		var id int64
		var bucket sql.RawBytes
		if err := rows.Scan(&id, &bucket); err != nil || sizes[id] == 0 {
			return err
		}
		set, err := groupsOf(bucket, g, sizes[id])
		if set.empty() {
			return err
		}
		if have[id] == nil {
			have[id] = set
		} else {
			have[id].or(set)
		}
		return err
	})
}

// A span is a stretch of time with about so many rows.
type span struct {
	from, to int64
	rows     int
}

// Neighbours are read as one span, up to a window's rows. Lone groups are read some by one
// statement: a statement costs more than a group.
const someSpans = 8

// block reads the groups of a block that are left, the newest first.
func (s *heldSearch) block(c *candidate) error {
	var marked []byte
	if err := s.tx.Row(`SELECT marks FROM held_block WHERE id = ?`, []any{c.id}, &marked); err != nil {
		return fmt.Errorf("block %d: %w", c.id, err)
	}
	marks, err := decodeMarks(marked)
	if err != nil || len(marks) != c.size {
		return fmt.Errorf("block %d: %w", c.id, errors.Join(err, errGrams))
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
		if err := s.window(at.from, at.to, at.rows); err != nil || !s.more() {
			return err
		}
	}
	return s.spans(lone)
}

// spans are the groups that are left, the newest first.
func (c *candidate) spans(marks []int64) (list []span) {
	end := c.last + 1
	for g := len(marks) - 1; g >= 0; g-- {
		if c.groups == nil || c.groups.has(g) {
			n := len(list)
			if n > 0 && list[n-1].from == end && list[n-1].rows < searchWindow {
				list[n-1].from = marks[g]
				list[n-1].rows += groupRows
			} else {
				list = append(list, span{marks[g], end, groupRows})
			}
		}
		end = marks[g]
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
		return s.window(list[0].from, list[0].to, list[0].rows)
	}
	var parts []string
	var args []any
	for i := range someSpans {
		at := span{} // none: the text is the same for fewer
		if i < len(list) {
			at = list[i]
			s.left -= at.rows
		}
		text, of := s.statement(inTime, []any{at.from, at.to})
		parts, args = append(parts, `SELECT * FROM (`+text+`) s`), append(args, of...)
	}
	if err := s.add(strings.Join(parts, ` UNION ALL `), args); err != nil {
		return err
	}
	s.sort()
	s.to, s.until = list[len(list)-1].from, s.left <= 0
	return nil
}

// inTime means the rows of a time that are not late.
const inTime = `time >= ? AND time < ? AND late = 0`

// sort brings the page in order, and leaves what belongs to it.
func (s *heldSearch) sort() {
	slices.SortFunc(s.page, func(a, b quarantine.Held) int { return newer(a.Cursor(), b.Cursor()) })
	s.page = s.page[:min(len(s.page), s.limit)]
}
