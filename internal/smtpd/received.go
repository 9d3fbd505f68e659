package smtpd

import (
	"strings"

	"gatepost/internal/mail"
)

// received makes the trace field that goes on top of the message (RFC 5321
// §4.4). It names a recipient only if there is one: else it would tell each of
// the others.
func (s *session) received(id string) []byte {
	var b strings.Builder
	client := from(s.client)
	if s.cfg.HideUsers && !s.login.IsNull() {
		client = "submission" // a From-domain must be there (RFC 5321 §4.4)
	}
	b.WriteString("from " + client + " by " + s.cfg.Hostname + " with " + protocol(s.client, s.utf8))
	if s.client.TLS != "" {
		b.WriteString(" (" + s.client.TLS + ")")
	}
	b.WriteString(" id " + id)
	if s.rcpts == 1 {
		b.WriteString(" for <" + s.to.String() + ">")
	}
	b.WriteString("; " + s.cfg.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	return mail.AppendStructured(nil, "Received", b.String())
}

// from is what the client said it is, and what it is. What it said is left out
// where it is no name, since it would be read as other words of the field.
func from(c mail.Client) string {
	literal := "[" + c.Addr.String() + "]"
	if c.Addr.Is6() {
		literal = "[IPv6:" + c.Addr.String() + "]"
	}
	name, err := mail.ParseDomain(c.Helo)
	if err != nil {
		return literal
	}
	return name + " (" + literal + ")"
}

// protocol is the "with" of RFC 3848, and of RFC 6531 §4.3 where MAIL had SMTPUTF8.
func protocol(c mail.Client, utf8 bool) string {
	if !c.ESMTP && !utf8 {
		return "SMTP"
	}
	p := "ESMTP"
	if utf8 {
		p = "UTF8SMTP"
	}
	if c.TLS != "" {
		p += "S"
	}
	if !c.Login.IsNull() {
		p += "A"
	}
	return p
}
