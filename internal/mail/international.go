package mail

import (
	"fmt"
	"strings"
)

// NeedsUTF8 reports whether a server must know SMTPUTF8 to get the message: a field of its header, or
// of a part's, is not ASCII (RFC 6531 §3.4, RFC 6532 §3). What is in a message within is that message's body.
// It is false where the content can't be read, as Err says.
func (m *Message) NeedsUTF8() bool {
	if m.Header().leavesASCII() {
		return m.Err() == nil
	}
	return m.Root().leavesASCII() && m.Err() == nil
}

func (p *Part) leavesASCII() bool {
	if p.Header.leavesASCII() {
		return true
	}
	if p.IsMessage() {
		return false
	}
	for _, child := range p.Parts {
		if child.leavesASCII() {
			return true
		}
	}
	return false
}

// leavesASCII reports whether a field holds octets that are not ASCII. Of a header that is too long it
// is said: nobody looked at the rest.
func (h *Header) leavesASCII() bool {
	for i := range h.Fields {
		if !isASCII(h.Fields[i].Raw) {
			return true
		}
	}
	return h.Cut
}

// AddrXtext encodes an address of type utf-8 for the parameter ORCPT, in the form that any server takes
// since it is ASCII: utf-8-addr-xtext (RFC 6533 §3).
func AddrXtext(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < '!' || r > '~' || r == '+' || r == '=' || r == '\\' {
			fmt.Fprintf(&b, `\x{%02X}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
