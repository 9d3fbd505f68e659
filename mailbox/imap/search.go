package imap

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gatepost/mailbox"
)

var searchCommands = []command{
	{name: "SEARCH", states: selected, run: (*conn).search, numbered: true},
	{name: "UID SEARCH", states: selected, run: (*conn).search},
}

// A query is what a SEARCH asks for (RFC 9051 §6.4.4).
type query struct {
	key      key
	extended bool // RETURN was given, or IMAP4rev2 enabled: answer ESEARCH
	min, max bool
	count    bool
	all      bool
	save     bool
	modseq   bool   // MODSEQ is among the keys
	asked    string // by which words, where that is noted
}

// asked returns what is left of a command, where an archive is selected.
func (r *request) asked(v *view) string {
	if v.folder.Use != mailbox.Record {
		return ""
	}
	return r.name + strings.ToValidUTF8(string(r.b), "?")
}

func (c *conn) search(ctx context.Context, r *request) (reply, error) {
	q := query{extended: c.rev2, asked: r.asked(c.view)}
	r.space()
	if r.takeFold("RETURN (") {
		q.extended = true
		r.returnOptions(&q)
		r.space()
	}
	if !q.min && !q.max && !q.count && !q.save {
		q.all = true
	}
	if r.takeFold("CHARSET ") {
		if c.utf8 {
			r.fail("No CHARSET, since UTF8=ACCEPT is enabled") // RFC 6855 §3
		}
		r.charset()
		r.space()
	}
	p := searchParser{parser: r.parser, view: c.view, query: &q, now: c.srv.now()}
	q.key = p.keys()
	if err := r.end(); err != nil {
		if q.save && errors.As(err, new(refusal)) {
			c.view.saved = nil // RFC 9051 §6.4.4.1
		}
		return reply{}, err
	}
	c.condstore = c.condstore || q.modseq
	s := searcher{conn: c, query: q, uid: r.uid}
	if err := s.run(ctx); err != nil {
		if q.save {
			c.view.saved = nil // RFC 9051 §6.4.4.1
		}
		return reply{}, err
	}
	s.answer(r.tag)
	return s.reply, nil
}

func (r *request) returnOptions(q *query) {
	if r.take(')') { // RETURN () is ALL
		return
	}
	for r.err == nil {
		switch r.word() {
		case "MIN":
			q.min = true
		case "MAX":
			q.max = true
		case "COUNT":
			q.count = true
		case "ALL":
			q.all = true
		case "SAVE":
			q.save = true
		default:
			r.fail("Unknown RETURN option")
		}
		if r.take(')') {
			return
		}
		r.space()
	}
}

// charset takes those in which search strings can be (RFC 9051 §6.4.4).
func (r *request) charset() {
	switch strings.ToUpper(r.astring()) {
	case "UTF-8", "US-ASCII":
	default:
		if r.err == nil {
			r.err, r.b = no("BADCHARSET (UTF-8 US-ASCII)", "Use UTF-8"), nil
		}
	}
}

// A searcher answers one SEARCH.
type searcher struct {
	*conn
	query   query
	uid     bool
	shelf   shelf
	found   mailbox.UIDSet // UIDs
	highest mailbox.ModSeq
	reply   reply
}

// run looks at each message with what is in memory, and then at those that are
// still undecided with their rows, and then with their content.
func (s *searcher) run(ctx context.Context) error {
	v := s.view
	if err := s.audit(ctx, mailbox.ActSearch, "%s", s.query.asked); err != nil {
		return err
	}
	var undecided []int
	matched := make([]bool, v.told)
	known := candidate{part: memory}
	for i := range v.told {
		if v.entries[i].gone {
			continue
		}
		known.place, known.entry = i, v.entries[i]
		switch s.query.key.match(&known) {
		case yes:
			matched[i] = true
		case unknown:
			undecided = append(undecided, i)
		}
	}
	undecided, err := s.likely(ctx, undecided)
	if err != nil {
		return err
	}
	for len(undecided) > 0 {
		n := s.together(undecided)
		if err := s.look(ctx, undecided[:n], matched); err != nil {
			return err
		}
		undecided = undecided[n:]
	}
	for i, ok := range matched {
		if ok {
			s.found = s.found.Add(v.entries[i].uid)
		}
	}
	if s.query.modseq {
		return s.highestModSeq(ctx)
	}
	return nil
}

// fewPlaces are looked at without asking the index of texts.
const fewPlaces = 8

// likely leaves those of some messages that may be what is looked for, by the index of texts.
func (s *searcher) likely(ctx context.Context, places []int) ([]int, error) {
	q, ok := textOf(s.query.key)
	if !ok || len(places) <= fewPlaces {
		return places, nil
	}
	uids, ok, err := s.srv.Store.Likely(ctx, s.view.folder.ID, q)
	if !ok || err != nil {
		return places, err
	}
	slices.Sort(uids)
	left := places[:0]
	for _, i := range places {
		if _, found := slices.BinarySearch(uids, s.view.entries[i].uid); found {
			left = append(left, i)
		}
	}
	return left, nil
}

// searchBatch is how many messages are looked through, if not those of one block, before others
// have their turn (see searchGate).
const searchBatch = 32

// together returns how many of the messages at places, which are in order, are looked at next: those of one block, if they are
// worth its page, or else up to where such a block begins.
func (s *searcher) together(places []int) int {
	n, begin := 0, 0
	for n < len(places) && n < searchBatch {
		block := mailbox.BlockOf(s.view.entries[places[n]].uid)
		for begin = n; n < len(places) && mailbox.BlockOf(s.view.entries[places[n]].uid) == block; n++ {
		}
		switch {
		case n-begin >= pagedAlone && begin == 0:
			return n
		case n-begin >= pagedAlone:
			return begin
		}
	}
	return n
}

// rows reads the rows of messages, from pages where these have what the query needs.
func (s *searcher) rows(ctx context.Context, places []int) ([]mailbox.Message, error) {
	needs := s.query.key.needs()
	if s.shelf.kinds == nil {
		s.shelf.kinds = pagesOf(needs)
	}
	if len(places) >= pagedAlone && len(s.shelf.kinds) > 0 && s.view.folder.Use != mailbox.Quarantine {
		rows, ok, err := s.paged(ctx, places)
		if ok || err != nil {
			return rows, err
		}
	}
	var set mailbox.UIDSet
	for _, i := range places {
		set = set.Add(s.view.entries[i].uid)
	}
	return s.srv.Store.Messages(ctx, s.view.folder.ID, set, needs)
}

// paged reads what pages have of messages; false where they are not of one block, or it has no page.
func (s *searcher) paged(ctx context.Context, places []int) (rows []mailbox.Message, ok bool, err error) {
	block := mailbox.BlockOf(s.view.entries[places[0]].uid)
	if mailbox.BlockOf(s.view.entries[places[len(places)-1]].uid) != block {
		return nil, false, nil
	}
	if err := s.shelf.fill(ctx, s.conn, block, block); err != nil {
		return nil, false, err
	}
	all := s.view.block(block)
	if !s.shelf.read(s.conn, block, all) {
		return nil, false, nil
	}
	for _, i := range places {
		rows = append(rows, s.shelf.listed[i-all.first].Message)
	}
	return rows, true, nil
}

// look reads the rows of some messages and, where it must, their content.
func (s *searcher) look(ctx context.Context, places []int, matched []bool) error {
	leave, err := s.srv.searches.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	rows, err := s.rows(ctx, places)
	if err != nil {
		return err
	}
	errs := make([]error, len(rows))
	one := func(k int) {
		i, _ := s.view.find(rows[k].UID)
		matched[i], errs[k] = s.examine(ctx, i, &rows[k])
	}
	if s.query.key.needs().Has(mailbox.Content) {
		s.srv.searches.share(len(rows), one)
	} else {
		for k := range rows {
			one(k)
		}
	}
	for k, err := range errs {
		if err != nil {
			s.unreadable(&rows[k], err)
		}
	}
	return nil
}

// examine looks at one message with its row and, where it must, its content. It may run beside
// itself.
func (s *searcher) examine(ctx context.Context, place int, m *mailbox.Message) (matches bool, err error) {
	if s.query.key.needs().Has(mailbox.Envelope) {
		if err := s.prepare(ctx, m); err != nil {
			return false, err
		}
	}
	c := candidate{place: place, entry: s.view.entries[place], part: row, row: m}
	result := s.query.key.match(&c)
	if result == unknown {
		wholes := &s.srv.searches.wholes
		if err := c.open(ctx, s.srv.Bodies, wholes); err != nil {
			return false, err
		}
		defer c.close(wholes)
		result = s.query.key.match(&c)
	}
	return result == yes, nil
}

func (s *searcher) unreadable(m *mailbox.Message, err error) {
	s.log.Error("message can't be searched", "folder", s.view.folder.Name, "uid", m.UID, "error", err)
	s.reply = reply{"NO", "SERVERBUG", "Some messages could not be read, it was logged"}
}

// highestModSeq finds the highest MODSEQ of what was found (RFC 7162 §3.1.5).
func (s *searcher) highestModSeq(ctx context.Context) error {
	for spans := s.view.places(s.found); len(spans) > 0; {
		var front []span
		front, spans = take(spans, batch)
		rows, err := s.srv.Store.Messages(ctx, s.view.folder.ID, s.view.uids(front), mailbox.Marks)
		if err != nil {
			return err
		}
		for _, m := range rows {
			s.highest = max(s.highest, m.ModSeq)
		}
	}
	return nil
}

// answer appends SEARCH or ESEARCH (RFC 9051 §7.3.4, RFC 3501 §7.2.5).
func (s *searcher) answer(tag string) {
	numbers := s.found
	if !s.uid {
		numbers = s.view.sequence(s.found)
	}
	q := s.query
	if q.save {
		s.view.saved = s.toSave()
		if !q.min && !q.max && !q.count && !q.all {
			return
		}
	}
	if !q.extended {
		s.plain(numbers)
		return
	}
	o := &s.out
	o.text("* ESEARCH (TAG ")
	o.quoted(tag)
	o.text(")")
	if s.uid {
		o.text(" UID")
	}
	if n := len(numbers); n > 0 {
		if q.min {
			o.text(" MIN ", strconv.FormatUint(uint64(numbers[0].First), 10))
		}
		if q.max {
			o.text(" MAX ", strconv.FormatUint(uint64(numbers[n-1].Last), 10))
		}
		if q.all {
			o.text(" ALL ")
			o.b = numbers.Append(o.b)
		}
	}
	if q.count {
		o.text(" COUNT ", strconv.FormatInt(numbers.Count(), 10))
	}
	s.appendModSeq(" MODSEQ ", "")
	o.text("\r\n")
}

// toSave is what "$" stands for afterwards: with MIN or MAX alone only these
// (RFC 9051 §6.4.4.4).
func (s *searcher) toSave() mailbox.UIDSet {
	q, n := s.query, len(s.found)
	if n == 0 || q.all || q.count || !q.min && !q.max {
		return s.found
	}
	low, high := s.found[0].First, s.found[n-1].Last
	switch {
	case !q.max || low == high:
		return mailbox.UIDSet{{First: low, Last: low}}
	case !q.min:
		return mailbox.UIDSet{{First: high, Last: high}}
	}
	return mailbox.UIDSet{{First: low, Last: low}, {First: high, Last: high}}
}

func (s *searcher) plain(numbers mailbox.UIDSet) {
	s.out.text("* SEARCH")
	for _, r := range numbers {
		for n := uint64(r.First); n <= uint64(r.Last); n++ {
			s.out.b = strconv.AppendUint(append(s.out.b, ' '), n, 10)
		}
	}
	s.appendModSeq(" (MODSEQ ", ")")
	s.out.text("\r\n")
}

func (s *searcher) appendModSeq(before, after string) {
	if s.query.modseq && len(s.found) > 0 {
		s.out.text(before, strconv.FormatInt(int64(s.highest), 10), after)
	}
}
