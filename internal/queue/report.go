package queue

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// A report tells a sender what became of a message: a delivery status notification
// (RFC 3464) in a multipart/report (RFC 6522), with words for a person in front.
type report struct {
	kind     string
	id       string
	hostname string
	message  *Message
	about    []*Settlement
	original returned
	now      time.Time
}

// returned is what goes back of the message.
type returned struct {
	octets    []byte
	whole     bool
	messageID string
}

func ascii[S ~string](s S) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func date(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700") }

// build returns the whole message. Its boundary has the report's id, which is
// random: nobody can have put it into what is quoted.
func (r report) build() []byte {
	boundary := "=_" + r.id
	b := mail.AppendField(nil, "From", "Mail Delivery System <mailer-daemon@"+r.hostname+">")
	b = mail.AppendStructured(b, "To", "<"+string(r.message.Sender)+">")
	b = mail.AppendField(b, "Subject", r.subject())
	b = mail.AppendField(b, "Date", date(r.now))
	b = mail.AppendField(b, "Message-ID", "<"+r.id+"@"+r.hostname+">")
	if id := r.original.messageID; len(id) > 2 && len(id) < 250 && id[0] == '<' && ascii(id) {
		b = mail.AppendField(b, "In-Reply-To", id)
		b = mail.AppendField(b, "References", id)
	}
	b = mail.AppendField(b, "Auto-Submitted", "auto-replied") // RFC 3834 §5
	b = mail.AppendField(b, "MIME-Version", "1.0")
	b = mail.AppendField(b, "Content-Transfer-Encoding", "8bit") // RFC 2045 §6.4: as the parts, of which the first is French, too
	b = append(b, "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\""+boundary+"\"\r\n\r\n"...)
	part := func(kind string, body string) {
		encoding := "8bit"
		if ascii(body) { // RFC 3464 §2.1 wants it said so of the part for programs
			encoding = "7bit"
		}
		b = append(b, "--"+boundary+"\r\nContent-Type: "+kind+"\r\nContent-Transfer-Encoding: "+encoding+"\r\n\r\n"...)
		b = append(b, body...)
		b = append(b, "\r\n"...)
	}
	status, header, whole := "message/delivery-status", "text/rfc822-headers", "message/rfc822"
	if r.global() { // RFC 6533 §4
		status = "message/global-delivery-status"
	}
	if r.global() || r.original.international() { // RFC 6533 §4
		header, whole = "message/global-headers", "message/global"
	}
	part("text/plain; charset=utf-8", r.words())
	part(status, r.status())
	switch {
	case r.original.whole:
		part(whole, string(r.original.octets))
	case len(r.original.octets) > 0:
		part(header, string(r.original.octets))
	}
	return append(b, "--"+boundary+"--\r\n"...)
}

// international reports whether what goes back is as RFC 6532 lets it be, and RFC 5322 does not.
func (r returned) international() bool {
	m := mail.NewMessage(r.octets)
	return m.NeedsUTF8() && utf8.Valid(r.octets[:m.Header().Size])
}

// global reports whether the part for programs leaves ASCII.
func (r report) global() bool {
	for _, s := range r.about {
		if s.Transfer.Recipient.NeedsUTF8() || !ascii(s.Transfer.Params.Original) {
			return true
		}
	}
	return false
}

func (r report) subject() string {
	to := r.about[0].Transfer.Recipient.Shown()
	if n := len(r.about) - 1; n > 0 {
		to += fmt.Sprintf(" (+%d)", n)
	}
	switch r.kind {
	case delayed:
		return "Delayed / En attente : " + to
	case relayed:
		return "Passed on / Transmis : " + to
	case done:
		return "Delivered / Remis : " + to
	}
	return "Undelivered / Non remis : " + to
}

// status is the part for programs (RFC 3464 §2).
func (r report) status() string {
	b := mail.AppendField(nil, "Reporting-MTA", "dns; "+r.hostname)
	if id := r.message.Params.EnvelopeID; id != "" {
		b = mail.AppendField(b, "Original-Envelope-Id", plain(id))
	}
	b = mail.AppendField(b, "Arrival-Date", date(r.message.Created))
	words := plain
	if r.global() { // RFC 6533 §4: UTF-8 may stand here
		words = printable
	}
	for _, s := range r.about {
		t := s.Transfer
		b = append(b, "\r\n"...)
		if t.Params.Original != "" {
			b = append(b, "Original-Recipient: "+strings.Replace(clip(printable(t.Params.Original)), ";", "; ", 1)+"\r\n"...)
		}
		kind := "rfc822"
		if t.Recipient.NeedsUTF8() { // RFC 6533 §3
			kind = "utf-8"
		}
		b = append(b, "Final-Recipient: "+kind+"; "+string(t.Recipient)+"\r\n"...)
		b = mail.AppendField(b, "Action", r.kind)
		b = mail.AppendField(b, "Status", r.code(s))
		if host, _, _ := strings.Cut(s.Reply.Host, " "); host != "" {
			b = mail.AppendField(b, "Remote-MTA", "dns; "+plain(mtaName(host)))
		}
		if s.Reply.Code != 0 {
			b = mail.AppendStructured(b, "Diagnostic-Code", "smtp; "+words(s.Reply.line()))
		} else if s.Reply.Text != "" {
			b = mail.AppendStructured(b, "Diagnostic-Code", "x-gatepost; "+words(s.Reply.Text))
		}
		b = mail.AppendField(b, "Last-Attempt-Date", date(r.now))
		if r.kind == delayed {
			b = mail.AppendField(b, "Will-Retry-Until", date(r.message.Expires))
		}
	}
	return string(b)
}

// mtaName is a server's name as RFC 3464 §2.3.5 has it: an address by which alone it
// is known is a literal (RFC 5321 §4.1.3).
func mtaName(host string) string {
	at, err := netip.ParseAddrPort(host)
	switch {
	case err != nil:
		return host
	case at.Addr().Is6():
		return "[IPv6:" + at.Addr().String() + "]"
	}
	return "[" + at.Addr().String() + "]"
}

// code is the status of RFC 3463 in the class that goes with the action.
func (r report) code(s *Settlement) string {
	status := s.Reply.Enhanced
	class := map[string]string{failed: "5", delayed: "4", relayed: "2", done: "2"}[r.kind]
	switch {
	case r.kind == failed && strings.HasPrefix(status, "4"):
		return "5.4.7" // time ran out; what the last attempt met stands in the diagnostic
	case strings.HasPrefix(status, class+"."):
		return status
	}
	return class + ".0.0"
}

// line is what was said, code and all, in one line.
func (r Reply) line() string {
	text := strings.ReplaceAll(r.Text, "\n", " ")
	if r.Enhanced != "" && !strings.HasSuffix(r.Enhanced, ".0.0") {
		text = r.Enhanced + " " + text
	}
	return fmt.Sprintf("%d %s", r.Code, text)
}

// plain makes a text fit for a field that has ASCII alone.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}
