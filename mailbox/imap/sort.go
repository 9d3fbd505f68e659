package imap

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"gatepost/mailbox"
)

// SORT and THREAD (RFC 5256), and SORT by what is displayed (RFC 5957).
var sortCommands = []command{
	{name: "SORT", states: selected, run: (*conn).sort, numbered: true},
	{name: "UID SORT", states: selected, run: (*conn).sort},
	{name: "THREAD", states: selected, run: (*conn).thread, numbered: true},
	{name: "UID THREAD", states: selected, run: (*conn).thread},
}

// sortKeys are the names of keys.
var sortKeys = map[string]mailbox.SortKey{
	"ARRIVAL": mailbox.ByArrival, "CC": mailbox.ByCc, "DATE": mailbox.ByDate, "FROM": mailbox.ByFrom, "SIZE": mailbox.BySize,
	"SUBJECT": mailbox.BySubject, "TO": mailbox.ByTo, "DISPLAYFROM": mailbox.ByDisplayFrom, "DISPLAYTO": mailbox.ByDisplayTo,
}

// maxSortKeys bounds the keys of one SORT.
const maxSortKeys = 20

// sortOrder reads "(REVERSE DATE SUBJECT)".
func (r *request) sortOrder() (order []mailbox.SortOrder) {
	reverse := false
	r.list(func() {
		word := r.word()
		key, ok := sortKeys[word]
		switch {
		case word == "REVERSE" && !reverse:
			reverse = true
			return
		case !ok || len(order) == maxSortKeys:
			r.fail("Unknown sort key %s", word)
		}
		order = append(order, mailbox.SortOrder{Key: key, Reverse: reverse})
		reverse = false
	})
	if r.err == nil && (len(order) == 0 || reverse) {
		r.fail("A sort key is missing")
	}
	return order
}

// searchKeys reads a charset and search keys, and finds what fits them.
func (c *conn) searchKeys(ctx context.Context, r *request) (*searcher, error) {
	q := query{asked: r.asked(c.view)}
	r.space()
	r.charset()
	r.space()
	p := searchParser{parser: r.parser, view: c.view, query: &q, now: c.srv.now()}
	q.key = p.keys()
	if err := r.end(); err != nil {
		return nil, err
	}
	c.condstore = c.condstore || q.modseq
	s := &searcher{conn: c, query: q, uid: r.uid}
	return s, s.run(ctx)
}

// sortables reads what was found as keys see it: of its rows the part that these look at; with references, from the
// messages' headers too.
func (s *searcher) sortables(ctx context.Context, part mailbox.Part, references bool) (list []mailbox.Sortable, err error) {
	pages := sortPages{searcher: s, references: references, shelf: shelf{kinds: pagesOf(part &^ mailbox.Content)}}
	if references {
		pages.kinds = append(pages.kinds, fieldsPage)
	}
	n := firstHelping
	for spans := s.view.places(s.found); len(spans) > 0; {
		p, rest := s.view.cutPiece(spans)
		ok, err := pages.read(ctx, &p)
		if err != nil {
			return nil, err
		}
		if ok {
			list, spans = append(list, pages.list...), rest
			continue
		}
		var front []span
		front, spans = take(spans, int(n))
		rows, err := s.srv.Store.Messages(ctx, s.view.folder.ID, s.view.uids(front), part)
		if err != nil {
			return nil, err
		}
		n = n.next(rows)
		for i := range rows {
			if part.Has(mailbox.Envelope) {
				if err := s.prepare(ctx, &rows[i]); err != nil {
					s.unreadable(&rows[i], err)
					continue
				}
			}
			one := mailbox.SortableOf(&rows[i])
			if references {
				if err := s.references(ctx, &rows[i], &one); err != nil {
					s.unreadable(&rows[i], err)
				}
			}
			list = append(list, one)
		}
	}
	return list, nil
}

// sortPages reads what SORT and THREAD look at from pages.
type sortPages struct {
	*searcher
	shelf
	references bool
	list       []mailbox.Sortable // of the piece that was read last
}

// read reads what is wanted of a block; false where little is, or the block has no pages.
func (p *sortPages) read(ctx context.Context, of *piece) (bool, error) {
	if of.n < pagedAlone || len(p.kinds) == 0 || p.view.folder.Use == mailbox.Quarantine {
		return false, nil
	}
	if err := p.fill(ctx, p.conn, of.block, of.block); err != nil {
		return false, err
	}
	if !p.shelf.read(p.conn, of.block, of.span) {
		return false, nil
	}
	p.list = p.list[:0]
	for _, s := range of.spans {
		for i := s.first; i < s.end; i++ {
			l := &p.listed[i-of.first]
			one := mailbox.SortableOf(&l.Message)
			if p.references {
				one.ReadReferences(string(appendPicked(nil, l.fields, 1<<fieldNumbers["references"])))
			}
			p.list = append(p.list, one)
		}
	}
	return true, nil
}

// references reads the References of a message that replies to another.
func (s *searcher) references(ctx context.Context, row *mailbox.Message, one *mailbox.Sortable) error {
	m := candidate{row: row}
	if err := m.open(ctx, s.srv.Bodies, nil); err != nil {
		return err
	}
	defer m.close(nil)
	one.ReadReferences(strings.Join(m.message.Header().All("References"), " "))
	return m.message.Err()
}

// number writes a UID as the client counts.
func (s *searcher) number(b []byte, u mailbox.UID) []byte {
	if s.uid {
		return strconv.AppendUint(b, uint64(u), 10)
	}
	place, _ := s.view.find(u)
	return strconv.AppendInt(b, int64(place+1), 10)
}

// sort: RFC 5256 §3.
func (c *conn) sort(ctx context.Context, r *request) (reply, error) {
	r.space()
	order := r.sortOrder()
	s, err := c.searchKeys(ctx, r)
	if err != nil {
		return reply{}, err
	}
	var part mailbox.Part
	for _, o := range order {
		if o.Key != mailbox.ByArrival && o.Key != mailbox.BySize {
			part = mailbox.Envelope
		}
	}
	list, err := s.sortables(ctx, part, false)
	if err != nil {
		return reply{}, err
	}
	mailbox.Sort(list, order)
	c.out.text("* SORT")
	for _, m := range list {
		c.out.b = s.number(append(c.out.b, ' '), m.UID)
	}
	c.out.text("\r\n")
	return s.reply, nil
}

// thread: RFC 5256 §3.
func (c *conn) thread(ctx context.Context, r *request) (reply, error) {
	r.space()
	how := r.word()
	if r.err == nil && !slices.Contains([]string{"ORDEREDSUBJECT", "REFERENCES"}, how) {
		r.fail("Unknown threading algorithm %s", how)
	}
	s, err := c.searchKeys(ctx, r)
	if err != nil {
		return reply{}, err
	}
	part := mailbox.Envelope
	if how == "REFERENCES" {
		part |= mailbox.Content
	}
	list, err := s.sortables(ctx, part, how == "REFERENCES")
	if err != nil {
		return reply{}, err
	}
	var threads []*mailbox.Thread
	if how == "REFERENCES" {
		threads, err = mailbox.ReferenceThreads(ctx, list)
	} else {
		threads = mailbox.BySubjectThreads(list)
	}
	if err != nil {
		return reply{}, err
	}
	c.out.text("* THREAD")
	for i, t := range threads {
		if i == 0 {
			c.out.text(" ")
		}
		c.out.b = t.Append(c.out.b, s.number)
	}
	c.out.text("\r\n")
	return s.reply, nil
}
