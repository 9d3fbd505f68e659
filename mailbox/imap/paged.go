package imap

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// FETCH of what lists of messages show is answered by pages (mailbox.Page), and where contents are asked for too, they say
// where these are. Where a block has none, its messages are read one by one; and where the client wants all of the block,
// its page is made of them. Most blocks have theirs before anybody asks (PageMaker).

const (
	pagesAtOnce = 8 // blocks whose pages are read at once
	pagedAlone  = 8 // messages of a block that are worth reading its page for
)

// pageKinds returns the kinds of pages that have all that is asked for, none where there are no such, and the fields
// of each section.
func (it *fetchItems) pageKinds() (kinds []mailbox.PageKind, sets []fieldSet) {
	if it.modseq || it.preview || it.setsSeen() {
		return nil, nil
	}
	if it.envelope {
		kinds = append(kinds, envelopePage)
	}
	if it.body || it.structure {
		kinds = append(kinds, structurePage)
	}
	var all fieldSet
	content := false
	for _, s := range it.sections {
		set, known := knownSet(s.fields)
		content = content || s.kind != headerFields || len(s.path) > 0 || !known
		sets, all = append(sets, set), all|set
	}
	switch {
	case content:
		return append(kinds, placePage), nil
	case all&signedFields != 0:
		kinds = append(kinds, signedPage)
	case all != 0:
		kinds = append(kinds, fieldsPage)
	}
	return kinds, sets
}

// pagesOf returns the kinds of pages that have all of some parts of messages; none where there are no such.
func pagesOf(part mailbox.Part) (kinds []mailbox.PageKind) {
	for _, p := range [...]struct {
		part mailbox.Part
		kind mailbox.PageKind
	}{{mailbox.Envelope, envelopePage}, {mailbox.Structure, structurePage}, {mailbox.Content, placePage}} {
		if part.Has(p.part) {
			kinds = append(kinds, p.kind)
		}
		part &^= p.part
	}
	switch {
	case part&^mailbox.Origin != 0:
		return nil
	case kinds == nil:
		return []mailbox.PageKind{placePage} // the smallest: all have dates and sizes
	}
	return kinds
}

// A pagedFetch is a fetcher that reads and makes pages.
type pagedFetch struct {
	*fetcher
	shelf
	sets   []fieldSet     // of each section; none where contents are read
	fields []byte         // of the section that is told
	made   []mailbox.Page // to be kept
	deaf   bool           // the store keeps none
}

// A shelf has some pages of the selected folder.
type shelf struct {
	kinds   []mailbox.PageKind
	pages   [][]mailbox.Page // of each kind, those that were read last
	buffers [][]byte         // of each kind, for the page that is read
	listed  []listed         // of the block that is at hand
}

// A listed is a message with what pages have of it.
type listed struct {
	mailbox.Message
	fields []byte // see picked
	place  []byte // see appendPlace
}

// text is what the pages of a kind have of a message.
func (l *listed) text(kind mailbox.PageKind) *[]byte {
	switch kind {
	case envelopePage:
		return &l.Envelope
	case structurePage:
		return &l.BodyStructure
	case placePage:
		return &l.place
	}
	return &l.fields
}

// A piece is what a client wants of one block.
type piece struct {
	block uint32
	span         // places in the view that may be more than are wanted, if not all
	spans []span // those that are wanted
	n     int
}

// all reports whether all of the block is wanted.
func (p *piece) all() bool { return p.n == p.end-p.first }

// cutPiece cuts what is of one block off the front of spans.
func (v *view) cutPiece(spans []span) (p piece, rest []span) {
	p.block = mailbox.BlockOf(v.entries[spans[0].first].uid)
	p.span = v.block(p.block)
	for len(spans) > 0 && spans[0].first < p.end {
		s := spans[0]
		if spans = spans[1:]; s.end > p.end {
			spans = append([]span{{p.end, s.end}}, spans...)
			s.end = p.end
		}
		p.spans = append(p.spans, s)
		p.n += s.end - s.first
	}
	return p, spans
}

// block returns the places of a block's messages.
func (v *view) block(block uint32) (s span) {
	first := mailbox.UID(block) * mailbox.PageUIDs
	s.first, _ = v.find(first)
	s.end, _ = v.find(first + mailbox.PageUIDs)
	return s
}

// run answers for spans.
func (f *pagedFetch) run(ctx context.Context, spans []span) error {
	for len(spans) > 0 {
		var pieces []piece
		var loose []span // of blocks of which little is wanted
		pieces, loose, spans = f.cutPieces(spans)
		if len(loose) > 0 {
			if err := f.plain(ctx, mergeSpans(loose)); err != nil {
				return err
			}
		}
		if len(pieces) > 0 {
			if err := f.some(ctx, pieces); err != nil {
				return err
			}
		}
	}
	return nil
}

// cutPieces cuts some pieces off the front of spans, whose blocks are not far from each other, or else what is of blocks
// that are not worth a page.
func (f *pagedFetch) cutPieces(spans []span) (pieces []piece, loose, rest []span) {
	for n := 0; len(spans) > 0 && len(pieces) < pagesAtOnce && n < batch; {
		p, rest := f.view.cutPiece(spans)
		few := !p.all() && p.n < pagedAlone
		switch {
		case few && len(pieces) == 0:
			loose = append(loose, p.spans...)
			n += p.n
		case few || len(loose) > 0 || len(pieces) > 0 && p.block-pieces[0].block > 2*pagesAtOnce:
			return pieces, loose, spans
		default:
			pieces = append(pieces, p)
		}
		spans = rest
	}
	return pieces, loose, spans
}

// some answers for pieces that are not far from each other.
func (f *pagedFetch) some(ctx context.Context, pieces []piece) error {
	if err := f.fill(ctx, f.conn, pieces[0].block, pieces[len(pieces)-1].block); err != nil {
		return err
	}
	for i := range pieces {
		p := &pieces[i]
		if !f.read(f.conn, p.block, p.span) {
			if err := f.readRows(ctx, p); err != nil {
				return err
			}
		}
		if err := f.tell(ctx, p); err != nil {
			return err
		}
	}
	f.keep(ctx)
	return nil
}

// fill gets the pages of blocks from first to last, as many as there are.
func (h *shelf) fill(ctx context.Context, c *conn, first, last uint32) error {
	h.pages = h.pages[:0]
	for _, kind := range h.kinds {
		pages, err := c.srv.Store.Pages(ctx, c.view.folder.ID, kind, first, last)
		if err != nil {
			return err
		}
		h.pages = append(h.pages, pages)
	}
	if h.buffers == nil {
		h.buffers = make([][]byte, len(h.kinds))
	}
	return nil
}

// read reads a block, whose messages have these places in the view, from its pages, or returns false: one is not there, or
// tells of a message that is gone since, which a node of a release without pages does not mind.
func (h *shelf) read(c *conn, block uint32, places span) bool {
	n := places.end - places.first
	h.listed = append(h.listed[:0], make([]listed, n)...)
	for k, kind := range h.kinds {
		at, ok := slices.BinarySearchFunc(h.pages[k], block, func(page mailbox.Page, block uint32) int { return cmp.Compare(page.Block, block) })
		if !ok || h.pages[k][at].Messages != n {
			return false
		}
		r, err := readPage(h.pages[k][at], h.buffers[k])
		h.buffers[k] = r.left
		for i := 0; i < n && err == nil; i++ {
			l := &h.listed[i]
			*l.text(kind), err = r.next(&l.Message)
			if err == nil && kind == placePage {
				err = readPlace(&l.Message, l.place)
			}
			if err == nil && (l.UID != c.view.entries[places.first+i].uid || !arePicked(l.fields)) {
				err = errPage
			}
		}
		if err != nil {
			c.log.Error("page of messages made anew", "folder", c.view.folder.Name, "block", block, "kind", kind, "error", err)
			return false
		}
	}
	return true
}

// readRows reads a piece message by message, and makes the block's pages if all of it is there.
func (f *pagedFetch) readRows(ctx context.Context, p *piece) error {
	f.listed = f.listed[:0]
	part, _ := f.items.part()
	rows, err := f.srv.Store.Messages(ctx, f.view.folder.ID, f.view.uids(p.spans), part|mailbox.Origin)
	if err != nil {
		return err
	}
	for _, m := range rows {
		l := listed{Message: m}
		if err := f.readFields(ctx, &l); err != nil {
			f.unreadable(&m, err)
			continue
		}
		f.listed = append(f.listed, l)
	}
	if len(rows) < p.n {
		f.missing = true
	}
	// The last block gets more messages; its page would not be kept.
	next := max(f.view.folder.UIDNext, f.view.last()+1)
	if p.all() && len(f.listed) == p.n && mailbox.BlockOf(next) > p.block && !f.deaf {
		f.make()
	}
	return nil
}

// readFields reads the header's fields where they are asked for.
func (f *pagedFetch) readFields(ctx context.Context, l *listed) error {
	if len(f.sets) == 0 {
		return nil
	}
	set := ^fieldSet(signedFields)
	if slices.Contains(f.kinds, signedPage) {
		set = ^fieldSet(0)
	}
	return l.read(ctx, f.srv.Bodies, set)
}

// read reads fields of the message's header.
func (l *listed) read(ctx context.Context, bodies Bodies, set fieldSet) error {
	content, err := bodies.Open(ctx, blob.ID(l.Blob))
	if err != nil {
		return err
	}
	defer content.Close()
	m := l.View.Message(mail.NewSpooled(content, content.Size()))
	l.fields = picked(m.Header(), set)
	return m.Err()
}

// make makes the pages of the block that is at hand.
func (f *pagedFetch) make() {
	for _, kind := range f.kinds {
		if kind == placePage {
			findPlaces(f.listed)
		}
		if page, ok := writePage(kind, f.listed); ok {
			f.made = append(f.made, page)
		}
	}
}

// findPlaces has the places of messages whose rows were read.
func findPlaces(all []listed) {
	for i := range all {
		all[i].place = appendPlace(nil, &all[i].Message)
	}
}

// keep keeps the pages that were made. Without them all is as it was, only slower.
func (f *pagedFetch) keep(ctx context.Context) {
	if len(f.made) == 0 {
		return
	}
	if err := f.srv.Store.KeepPages(ctx, f.view.folder.ID, f.made); err != nil {
		f.deaf = true
		f.log.Error("pages of messages not kept", "folder", f.view.folder.Name, "error", err)
	}
	f.made = f.made[:0]
}

// tell appends the responses of a piece.
func (f *pagedFetch) tell(ctx context.Context, p *piece) error {
	left := f.listed
	for _, s := range p.spans {
		for i := s.first; i < s.end; i++ {
			for len(left) > 0 && left[0].UID < f.view.entries[i].uid {
				left = left[1:]
			}
			if len(left) == 0 || left[0].UID != f.view.entries[i].uid {
				continue
			}
			if err := f.tellOne(ctx, i, &left[0]); err != nil {
				return err
			}
			if err := f.out.flushIfFull(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *pagedFetch) tellOne(ctx context.Context, i int, l *listed) error {
	if len(f.sets) < len(f.items.sections) {
		return f.message(ctx, i, &l.Message)
	}
	f.out.text("* ", strconv.Itoa(i+1), " FETCH (")
	f.rowItems(i, &l.Message)
	for k, s := range f.items.sections {
		f.fields = appendPicked(f.fields[:0], l.fields, f.sets[k])
		if err := f.section(s, inMemory(f.fields).cut(s)); err != nil {
			return err
		}
	}
	f.out.closeList()
	return nil
}
