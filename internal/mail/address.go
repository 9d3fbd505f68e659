package mail

import "strings"

// An Address is a member of a list of addresses in a header (RFC 5322 §3.4), or a
// mark where a group of them starts or ends, as IMAP's ENVELOPE shows them (RFC 9051 §7.5.2).
type Address struct {
	Name   string // the display name, or the group's, decoded; "" where none
	Phrase string // Name as written: unquoted, encoded words not decoded
	Local  string // local part as written, without quotes
	Domain string // domain as written, "" where none
	Route  string // obs-route as written, "@a.example,@b.example", "" as a rule
	Mark   Mark

	path Path // what Path returns, where that is known already
}

// A Mark tells a mailbox from the ends of a group.
type Mark uint8

// Marks.
const (
	Mailbox    Mark = iota
	GroupStart      // "Name:": only Name and Phrase are set
	GroupEnd        // ";": nothing is set
)

// Path returns the address in canonical form, and whether it is one.
func (a Address) Path() (Path, bool) {
	if a.path != Null {
		return a.path, true
	}
	if a.Mark != Mailbox || a.Local == "" || a.Domain == "" {
		return Null, false
	}
	p, err := ParsePath(quoteLocal(a.Local) + "@" + a.Domain)
	return p, err == nil
}

// maxKnown bounds the addresses of a message whose canonical form is kept.
const maxKnown = 20

// From returns the addresses in all From fields, parsed once.
func (m *Message) From() []Address {
	m.fromOnce.Do(func() {
		for _, value := range m.Header().All("From") {
			m.from = append(m.from, ParseAddressList(value)...)
		}
		for i := range m.from[:min(len(m.from), maxKnown)] { // many ask for each
			m.from[i].path, _ = m.from[i].Path()
		}
	})
	return m.from
}

// Author returns the one mailbox in the one From field (RFC 5322 §3.6.2). It is not
// ok where there are several of either, or none that can be read: who wrote such a
// message is what each reader makes of it.
func (m *Message) Author() (author Path, ok bool) {
	if m.Header().Count("From") != 1 {
		return Null, false
	}
	n := 0
	for _, a := range m.From() {
		if a.Mark == Mailbox {
			author, ok = a.Path()
			n++
		}
	}
	if n != 1 || !ok {
		return Null, false
	}
	return author, true
}

// ParseAddressList reads a list of addresses as it is meant: all of RFC 5322 §3.4
// with the obsolete forms of §4.4, and of what is wrong as much as possible. What is no address
// comes out as a Local without a Domain. It is not an error that the list is empty.
func ParseAddressList(s string) []Address {
	p := &addressParser{rest: s}
	for !p.done() {
		p.address()
	}
	if p.group {
		p.list = append(p.list, Address{Mark: GroupEnd})
	}
	return p.list
}

// OneReading reports whether a list of addresses has one reading only. Behind an address in angles, up to the
// comma, and in a route, readers find different ones; ParseAddressList passes over what stands there.
func OneReading(s string) bool {
	p := &addressParser{rest: s}
	inside, behind := false, false
	for !p.done() { // comments mean nothing
		switch c := p.rest[0]; {
		case c == '<':
			if p.rest = p.rest[1:]; inside || behind || p.done() || p.rest[0] == '@' {
				return false
			}
			inside = true
			continue
		case c == '>':
			inside, behind = false, true
		case c == ',' || c == ';':
			if inside {
				return false
			}
			behind = false
		case behind:
			return false
		default:
			p.word(nil)
			continue
		}
		p.rest = p.rest[1:]
	}
	return !inside
}

// An addressParser goes through a list once. Words wait until it is clear whether
// they are a display name, a group's or a local part.
type addressParser struct {
	rest    string
	list    []Address
	group   bool
	comment string // the last one since the address began: "jane@example.com (Jane)"
	// A quote or comment that is not closed would swallow the rest of the list, so
	// from the first such on the character means nothing.
	noQuotes, noComments bool
}

// A word is an atom, with the dots in and at its ends, or a quoted string.
type word struct {
	text   string
	quoted bool
}

func (p *addressParser) done() bool {
	p.space()
	return p.rest == ""
}

// address reads up to and with the comma, or the end of a group.
func (p *addressParser) address() {
	var words []word
	p.comment = ""
	for !p.done() {
		switch c := p.rest[0]; c {
		case ',':
			p.rest = p.rest[1:]
			p.bare(words)
			return
		case ';':
			p.rest = p.rest[1:]
			p.bare(words)
			p.endGroup()
			return
		case ':':
			p.rest = p.rest[1:]
			p.startGroup(words)
			return
		case '<':
			p.rest = p.rest[1:]
			p.angle(words)
			return
		case '@':
			p.rest = p.rest[1:]
			p.spec(words)
			return
		default:
			words = p.word(words)
		}
	}
	p.bare(words)
}

// word reads one more word, or passes over a character that means nothing here.
func (p *addressParser) word(words []word) []word {
	if p.rest[0] == '"' && !p.noQuotes {
		text, rest, ok := cutQuoted(p.rest)
		if ok {
			p.rest = rest
			return append(words, word{text, true})
		}
		p.noQuotes = true
	}
	n := encodedWordEnd(p.rest)
	if n == 0 {
		n = atomLength(p.rest)
	}
	if n == 0 {
		p.rest = p.rest[1:]
		return words
	}
	words = append(words, word{p.rest[:n], false})
	p.rest = p.rest[n:]
	return words
}

// atomLength returns how much of s is neither white space nor special; dots count
// as atom, as in obs-phrase (RFC 5322 §4.1).
func atomLength(s string) int {
	if i := strings.IndexAny(s, " \t\r\n()<>[]:;@\\,\""); i >= 0 {
		return i
	}
	return len(s)
}

// bare takes words that no address followed.
func (p *addressParser) bare(words []word) {
	if text := phrase(words); text != "" {
		p.add(nil, Address{Local: text})
	}
}

// angle reads what follows "<": a local part and a domain, after a route.
func (p *addressParser) angle(name []word) {
	a := Address{Route: p.route()}
	var local []word
	for !p.done() && p.rest[0] != '>' {
		if p.rest[0] == '@' {
			p.rest = p.rest[1:]
			a.Local, a.Domain = p.ats(localPart(local))
			p.closeAngle(name, a)
			return
		}
		local = p.word(local)
	}
	a.Local = localPart(local)
	p.closeAngle(name, a)
}

// route reads "@a.example,@b.example:" (RFC 5322 §4.4), of which mailers think nothing.
func (p *addressParser) route() string {
	var hops []string
	for !p.done() && (p.rest[0] == '@' || p.rest[0] == ',') {
		at := p.rest[0] == '@'
		p.rest = p.rest[1:]
		if at {
			hops = append(hops, "@"+p.domain())
		}
	}
	p.rest = strings.TrimPrefix(p.rest, ":")
	return strings.Join(hops, ",")
}

// closeAngle skips to the comma behind the closing ">", or the end of the group, and
// adds the address.
func (p *addressParser) closeAngle(name []word, a Address) {
	for !p.done() && p.rest[0] != ',' && p.rest[0] != ';' {
		p.word(nil)
	}
	p.add(name, a)
	if p.rest == "" {
		return
	}
	if p.rest[0] == ';' {
		p.endGroup()
	}
	p.rest = p.rest[1:]
}

// spec takes an address without angles: the local part is what was written last.
func (p *addressParser) spec(words []word) {
	i := len(words) - 1
	for i > 0 && (strings.HasPrefix(words[i].text, ".") || strings.HasSuffix(words[i-1].text, ".")) {
		i--
	}
	i = max(i, 0)
	local, domain := p.ats(localPart(words[i:]))
	p.done()                            // a comment may follow
	if strings.HasPrefix(p.rest, "<") { // it was the display name: "a@example.com <b@example.net>"
		p.rest = p.rest[1:]
		p.angle(append(words[:i], word{text: local + "@" + domain}))
		return
	}
	p.add(words[:i], Address{Local: local, Domain: domain})
	p.rest = strings.TrimPrefix(p.rest, ",")
}

// ats reads the domain. Where a further "@" stands the last one counts: it is what
// a reader that looks for the domain finds.
func (p *addressParser) ats(local string) (text, domain string) {
	parts := []string{local, p.domain()}
	for strings.HasPrefix(p.rest, "@") {
		p.rest = p.rest[1:]
		parts = append(parts, p.domain())
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], "@"), parts[last]
}

// domain reads atoms and dots, or a literal in brackets.
func (p *addressParser) domain() string {
	var b strings.Builder
	for !p.done() {
		if p.rest[0] == '[' {
			end := strings.IndexByte(p.rest, ']')
			if end < 0 {
				end = len(p.rest) - 1
			}
			b.WriteString(p.rest[:end+1])
			p.rest = p.rest[end+1:]
			continue
		}
		n := atomLength(p.rest)
		atDot := strings.HasSuffix(b.String(), ".") || p.rest[0] == '.'
		if n == 0 || b.Len() > 0 && !atDot {
			break
		}
		b.WriteString(p.rest[:n])
		p.rest = p.rest[n:]
	}
	return b.String()
}

func (p *addressParser) startGroup(words []word) {
	name := phrase(words)
	if p.group {
		p.endGroup() // groups do not nest
	}
	p.group = true
	p.list = append(p.list, Address{Name: decodeWords(name), Phrase: name, Mark: GroupStart})
}

func (p *addressParser) endGroup() {
	if p.group {
		p.list = append(p.list, Address{Mark: GroupEnd})
	}
	p.group = false
}

// add takes an address; without a display name the comment behind it is one.
func (p *addressParser) add(name []word, a Address) {
	a.Phrase = phrase(name)
	if a.Phrase == "" {
		a.Phrase = strings.TrimSpace(p.comment)
	}
	a.Name = decodeWords(a.Phrase)
	p.list = append(p.list, a)
}

// space skips white space and comments, and remembers the last comment.
func (p *addressParser) space() {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n")
		if p.noComments || !strings.HasPrefix(p.rest, "(") {
			return
		}
		text, rest, ok := cutComment(p.rest)
		if !ok {
			p.noComments = true
			return
		}
		p.comment, p.rest = text, rest
	}
}

// phrase joins words with the spaces between them.
func phrase(words []word) string {
	if len(words) == 1 {
		return words[0].text
	}
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}

// localPart joins the words of a local part; white space around its dots is
// RFC 5322 §4.4's and not part of it.
func localPart(words []word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 && !strings.HasSuffix(words[i-1].text, ".") && !strings.HasPrefix(w.text, ".") {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}
