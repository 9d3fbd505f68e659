package mailbox

import (
	"strings"

	"gatepost/internal/mail"
)

// The elements of an ENVELOPE, in their order (RFC 9051 §7.5.2).
const (
	EnvDate = iota
	EnvSubject
	EnvFrom
	EnvSender
	EnvReplyTo
	EnvTo
	EnvCc
	EnvBcc
	EnvInReplyTo
	EnvMessageID
)

// AppendEnvelope adds the ENVELOPE of a header to b. Texts are the header's own:
// unfolded, not decoded, not encoded anew.
func AppendEnvelope(b []byte, h *mail.Header) []byte {
	b = appendField(append(b, '('), h, "Date")
	b = appendField(append(b, ' '), h, "Subject")
	from := appendAddresses(nil, h, "From")
	b = append(append(b, ' '), from...)
	for _, name := range [...]string{"Sender", "Reply-To"} {
		// Both are From where they are absent or empty.
		start := len(b) + 1
		b = appendAddresses(append(b, ' '), h, name)
		if string(b[start:]) == "NIL" {
			b = append(b[:start], from...)
		}
	}
	b = appendAddresses(append(b, ' '), h, "To")
	b = appendAddresses(append(b, ' '), h, "Cc")
	b = appendAddresses(append(b, ' '), h, "Bcc")
	b = appendField(append(b, ' '), h, "In-Reply-To")
	b = appendField(append(b, ' '), h, "Message-ID")
	return append(b, ')')
}

// MessageIDOf returns the Message-ID that an ENVELOPE has, or "".
func MessageIDOf(envelope []byte) string {
	if all := SplitList(envelope); len(all) > EnvMessageID {
		return ParseString(all[EnvMessageID])
	}
	return ""
}

func appendField(b []byte, h *mail.Header, name string) []byte {
	return appendNString(b, h.Get(name), h.Count(name) > 0)
}

// maxAddresses bounds an address list in an envelope: the rest of it is left out.
const maxAddresses = 2000

func appendAddresses(b []byte, h *mail.Header, name string) []byte {
	list := mail.ParseAddressList(strings.Join(h.All(name), ", "))
	if len(list) == 0 {
		return append(b, "NIL"...)
	}
	b = append(b, '(')
	for _, a := range list[:min(len(list), maxAddresses)] {
		b = appendAddress(b, a)
	}
	return append(b, ')')
}

// appendAddress adds one address in the header's own text. A group's start has
// only its name, as mailbox; its end nothing. The domain of an address that has
// none is "", since NIL would start a group.
func appendAddress(b []byte, a mail.Address) []byte {
	switch a.Mark {
	case mail.GroupStart:
		return append(AppendString(append(b, "(NIL NIL "...), a.Phrase), " NIL)"...)
	case mail.GroupEnd:
		return append(b, "(NIL NIL NIL NIL)"...)
	}
	b = appendNString(append(b, '('), a.Phrase, a.Phrase != "")
	b = appendNString(append(b, ' '), a.Route, a.Route != "")
	b = AppendString(append(b, ' '), a.Local)
	b = AppendString(append(b, ' '), a.Domain)
	return append(b, ')')
}
