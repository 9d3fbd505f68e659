package mailbox

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/cases"

	"gatepost/internal/mail"
)

// A SortKey is one of RFC 5256 §3 and RFC 5957.
type SortKey uint8

// The keys.
const (
	ByArrival SortKey = iota
	ByCc
	ByDate
	ByFrom
	BySize
	BySubject
	ByTo
	ByDisplayFrom
	ByDisplayTo
)

// A SortOrder is a key and its direction.
type SortOrder struct {
	Key     SortKey
	Reverse bool
}

// A Sortable is what of a message the keys look at.
type Sortable struct {
	UID                    UID
	Arrival, Date          time.Time // Date is when it was sent, or Arrival where it can't be read
	Size                   int64
	Subject                string // see BaseSubject
	Reply                  bool   // BaseSubject left something out that only replies and forwards have
	From, To, Cc           string // the local parts of the first addresses
	DisplayFrom, DisplayTo string // their names, or whole addresses
	ID                     string // Message-ID
	References             []string
}

// SortableOf reads a message's row and ENVELOPE. References are what it replies to; those of the field References
// are in no row (see ReadReferences).
func SortableOf(m *Message) Sortable {
	s := Sortable{UID: m.UID, Arrival: m.InternalDate, Date: m.InternalDate, Size: m.Size}
	env := SplitList(m.Envelope)
	if len(env) <= EnvMessageID {
		return s
	}
	if t, ok := mail.ParseDate(ParseString(env[EnvDate])); ok {
		s.Date = t
	}
	s.Subject, s.Reply = BaseSubject(mail.DecodeText(ParseString(env[EnvSubject])))
	s.From, s.DisplayFrom = firstAddress(env[EnvFrom])
	s.To, s.DisplayTo = firstAddress(env[EnvTo])
	s.Cc, _ = firstAddress(env[EnvCc])
	s.Subject, s.DisplayFrom, s.DisplayTo = fold(s.Subject), fold(s.DisplayFrom), fold(s.DisplayTo)
	if ids := messageIDs(ParseString(env[EnvMessageID])); len(ids) > 0 {
		s.ID = ids[0]
	}
	if ids := messageIDs(ParseString(env[EnvInReplyTo])); len(ids) > 0 {
		s.References = ids[:1]
	}
	return s
}

// fold maps texts that differ in case alone to one (RFC 5256 §3 asks for i;unicode-casemap).
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return cases.Fold().String(s)
		}
	}
	return strings.ToLower(s)
}

// firstAddress returns the local part of the first address in a list of an ENVELOPE, and how it is shown
// (RFC 5957 §2).
func firstAddress(list []byte) (local, display string) {
	for _, one := range SplitList(list) {
		part := SplitList(one)
		if len(part) != 4 {
			continue
		}
		local = ParseString(part[2])
		if display = mail.DecodeText(ParseString(part[0])); display == "" {
			display = local + "@" + ParseString(part[3])
		}
		return fold(local), display
	}
	return "", ""
}

// Sort orders messages; those alike stay in the order of their UIDs.
func Sort(list []Sortable, by []SortOrder) {
	slices.SortFunc(list, func(a, b Sortable) int {
		for _, o := range by {
			if c := o.Key.compare(&a, &b); c != 0 {
				if o.Reverse {
					return -c
				}
				return c
			}
		}
		return cmp.Compare(a.UID, b.UID)
	})
}

func (k SortKey) compare(a, b *Sortable) int {
	switch k {
	case ByArrival:
		return a.Arrival.Compare(b.Arrival)
	case ByCc:
		return strings.Compare(a.Cc, b.Cc)
	case ByDate:
		return a.Date.Compare(b.Date)
	case ByFrom:
		return strings.Compare(a.From, b.From)
	case BySize:
		return cmp.Compare(a.Size, b.Size)
	case BySubject:
		return strings.Compare(a.Subject, b.Subject)
	case ByTo:
		return strings.Compare(a.To, b.To)
	case ByDisplayFrom:
		return strings.Compare(a.DisplayFrom, b.DisplayFrom)
	}
	return strings.Compare(a.DisplayTo, b.DisplayTo)
}

// maxSubject bounds what BaseSubject looks at, in octets.
const maxSubject = 300

// BaseSubject returns a decoded subject without what replies and forwards put around it, and whether there was any of
// that (RFC 5256 §2.1).
func BaseSubject(s string) (base string, reply bool) {
	if len(s) > maxSubject {
		s = s[:maxSubject]
	}
	s = strings.Join(strings.Fields(s), " ")
	for {
		before := s
		for {
			trimmed := strings.TrimRight(s, " ")
			if len(trimmed) < 5 || !strings.EqualFold(trimmed[len(trimmed)-5:], "(fwd)") {
				s = trimmed
				break
			}
			s, reply = trimmed[:len(trimmed)-5], true
		}
		for {
			if rest, ok := cutLeader(s); ok {
				s, reply = rest, true
				continue
			}
			if rest, ok := cutBlob(s); ok && rest != "" {
				s = rest
				continue
			}
			break
		}
		if len(s) > 6 && strings.EqualFold(s[:5], "[fwd:") && s[len(s)-1] == ']' {
			s, reply = strings.TrimSpace(s[5:len(s)-1]), true
		}
		if s == before {
			return s, reply
		}
	}
}

// cutLeader takes away "Re:", "Fwd [list]:" and the like, with blobs before it.
func cutLeader(s string) (string, bool) {
	s = strings.TrimLeft(s, " ")
	for {
		rest, ok := cutBlob(s)
		if !ok {
			break
		}
		s = rest
	}
	word := ""
	for _, w := range []string{"fwd", "re", "fw"} {
		if len(s) >= len(w) && strings.EqualFold(s[:len(w)], w) {
			word = w
			break
		}
	}
	if word == "" {
		return "", false
	}
	s = strings.TrimLeft(s[len(word):], " ")
	if rest, ok := cutBlob(s); ok {
		s = rest
	}
	rest, ok := strings.CutPrefix(s, ":")
	return strings.TrimLeft(rest, " "), ok
}

// cutBlob takes away "[list]".
func cutBlob(s string) (string, bool) {
	if !strings.HasPrefix(s, "[") {
		return s, false
	}
	end := strings.IndexAny(s[1:], "[]") + 1
	if end < 1 || s[end] != ']' {
		return s, false
	}
	return strings.TrimLeft(s[end+1:], " "), true
}

// maxReferences bounds the references that a message counts with: its last ones.
const maxReferences = 20

// messageIDs finds Message-IDs in a field, without their angle brackets.
func messageIDs(s string) (list []string) {
	for {
		open := strings.IndexByte(s, '<')
		if open < 0 {
			break
		}
		end := strings.IndexByte(s[open:], '>')
		if end < 0 {
			break
		}
		if id := strings.Join(strings.Fields(s[open+1:open+end]), ""); id != "" {
			list = append(list, id)
		}
		s = s[open+end+1:]
	}
	return list[max(0, len(list)-maxReferences):]
}

// ReadReferences takes a message's fields References, as they stand in it, which tell more than In-Reply-To.
func (s *Sortable) ReadReferences(fields string) {
	if ids := messageIDs(fields); len(ids) > 0 {
		s.References = ids
	}
}
