package imap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

var fetchCommands = []command{
	{name: "FETCH", states: selected, run: (*conn).fetch, numbered: true},
	{name: "UID FETCH", states: selected, run: (*conn).fetch},
}

// batch is how many messages are read from the store at once.
const batch = 256

// A helping is how many messages are read from the store at once where envelopes and the like are
// among what is read: few at first, since each can be as large as a header, and twice as many each
// time while they are not.
type helping int

const (
	firstHelping helping = 32
	largeHelping         = 256 << 10 // octets, above which the next is small again
)

// next returns how many messages to read after these, which were the last.
func (n helping) next(rows []mailbox.Message) helping {
	size := 0
	for i := range rows {
		size += len(rows[i].Envelope) + len(rows[i].BodyStructure) + len(rows[i].View.Prefix)
	}
	if size > largeHelping {
		return firstHelping
	}
	return min(2*n, batch)
}

// fetch: RFC 9051 §6.4.5.
func (c *conn) fetch(ctx context.Context, r *request) (reply, error) {
	r.space()
	numbers := r.numbers()
	r.space()
	items := r.fetchItems()
	if r.take(' ') {
		r.list(func() { r.fetchModifier(&items) })
		if items.vanished && !(c.qresync && r.uid && items.changed) { // RFC 7162 §3.2.6
			r.fail("VANISHED is for UID FETCH with CHANGEDSINCE, once QRESYNC is enabled")
		}
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	spans, err := c.view.resolve(numbers, r.uid)
	if err != nil {
		return reply{}, err
	}
	items.uid = items.uid || r.uid
	if items.modseq || items.changed {
		c.condstore = true // RFC 7162 §3.1
	}
	if items.changed {
		items.modseq = true
		d, err := c.srv.Store.Since(ctx, c.view.folder.ID, items.changedSince)
		if err != nil {
			return reply{}, err
		}
		if items.vanished {
			c.vanishedEarlier(d, numbers)
		}
		spans = c.changedIn(d, spans)
	}
	f := fetcher{conn: c, items: items}
	if err := f.run(ctx, spans); err != nil {
		return reply{}, err
	}
	return f.reply()
}

func (r *request) fetchModifier(items *fetchItems) {
	switch r.word() {
	case "CHANGEDSINCE":
		r.space()
		items.changed, items.changedSince = true, mailbox.ModSeq(r.number())
	case "VANISHED":
		items.vanished = true
	default:
		r.fail("Unknown FETCH modifier")
	}
}

// changedIn leaves of spans what changed.
func (c *conn) changedIn(d mailbox.Delta, spans []span) []span {
	var changed []span
	for _, e := range d.Changed {
		i, ok := c.view.find(e.UID)
		if ok && contains(spans, i) {
			changed = append(changed, span{i, i + 1})
		}
	}
	return mergeSpans(changed)
}

func contains(spans []span, i int) bool {
	_, ok := slices.BinarySearchFunc(spans, i, func(s span, i int) int {
		switch {
		case s.end <= i:
			return -1
		case s.first > i:
			return 1
		}
		return 0
	})
	return ok
}

// A fetcher answers one FETCH.
type fetcher struct {
	*conn
	items   fetchItems
	missing bool // messages that are expunged, and the client not told
	broken  int  // messages whose content could not be read
	refused error
}

func (f *fetcher) run(ctx context.Context, spans []span) error {
	if err := f.auditFetch(ctx, spans); err != nil {
		return err
	}
	kinds, sets := f.items.pageKinds()
	if len(kinds) == 0 || f.view.folder.Use == mailbox.Quarantine {
		return f.plain(ctx, spans)
	}
	p := pagedFetch{fetcher: f, shelf: shelf{kinds: kinds}, sets: sets}
	return p.run(ctx, spans)
}

// plain answers for spans from the messages' own rows and contents.
func (f *fetcher) plain(ctx context.Context, spans []span) error {
	n := firstHelping
	for len(spans) > 0 {
		var front []span
		front, spans = take(spans, int(n))
		if f.items.setsSeen() && !f.view.readOnly && f.view.rights.Has(mailbox.MaySee) {
			if err := f.markSeen(ctx, front); err != nil {
				return err
			}
		}
		var found []mailbox.Message
		part, rows := f.items.part() // markSeen may have added to the items
		if rows {
			var err error
			if found, err = f.srv.Store.Messages(ctx, f.view.folder.ID, f.view.uids(front), part); err != nil {
				return err
			}
			n = n.next(found)
		}
		if err := f.answer(ctx, front, found, rows); err != nil {
			return err
		}
	}
	return nil
}

// markSeen sets \Seen where it is not set. The new flags are told with the rest.
func (f *fetcher) markSeen(ctx context.Context, spans []span) error {
	var unseen mailbox.UIDSet
	for _, s := range spans {
		for _, e := range f.view.entries[s.first:s.end] {
			if !e.gone && e.flags.Value().System&mailbox.Seen == 0 {
				unseen = unseen.Add(e.uid)
			}
		}
	}
	if len(unseen) == 0 {
		return nil
	}
	f.items.flags = true
	f.items.modseq = f.items.modseq || f.condstore // RFC 7162 §3.2.4
	f.items.uid = f.items.uid || f.condstore
	_, _, err := f.setFlags(ctx, unseen, mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Seen}})
	return err
}

// answer appends the responses of a batch.
func (f *fetcher) answer(ctx context.Context, spans []span, found []mailbox.Message, rows bool) error {
	for _, s := range spans {
		for i := s.first; i < s.end; i++ {
			m := mailbox.Message{Entry: mailbox.Entry{UID: f.view.entries[i].uid}}
			if rows {
				at, ok := slices.BinarySearchFunc(found, m.UID, func(m mailbox.Message, u mailbox.UID) int { return cmp.Compare(m.UID, u) })
				if !ok {
					f.missing = true
					continue
				}
				m = found[at]
			}
			if err := f.message(ctx, i, &m); err != nil {
				return err
			}
			if err := f.out.flushIfFull(); err != nil {
				return err
			}
		}
	}
	return nil
}

// message appends the response for the message at place i.
func (f *fetcher) message(ctx context.Context, i int, m *mailbox.Message) error {
	var parts []*octets
	if f.items.preview || f.items.envelope || f.items.body || f.items.structure {
		if err := f.prepare(ctx, m); err != nil {
			f.unreadable(m, err)
			return nil
		}
	}
	if f.items.preview && !m.Previewed && !f.items.lazy {
		if err := f.readPreview(ctx, m); err != nil {
			f.unreadable(m, err)
			return nil
		}
	}
	if len(f.items.sections) > 0 {
		content, err := f.srv.Bodies.Open(ctx, blob.ID(m.Blob))
		if err == nil {
			defer content.Close()
			parts, err = findSections(f.items.sections, m.View.Message(mail.NewSpooled(content, content.Size())))
		}
		var r refusal
		switch {
		case errors.As(err, &r):
			f.refused = r
			return nil
		case err != nil:
			f.unreadable(m, err)
			return nil
		}
	}
	f.out.text("* ", strconv.Itoa(i+1), " FETCH (")
	f.rowItems(i, m)
	for k, o := range parts {
		if err := f.section(f.items.sections[k], o); err != nil {
			// The client waits for octets that will not come.
			f.closing, f.out.err = true, err
			return fmt.Errorf("imap: read message %d: %w", m.UID, err)
		}
	}
	f.out.closeList()
	return nil
}

func (f *fetcher) unreadable(m *mailbox.Message, err error) {
	f.broken++
	f.log.Error("message can't be read", "folder", f.view.folder.Name, "uid", m.UID, "blob", m.Blob, "error", err)
}

func findSections(sections []section, m *mail.Message) ([]*octets, error) {
	parts := make([]*octets, len(sections))
	room := int64(maxDecoded)
	for k, s := range sections {
		o, err := s.find(m, room)
		if err != nil {
			return nil, err
		}
		if s.decoded && !s.size && o != nil {
			room -= o.n
		}
		parts[k] = o.cut(s)
	}
	return parts, m.Err()
}

// rowItems appends the items that need no content, each with a space behind it.
func (f *fetcher) rowItems(i int, m *mailbox.Message) {
	o, it := &f.out, &f.items
	if it.uid {
		o.text("UID ", strconv.FormatUint(uint64(m.UID), 10), " ")
	}
	if it.flags {
		o.text("FLAGS (")
		o.b = f.view.entries[i].flags.Value().Append(o.b)
		o.text(") ")
	}
	if it.date {
		o.text(`INTERNALDATE "`, m.InternalDate.Format(dateTime), `" `)
	}
	if it.size {
		o.text("RFC822.SIZE ", strconv.FormatInt(m.Size, 10), " ")
	}
	if it.modseq {
		o.text("MODSEQ (", strconv.FormatInt(int64(m.ModSeq), 10), ") ")
		if m.ModSeq > f.view.modseq { // whose flags are still to be told: before the tagged response
			f.asked = time.Time{}
		}
	}
	if it.emailID {
		o.text("EMAILID (", emailID(m), ") ")
	}
	if it.threadID {
		o.text("THREADID NIL ") // RFC 8474 §5.2: threads are not kept
	}
	if it.saved {
		f.savedItem(m)
	}
	if it.preview {
		f.previewItem(m)
	}
	if it.envelope {
		o.text("ENVELOPE ")
		o.b = append(append(o.b, m.Envelope...), ' ')
	}
	if it.body {
		o.text("BODY ")
		o.b = append(mailbox.AppendBody(o.b, m.BodyStructure), ' ')
	}
	if it.structure {
		o.text("BODYSTRUCTURE ")
		o.b = append(append(o.b, m.BodyStructure...), ' ')
	}
}

func emailID(m *mailbox.Message) string { return fmt.Sprintf("E%d", m.EmailID) }

// dateTime is RFC 9051 §9's date-time.
const dateTime = "_2-Jan-2006 15:04:05 -0700"

// section appends a section's octets.
func (f *fetcher) section(s section, o *octets) error {
	f.out.text(s.label, " ")
	switch {
	case o == nil && s.size:
		f.out.text("0 ")
		return nil
	case o == nil:
		f.out.text("NIL ")
		return nil
	case s.size:
		f.out.text(strconv.FormatInt(o.n, 10), " ")
		return nil
	}
	if s.decoded { // may hold NUL, so it is a literal8 (RFC 3516 §6)
		f.out.text("~")
	}
	f.out.text("{", strconv.FormatInt(o.n, 10), "}\r\n")
	if err := f.out.copy(o.r, o.off, o.n); err != nil {
		return err
	}
	f.out.text(" ")
	return nil
}

// closeList ends a response whose items have a space behind them.
func (o *output) closeList() {
	if n := len(o.b); n > 0 && o.b[n-1] == ' ' {
		o.b = o.b[:n-1]
	}
	o.text(")\r\n")
}

func (f *fetcher) reply() (reply, error) {
	switch {
	case f.refused != nil:
		return reply{}, f.refused
	case f.broken > 0:
		return reply{"NO", "SERVERBUG", "Some messages could not be read, it was logged"}, nil
	case f.missing: // RFC 5530 §3
		return reply{code: "EXPUNGEISSUED", text: "Some messages were expunged meanwhile"}, nil
	}
	return reply{}, nil
}
