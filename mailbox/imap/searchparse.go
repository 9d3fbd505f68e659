package imap

import (
	"strings"
	"time"

	"gatepost/mailbox"
)

// Bounds of a search program.
const (
	maxKeys     = 500
	maxKeyDepth = 50
)

// A searchParser reads search keys (RFC 9051 §6.4.4).
type searchParser struct {
	*parser
	view  *view
	query *query
	now   time.Time
	depth int
	count int
}

// keys reads keys, of which all must hold, up to the end or a parenthesis.
func (p *searchParser) keys() key {
	all := allOf{p.key()}
	for p.err == nil && p.take(' ') {
		all = append(all, p.key())
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func (p *searchParser) key() key {
	p.depth++
	defer func() { p.depth-- }()
	if p.count++; p.depth > maxKeyDepth || p.count > maxKeys {
		p.fail("Search too complex")
	}
	switch {
	case p.err != nil:
		return allOf{}
	case p.take('('):
		k := p.keys()
		p.expect(')')
		return k
	case p.isNumberSet():
		return p.places(false)
	}
	return p.named(p.word())
}

func (p *searchParser) named(name string) key {
	switch name {
	case "ALL", "SAVEDATESUPPORTED": // RFC 8514 §4.3
		return allOf{}
	case "NOT":
		p.space()
		return not{p.key()}
	case "OR":
		p.space()
		a := p.key()
		p.space()
		return anyOf{a, p.key()}
	case "UID":
		p.space()
		return p.places(true)
	}
	if k := flagKey(name); k != nil {
		return k
	}
	if p.peek() != ' ' {
		p.fail("Unknown search key, or one without its argument: %s", name)
		return allOf{}
	}
	p.space()
	for _, read := range []func(string) key{p.keywordKey, p.rowKey, p.textKey} {
		if k := read(name); k != nil || p.err != nil {
			return k
		}
	}
	p.fail("Unknown search key %s", name)
	return allOf{}
}

// places is for a sequence-set, resolved at once.
func (p *searchParser) places(uid bool) key {
	numbers := p.numbers()
	if p.err != nil {
		return allOf{}
	}
	spans, err := p.view.resolve(numbers, uid)
	if err != nil {
		p.err, p.b = err, nil
	}
	return test{at: memory, f: func(m *candidate) bool { return contains(spans, m.place) }}
}

// flagKey returns the key for a system flag, nil if name is none. \Recent is
// never set here.
func flagKey(name string) key {
	if name == "RECENT" || name == "NEW" {
		return anyOf{}
	}
	if name == "OLD" {
		return allOf{}
	}
	rest, negated := strings.CutPrefix(name, "UN")
	var k key
	switch rest {
	case "SEEN", "ANSWERED", "FLAGGED", "DELETED", "DRAFT":
		k = hasFlag(`\` + rest)
	default:
		return nil
	}
	if negated {
		return not{k}
	}
	return k
}

func hasFlag(name string) key {
	return test{at: memory, f: func(m *candidate) bool { return m.entry.flags.Value().Has(name) }}
}

func (p *searchParser) keywordKey(name string) key {
	switch name {
	case "KEYWORD":
		return hasFlag(p.flag())
	case "UNKEYWORD":
		return not{hasFlag(p.flag())}
	}
	return nil
}

// rowKey is for keys that the store's row answers.
func (p *searchParser) rowKey(name string) key {
	var f func(m *mailbox.Message) bool
	var part mailbox.Part
	switch name {
	case "LARGER":
		n := p.number()
		f = func(m *mailbox.Message) bool { return m.Size > n }
	case "SMALLER":
		n := p.number()
		f = func(m *mailbox.Message) bool { return m.Size < n }
	case "BEFORE":
		d := p.date()
		f = func(m *mailbox.Message) bool { return m.InternalDate.Before(d) }
	case "SINCE":
		d := p.date()
		f = func(m *mailbox.Message) bool { return !m.InternalDate.Before(d) }
	case "ON":
		d := p.date()
		f = func(m *mailbox.Message) bool { return m.InternalDate.Truncate(day).Equal(d) }
	case "SAVEDBEFORE", "SAVEDON", "SAVEDSINCE":
		part, f = mailbox.Origin, savedKey(name, p.date())
	case "MODSEQ":
		n := p.modseq()
		part, f = mailbox.Marks, func(m *mailbox.Message) bool { return m.ModSeq >= n }
	case "EMAILID":
		id := p.astring()
		part, f = mailbox.Origin, func(m *mailbox.Message) bool { return emailID(m) == id }
	case "THREADID": // threads are not kept
		p.astring()
		return anyOf{}
	default:
		return nil
	}
	return test{at: row, part: part, f: func(m *candidate) bool { return f(m.row) }}
}

// modseq reads the argument of MODSEQ; whose flag it was does not matter, since a
// message has one MODSEQ (RFC 7162 §3.1.5).
func (p *searchParser) modseq() mailbox.ModSeq {
	p.query.modseq = true
	if p.peek() == '"' {
		p.quoted()
		p.space()
		p.word()
		p.space()
	}
	return mailbox.ModSeq(p.number())
}

const day = 24 * time.Hour

// date reads a date (RFC 9051 §9), quoted or not: the start of that day, UTC.
func (p *parser) date() time.Time {
	t, err := time.Parse("2-Jan-2006", p.astring())
	if err != nil {
		p.fail("Expected a date such as 1-Feb-2026")
	}
	return t
}
