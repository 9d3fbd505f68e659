package imap

import (
	"gatepost/mailbox"
)

// fetchItems are the data items that a FETCH asks for (RFC 9051 §6.4.5).
type fetchItems struct {
	uid, flags, date, size    bool
	envelope, body, structure bool
	modseq, emailID, threadID bool
	saved, preview, lazy      bool
	sections                  []section

	changedSince mailbox.ModSeq // with changed: CHANGEDSINCE (RFC 7162 §3.1.4.1)
	changed      bool
	vanished     bool // VANISHED (RFC 7162 §3.2.6)
}

// maxSections bounds the sections of one FETCH.
const maxSections = 100

// fetchItems reads one item, a macro or a list of items.
func (p *parser) fetchItems() (f fetchItems) {
	if p.peek() == '(' {
		p.list(func() { p.fetchItem(&f) })
		return f
	}
	p.fetchItem(&f)
	return f
}

func (p *parser) fetchItem(f *fetchItems) {
	switch name := p.itemName(); name {
	case "FAST", "ALL", "FULL": // macros (RFC 9051 §6.4.5)
		f.flags, f.date, f.size = true, true, true
		f.envelope = f.envelope || name != "FAST"
		f.body = f.body || name == "FULL"
	case "UID":
		f.uid = true
	case "FLAGS":
		f.flags = true
	case "INTERNALDATE":
		f.date = true
	case "RFC822.SIZE":
		f.size = true
	case "ENVELOPE":
		f.envelope = true
	case "BODYSTRUCTURE":
		f.structure = true
	case "MODSEQ":
		f.modseq = true
	case "EMAILID":
		f.emailID = true
	case "THREADID":
		f.threadID = true
	case "SAVEDATE":
		f.saved = true
	case "PREVIEW":
		p.previewItem(f)
	case "RFC822":
		f.add(p, section{label: name, seen: true})
	case "RFC822.HEADER":
		f.add(p, section{label: name, kind: header})
	case "RFC822.TEXT":
		f.add(p, section{label: name, kind: bodyText, seen: true})
	default:
		p.bodyItem(f, name)
	}
}

// itemName reads a name up to the bracket of a section.
func (p *parser) itemName() string {
	b := []byte(p.while("a data item", func(c byte) bool { return c != '[' && isAtomChar(c) }))
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

func (p *parser) bodyItem(f *fetchItems, name string) {
	if p.peek() != '[' {
		if f.body = f.body || name == "BODY"; name != "BODY" {
			p.fail("Unknown data item")
		}
		return
	}
	switch name {
	case "BODY", "BODY.PEEK":
		s := p.section("BODY")
		s.seen = name == "BODY"
		f.add(p, s)
	case "BINARY", "BINARY.PEEK", "BINARY.SIZE":
		p.binaryItem(f, name)
	default:
		p.fail("Unknown data item")
	}
}

// binaryItem: RFC 3516 §4.2. Sections of BINARY are part numbers alone.
func (p *parser) binaryItem(f *fetchItems, name string) {
	label := "BINARY"
	if name == "BINARY.SIZE" {
		label = name
	}
	s := p.section(label)
	s.decoded, s.seen, s.size = true, name == "BINARY", name == "BINARY.SIZE"
	if s.kind != whole || s.size && s.partial {
		p.fail("Not a section of BINARY")
	}
	f.add(p, s)
}

func (f *fetchItems) add(p *parser, s section) {
	if f.sections = append(f.sections, s); len(f.sections) > maxSections {
		p.fail("Too many sections")
	}
}

// part says what of each message's rows is needed, if anything.
func (f *fetchItems) part() (part mailbox.Part, any bool) {
	for _, p := range []struct {
		asked bool
		part  mailbox.Part
	}{
		{f.modseq, mailbox.Marks}, {f.emailID || f.saved, mailbox.Origin}, {len(f.sections) > 0, mailbox.Content},
		{f.envelope, mailbox.Envelope}, {f.body || f.structure, mailbox.Structure}, {f.preview, mailbox.Beginning | mailbox.Content},
	} {
		if p.asked {
			part |= p.part
		}
	}
	return part, part != 0 || f.date || f.size
}

// setsSeen reports whether reading sets \Seen.
func (f *fetchItems) setsSeen() bool {
	for _, s := range f.sections {
		if s.seen {
			return true
		}
	}
	return false
}
