package store

import (
	"math"
	"slices"

	"gatepost/quarantine"
)

const (
	searchRows   = 16384 // how many rows one search reads before it says how far it came
	searchWindow = 2048  // how many it reads by one statement
	searchFew    = 500   // so many that an index has are all read
)

// A heldSearch is one page's. It goes back in time, and keeps what it found in from's order.
type heldSearch struct {
	tx    *Tx
	where where // what rows must fulfil, but their time
	path  path  // how rows of a time are read
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
	if paths := s.paths(q); q.State != "" && len(paths) > 0 {
		s.path = paths[0][0]
	}
	return s
}

func (s *heldSearch) run(q quarantine.Query) error {
	begin := s.to
	few, err := s.few(q)
	if few || err != nil {
		return err
	}
	if err := s.bound(); err != nil {
		return err
	}
	to := s.to
	last, err := lastBlock(s.tx)
	if err != nil {
		return err
	}
	if err := s.scan(max(s.from, last+1), to); err != nil {
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

// few answers the search by an index that has few rows for it, if there is one.
func (s *heldSearch) few(q quarantine.Query) (bool, error) {
	for _, each := range s.paths(q) {
		left := searchFew
		for _, p := range each {
			n, err := s.count(p, s.from, s.to, left+1)
			if err != nil {
				return false, err
			}
			if left -= n; left < 0 {
				break
			}
		}
		if left < 0 {
			continue
		}
		for _, p := range each {
			if err := s.read(p.terms+`time >= ? AND time < ?`, append(p.with(), s.from, s.to), s.limit); err != nil {
				return false, err
			}
		}
		s.sort()
		return true, nil
	}
	return false, nil
}

// bound takes the time for what the path has of it: all that expired may be long ago.
func (s *heldSearch) bound() error {
	if s.path.terms == "" {
		return nil
	}
	oldest, newest := s.from, s.to
	for _, end := range []struct {
		order string
		to    *int64
	}{{`ASC`, &oldest}, {`DESC`, &newest}} {
		err := s.tx.Row(`SELECT time FROM held WHERE `+s.path.terms+`time >= ? AND time < ? ORDER BY time `+end.order+`, id `+end.order+` LIMIT 1`, append(s.path.with(), s.from, s.to), end.to)
		if err != nil {
			return err
		}
	}
	s.from, s.to = oldest, newest+1
	return nil
}

// count is how many rows of a time a path has, if they are fewer than limit.
func (s *heldSearch) count(p path, from, to int64, limit int) (n int, err error) {
	err = s.tx.Row(`SELECT COUNT(*) FROM (SELECT 1 FROM held WHERE `+p.terms+`time >= ? AND time < ? LIMIT ?) h`, append(p.with(), from, to, limit), &n)
	return n, err
}

// read adds to the page what is found among the rows that are meant by which, limit at most.
func (s *heldSearch) read(which string, args []any, limit int) error {
	text, args := s.statement(which, args, limit)
	rows, err := heldRows(s.tx, text, args...)
	s.page = append(s.page, rows...)
	return err
}

// statement is what asks for the newest of the rows that are meant by which.
func (s *heldSearch) statement(which string, args []any, limit int) (string, []any) {
	text := `SELECT ` + heldColumns + ` FROM held WHERE ` + which
	for _, t := range s.where.terms {
		text += ` AND ` + t
	}
	args = append(slices.Clone(args), s.where.args...)
	if !s.after.Time.IsZero() {
		text += ` AND (time, id) < (?, ?)`
		args = append(args, toMicros(s.after.Time), s.after.ID)
	}
	return text + heldOrder, append(args, limit)
}

// scan reads all rows of a time, a window after the other, and none that is late.
func (s *heldSearch) scan(from, to int64) error {
	for s.to = to; s.to > from && len(s.page) < s.limit && !s.until; {
		begin := from
		err := s.tx.Row(`SELECT COALESCE((SELECT time FROM held WHERE `+s.path.terms+`time >= ? AND time < ? ORDER BY time DESC, id DESC LIMIT 1 OFFSET ?), ?)`,
			append(s.path.with(), from, s.to, searchWindow, from), &begin)
		if err != nil {
			return err
		}
		if err := s.window(span{begin, s.to, searchWindow}); err != nil {
			return err
		}
	}
	return nil
}

// window reads the rows of a span.
func (s *heldSearch) window(at span) error {
	if err := s.read(s.path.terms+inTime, append(s.path.with(), at.from, at.to), s.limit-len(s.page)); err != nil {
		return err
	}
	s.left -= at.rows
	s.to, s.until = at.from, s.left <= 0
	return nil
}

// late adds the rows that are late, from those before begin to how far the search came.
func (s *heldSearch) late(begin int64) error {
	if len(s.page) == s.limit {
		s.to = toMicros(s.page[s.limit-1].Time)
	}
	found := s.page
	s.page = nil
	if err := s.read(`late > 0 AND time >= ? AND time < ?`, []any{s.to, begin}, s.limit); err != nil {
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

// A path is terms, each with AND behind it, by which an index has rows in order of time.
type path struct {
	terms string
	args  []any
}

func (p path) with() []any { return slices.Clone(p.args) }

// paths are what indexes have of what q asks for, in each of the states that it means; the
// index that is likely to have the fewest comes first.
func (s *heldSearch) paths(q quarantine.Query) (all [][]path) {
	add := func(is bool, column string, value any) {
		if !is {
			return
		}
		var each []path
		for _, of := range inStates([]stream{{column: column, value: value}}, q.State) {
			each = append(each, path{column + ` = ? AND state = ? AND `, []any{value, of.state}})
		}
		all = append(all, each)
	}
	add(q.Sender != "" || q.NullOnly, "sender_fold", q.Sender.Fold())
	add(q.Recipient != "", "recipient_fold", q.Recipient.Fold())
	add(q.Box != 0, "box", q.Box)
	add(q.Domain != "", "domain", q.Domain)
	if q.State != "" {
		all = append(all, []path{{`state = ? AND `, []any{q.State}}})
	}
	return all
}

// inTime means the rows of a time that are not late.
const inTime = `time >= ? AND time < ? AND late = 0`

// sort brings the page in order, and leaves what belongs to it.
func (s *heldSearch) sort() {
	slices.SortFunc(s.page, func(a, b quarantine.Held) int { return newer(a.Cursor(), b.Cursor()) })
	s.page = s.page[:min(len(s.page), s.limit)]
}
