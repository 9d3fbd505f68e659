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

// A pagedFetch is a fetcher that reads and makes pages.
type pagedFetch struct {
	*fetcher
	kinds   []mailbox.PageKind
	sets    []fieldSet       // of each section; none where contents are read
	pages   [][]mailbox.Page // of each kind, those that were read last
	buffers [][]byte         // of each kind, for the page that is read
	listed  []listed         // of the block that is at hand
	fields  []byte           // of the section that is told
	made    []mailbox.Page   // to be kept
	deaf    bool             // the store keeps none
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
	first := mailbox.UID(p.block) * mailbox.PageUIDs
	p.first, _ = v.find(first)
	p.end, _ = v.find(first + mailbox.PageUIDs)
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

// run answers for spans.
func (f *pagedFetch) run(ctx context.Context, spans []span) error {
	f.buffers = make([][]byte, len(f.kinds))
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
	f.pages = f.pages[:0]
	for _, kind := range f.kinds {
		pages, err := f.srv.Store.Pages(ctx, f.view.folder.ID, kind, pieces[0].block, pieces[len(pieces)-1].block)
		if err != nil {
			return err
		}
		f.pages = append(f.pages, pages)
	}
	for i := range pieces {
		p := &pieces[i]
		read := f.readPages(p)
		if !read {
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

// readPages reads a block from its pages, or returns false: one is not there, or tells of a message that
// is gone since, which a node of a release without pages does not mind.
func (f *pagedFetch) readPages(p *piece) bool {
	n := p.end - p.first
	f.listed = append(f.listed[:0], make([]listed, n)...)
	for k, kind := range f.kinds {
		at, ok := slices.BinarySearchFunc(f.pages[k], p.block, func(page mailbox.Page, block uint32) int { return cmp.Compare(page.Block, block) })
		if !ok || f.pages[k][at].Messages != n {
			return false
		}
		r, err := readPage(f.pages[k][at], f.buffers[k])
		f.buffers[k] = r.left
		for i := 0; i < n && err == nil; i++ {
			l := &f.listed[i]
			*l.text(kind), err = r.next(&l.Message)
			if err == nil && kind == placePage {
				err = readPlace(&l.Message, l.place)
			}
			if err == nil && (l.UID != f.view.entries[p.first+i].uid || !arePicked(l.fields)) {
				err = errPage
			}
		}
		if err != nil {
			f.log.Error("page of messages made anew", "folder", f.view.folder.Name, "block", p.block, "kind", kind, "error", err)
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
