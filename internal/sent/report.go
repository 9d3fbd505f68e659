package sent

import (
	"io"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// Bounds of what is read of a report.
const (
	// MaxRefs is how many Message-IDs are taken of one message.
	MaxRefs = 10
	// maxParts is how many of its parts are looked into.
	maxParts = 8
	// maxRead is how much of a part, in octets.
	maxRead = 64 << 10
	// maxID is the longest Message-ID: a line of RFC 5322 §2.1.1.
	maxID = 998
)

// Refers returns the Message-IDs that a message is about, as Ledger.Sent wants them, what
// tells most first, each once and at most MaxRefs:
//
//   - of the message that a report returns (RFC 3462 §2, RFC 6522), whole, or its header;
//   - of the one that a read receipt is for (RFC 8098 §3.2.4);
//   - of the one that a server of the old kind quotes in a plain text (qmail, Exim);
//   - of what an answer, such as that of somebody on holiday, is to (RFC 3834 §3.1.5).
//
// Whatever the message is, the work is bounded; what lies beyond is not seen.
func Refers(m *mail.Message) []string {
	r := &refs{m: m}
	root := m.Root()
	looked := 0
	for p := range root.All() {
		if looked == maxParts {
			break
		}
		if r.part(p, p == root) {
			looked++
		}
	}
	h := m.Header()
	r.texts(h.All("In-Reply-To"))
	for _, v := range h.All("References") {
		ids := split(v)
		slices.Reverse(ids) // the nearest is the last
		r.add(ids)
	}
	return r.ids
}

// refs gathers Message-IDs.
type refs struct {
	m   *mail.Message
	ids []string
}

// part looks into one part, and reports whether that was any work.
func (r *refs) part(p *mail.Part, root bool) bool {
	switch {
	case p.IsMessage() && len(p.Parts) > 0:
		r.texts(p.Parts[0].Header.All("Message-ID"))
	case p.Is("text/rfc822-headers"), p.Is("message/global-headers"), p.IsMessage():
		r.fields(p, "Message-ID")
	case p.Is("message/disposition-notification"), p.Is("message/global-disposition-notification"):
		r.fields(p, "Original-Message-ID")
	case root && p.Is("text/plain"):
		r.fields(p, "Message-ID")
	default:
		return false
	}
	return true
}

// fields looks for fields of a name among the lines of a part: a header, or a text that
// quotes one, maybe with ">" in front.
func (r *refs) fields(p *mail.Part, name string) {
	b, _ := io.ReadAll(io.LimitReader(r.m.Decoded(p), maxRead)) // what can't be read is not there
	lines := strings.Split(string(b), "\n")
	for i, line := range lines {
		value, ok := field(line, name)
		if !ok {
			continue
		}
		if strings.TrimSpace(value) == "" && i+1 < len(lines) { // folded behind the name
			value = lines[i+1]
		}
		r.texts([]string{value})
	}
}

// field returns what follows the name of a field at the begin of a line.
func field(line, name string) (value string, ok bool) {
	line = strings.TrimLeft(line, "> \t")
	if len(line) <= len(name) || !strings.EqualFold(line[:len(name)], name) {
		return "", false
	}
	return strings.CutPrefix(strings.TrimLeft(line[len(name):], " \t"), ":")
}

func (r *refs) texts(values []string) {
	for _, v := range values {
		r.add(split(v))
	}
}

func (r *refs) add(ids []string) {
	for _, id := range ids {
		if len(r.ids) < MaxRefs && !slices.Contains(r.ids, id) {
			r.ids = append(r.ids, id)
		}
	}
}

// split returns the Message-IDs in the value of a field, at most a few more than MaxRefs
// from its end.
func split(value string) (ids []string) {
	for len(ids) < 2*MaxRefs {
		end := strings.LastIndexByte(value, '>')
		if end < 0 {
			break
		}
		start := strings.LastIndexByte(value[:end], '<')
		if start < 0 {
			break
		}
		if id := normal(value[start : end+1]); id != "" {
			ids = append(ids, id)
		}
		value = value[:start]
	}
	slices.Reverse(ids)
	return ids
}

// normal is one spelling of a Message-ID: what stands between the angle brackets, without
// white space around, the domain in lower case. "" is none.
func normal(value string) string {
	if _, rest, ok := strings.Cut(value, "<"); ok {
		value, _, _ = strings.Cut(rest, ">")
	}
	value = strings.TrimSpace(value)
	if len(value) < 3 || len(value) > maxID || strings.ContainsAny(value, " \t\r\n<>") {
		return ""
	}
	at := strings.LastIndexByte(value, '@')
	if at < 0 {
		return value
	}
	return value[:at] + strings.ToLower(value[at:])
}
