package imap

import (
	"strings"
	"time"

	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// maxText is how much of each text part BODY and TEXT look at.
const maxText = 16 << 20

// textKey is for keys that look for a string, and for the Date field's.
func (p *searchParser) textKey(name string) key {
	switch name {
	case "SUBJECT":
		return inEnvelope(mailbox.EnvSubject, p.needle())
	case "FROM":
		return inEnvelope(mailbox.EnvFrom, p.needle())
	case "TO":
		return inEnvelope(mailbox.EnvTo, p.needle())
	case "CC":
		return inEnvelope(mailbox.EnvCc, p.needle())
	case "BCC":
		return inEnvelope(mailbox.EnvBcc, p.needle())
	case "SENTBEFORE":
		d := p.date()
		return sent(func(t time.Time) bool { return t.Before(d) })
	case "SENTSINCE":
		d := p.date()
		return sent(func(t time.Time) bool { return !t.Before(d) })
	case "SENTON":
		d := p.date()
		return sent(func(t time.Time) bool { return t.Equal(d) })
	case "HEADER":
		field := p.fieldName()
		p.space()
		return inHeader(field, p.needle())
	case "BODY", "TEXT":
		return inText(p.needle(), name == "TEXT")
	}
	return nil
}

// needle reads the string to look for.
func (p *searchParser) needle() string { return mailbox.Fold(p.astring()) }

// inEnvelope looks into an element of ENVELOPE. Addresses are looked at as
// "name <local@host>".
func inEnvelope(element int, needle string) key {
	return test{at: row, part: mailbox.Envelope, text: needle, f: func(m *candidate) bool {
		item := mailbox.ListItem(m.row.Envelope, element)
		if item == nil {
			return false
		}
		for text := range mailbox.EnvelopeTexts(item) {
			if mailbox.Holds(text, needle) {
				return true
			}
		}
		return false
	}}
}

// sent looks at the Date field without regard to its time and zone.
func sent(f func(time.Time) bool) key {
	return test{at: row, part: mailbox.Envelope, f: func(m *candidate) bool {
		t, ok := mail.ParseDate(mailbox.ParseString(mailbox.ListItem(m.row.Envelope, mailbox.EnvDate)))
		if !ok {
			return false
		}
		y, mon, d := t.Date()
		return f(time.Date(y, mon, d, 0, 0, 0, 0, time.UTC))
	}}
}

func inHeader(field, needle string) key {
	return test{at: content, text: needle, f: func(m *candidate) bool {
		for _, value := range m.message.Header().Texts(field) {
			if mailbox.Holds(value, needle) {
				return true
			}
		}
		return false
	}}
}

// inText looks into the text of all parts, decoded, and with headers into the
// fields of the message too.
func inText(needle string, headers bool) key {
	return test{at: content, text: needle, f: func(m *candidate) bool {
		if headers && fieldsContain(m.message.Header(), needle) {
			return true
		}
		for p := range m.message.Root().All() {
			if p != m.message.Root() && headers && fieldsContain(p.Header, needle) {
				return true
			}
			if p.Type != "text" {
				continue
			}
			if text, _ := m.message.Text(p, maxText); mailbox.Holds(text, needle) {
				return true
			}
		}
		return false
	}}
}

func fieldsContain(h *mail.Header, needle string) bool {
	for i := range h.Fields {
		if strings.Contains(mailbox.FieldText(&h.Fields[i]), needle) {
			return true
		}
	}
	return false
}
