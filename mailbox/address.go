package mailbox

import "strings"

// maxAddresses bounds an address list in an envelope: the rest of it is left out.
const maxAddresses = 2000

// An address is one of an ENVELOPE (RFC 9051 §7.5.2), in the header's own text:
// quotes are taken off, encoded words stay as they are. A group's start has only
// a mailbox, its end nothing.
type address struct {
	name, route, local, host string
	group                    bool // the start or the end of a group
}

// parseAddresses reads an address list (RFC 5322 §3.4) as it is met: whatever
// the text, it finds something.
func parseAddresses(s string) []address {
	p := addressParser{s: s}
	for p.i < len(p.s) && len(p.out) < maxAddresses {
		p.step()
	}
	p.end()
	if p.inGroup {
		p.out = append(p.out, address{group: true})
	}
	return p.out
}

// An addressParser gathers words until a special character says what they were.
type addressParser struct {
	s       string
	i       int
	out     []address
	inGroup bool

	words   strings.Builder // without quotes and comments, white space as one space
	at      int             // where the last "@" outside quotes stands in words, plus 1
	comment string          // the latest
	angle   *address        // what stood in angle brackets
}

func (p *addressParser) step() {
	c := p.s[p.i]
	switch c {
	case '"':
		p.words.WriteString(p.quoted())
		return
	case '(':
		p.comment = p.skipComment()
		return
	case '<':
		p.angle = p.brackets()
		return
	case ',':
		p.end()
	case ':':
		p.startGroup()
	case ';':
		p.end()
		if p.inGroup {
			p.out, p.inGroup = append(p.out, address{group: true}), false
		}
	case ' ', '\t':
		if s := p.words.String(); s != "" && s[len(s)-1] != ' ' {
			p.words.WriteByte(' ')
		}
	default:
		p.words.WriteByte(c)
		if c == '@' {
			p.at = p.words.Len()
		}
	}
	p.i++
}

// quoted reads a quoted string (RFC 5322 §3.2.4); an open one ends with the text.
func (p *addressParser) quoted() string {
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case '"':
			p.i++
			return b.String()
		case '\\':
			if p.i+1 < len(p.s) {
				p.i++
			}
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// skipComment reads a comment with those inside it (RFC 5322 §3.2.2).
func (p *addressParser) skipComment() string {
	start, depth := p.i+1, 0
	for ; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '\\':
			p.i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				p.i++
				return strings.TrimSpace(p.s[start : p.i-1])
			}
		}
	}
	p.i = len(p.s)
	return ""
}

// brackets reads what stands in angle brackets: a route (obsolete) and an address.
func (p *addressParser) brackets() *address {
	inner := addressParser{s: p.s, i: p.i + 1}
	var route string
	for inner.i < len(inner.s) && inner.s[inner.i] != '>' {
		switch c := inner.s[inner.i]; {
		case c == '"':
			inner.words.WriteString(inner.quoted())
			continue
		case c == ':' && strings.HasPrefix(inner.words.String(), "@"):
			route = inner.words.String()
			inner.words.Reset()
			inner.at = 0
		case c != ' ' && c != '\t':
			inner.words.WriteByte(c)
			if c == '@' {
				inner.at = inner.words.Len()
			}
		}
		inner.i++
	}
	p.i = min(inner.i+1, len(p.s))
	a := inner.spec()
	a.route = route
	return &a
}

// spec takes the words as local part and domain. A domain that is not there is
// "", since NIL would start a group.
func (p *addressParser) spec() address {
	s := p.words.String()
	if p.at == 0 {
		return address{local: strings.TrimSpace(s)}
	}
	return address{local: strings.TrimSpace(s[:p.at-1]), host: strings.TrimSpace(s[p.at:])}
}

func (p *addressParser) startGroup() {
	if p.inGroup || p.angle != nil {
		p.words.WriteByte(':')
		return
	}
	p.out, p.inGroup = append(p.out, address{local: strings.TrimSpace(p.words.String()), group: true}), true
	p.reset()
}

// end finishes the address before a comma or the end of a group or the list.
func (p *addressParser) end() {
	defer p.reset()
	words := strings.TrimSpace(p.words.String())
	switch {
	case p.angle != nil:
		a := *p.angle
		if a.name = words; a.name == "" {
			a.name = p.comment
		}
		p.out = append(p.out, a)
	case words != "":
		a := p.spec()
		a.name = p.comment // RFC 822's way: address (name)
		p.out = append(p.out, a)
	}
}

func (p *addressParser) reset() {
	p.words.Reset()
	p.at, p.comment, p.angle = 0, "", nil
}

func (a address) append(b []byte) []byte {
	b = appendNString(append(b, '('), a.name, a.name != "")
	b = appendNString(append(b, ' '), a.route, a.route != "")
	b = appendNString(append(b, ' '), a.local, !a.group || a.local != "")
	b = appendNString(append(b, ' '), a.host, !a.group)
	return append(b, ')')
}
