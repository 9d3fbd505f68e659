package complaint

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// A Form is the way in which a complaint came.
type Form string

// The forms.
const (
	FormARF     Form = "arf"     // a report of RFC 5965
	FormForward Form = "forward" // originals, attached to a mail
	FormSpam    Form = "spam"    // an owner said that a message is spam
	FormAdded   Form = "added"   // an operator added it
)

// A Report is what a message to an address for complaints says, within bounds.
type Report struct {
	Tx        string     `json:"tx"`       // the transaction that brought it
	Time      time.Time  `json:"time"`     // when
	Reporter  mail.Path  `json:"reporter"` // who sent it: the log-in, the reverse-path or the author
	Proof     string     `json:"proof"`    // by which it is he: "log-in", "spf", "dkim example.org"; "": by nothing
	Form      Form       `json:"form"`
	Feedback  Feedback   `json:"feedback,omitzero"` // of an ARF report
	Originals []Original `json:"originals"`
	More      int        `json:"more,omitempty"` // originals beyond MaxOriginals, which are not read
}

// An Original is a message that somebody complains of, as far as the report has it. All
// of it is the reporter's word.
type Original struct {
	ID        string    `json:"id,omitempty"`         // of its X-Gatepost-Id; "": it has none
	MessageID string    `json:"message_id,omitempty"` // with its angle brackets
	Author    mail.Path `json:"author,omitempty"`
	Subject   string    `json:"subject,omitempty"` // decoded
}

// Bounds of a report. What lies beyond is left out, not refused: the message goes to
// whoever reads it in any case.
const (
	MaxOriginals = 100
	// maxHeaders is how many octets are read of an original that is encoded or has a
	// header alone.
	maxHeaders = 64 << 10
	maxSubject = 200
	maxID      = 255
)

// Parse reads a message to an address for complaints. It reports false where the message
// neither is a report nor has an original attached: then it is a letter, for a person.
//
// A report is a multipart/report with a part message/feedback-report and, behind it, the
// original (RFC 5965 §2); its labels are not insisted on. What lies inside an original is
// not looked at: a spammer can attach what he likes to his message.
func Parse(m *mail.Message) (Report, bool) {
	p := parser{m: m}
	root := m.Root()
	p.part(root)
	r := p.report
	switch kind := root.Params["report-type"]; {
	case p.found:
		r.Form = FormARF
		if len(r.Originals) == 0 { // the report's own fields are all there is
			r.Originals = []Original{{}}
		}
	case root.Is("multipart/report") && kind != "" && !strings.EqualFold(kind, "feedback-report"):
		return Report{}, false // of a delivery (RFC 3464) or a reading (RFC 8098): nobody complains
	case len(r.Originals) > 0:
		r.Form = FormForward
	}
	return r, r.Form != ""
}

// ParseOriginal reads a message that is itself what is complained of.
func ParseOriginal(m *mail.Message) Original { return original(m.Header()) }

// A parser gathers a report from the parts of its message.
type parser struct {
	m      *mail.Message
	report Report
	found  bool // a machine-readable part
}

// part looks at one part. A message's own parts are not ours.
func (p *parser) part(part *mail.Part) {
	switch {
	case part.IsMultipart():
		for _, child := range part.Parts {
			p.part(child)
		}
	case part.Is("message/feedback-report"):
		if !p.found {
			p.found = true
			p.report.Feedback = parseFeedback(p.read(part, maxFeedback))
		}
	case isOriginal(part):
		p.original(part)
	}
}

// isOriginal reports whether a part is a message or its header (RFC 6522 §3, RFC 6533
// §5): by its type, or, as some programs attach a stored message, by its name alone.
func isOriginal(part *mail.Part) bool {
	return part.IsMessage() || part.Is("text/rfc822-headers") || part.Is("message/rfc822-headers") || part.Is("message/global-headers") ||
		part.Type == "application" && strings.HasSuffix(strings.ToLower(part.Filename), ".eml")
}

func (p *parser) original(part *mail.Part) {
	if len(p.report.Originals) == MaxOriginals {
		p.report.More++
		return
	}
	h := (*mail.Header)(nil)
	if part.IsMessage() && len(part.Parts) == 1 {
		h = part.Parts[0].Header
	} else { // encoded, or a header alone
		h = header(p.read(part, maxHeaders))
	}
	p.report.Originals = append(p.report.Originals, original(h))
}

// read returns what a part has, decoded, up to a limit. What can't be read any more is
// left out: the message itself can't be stored then.
func (p *parser) read(part *mail.Part, limit int64) []byte {
	b, _ := io.ReadAll(io.LimitReader(p.m.Decoded(part), limit))
	return b
}

func original(h *mail.Header) Original {
	o := Original{MessageID: clip(h.Get("Message-ID"), maxID), Subject: clip(h.Text("Subject"), maxSubject)}
	if id := strings.ToLower(h.Get("X-Gatepost-Id")); isID(id) {
		o.ID = id // the first: each pass through here puts its own in front
	}
	for _, a := range mail.ParseAddressList(clip(h.Get("From"), maxField)) {
		if path, ok := a.Path(); ok {
			o.Author = path.Fold()
			break
		}
	}
	return o
}

// isID reports whether s may be a transaction's id (mail.NewID).
func isID(s string) bool {
	if len(s) != 20 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'v') {
			return false
		}
	}
	return true
}

// clip returns one line of valid UTF-8, of at most n octets.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
