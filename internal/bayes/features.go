package bayes

import (
	"fmt"
	"strings"

	"gatepost/internal/mail"
)

// Bounds of what is looked at in a message, in octets.
const (
	maxText  = 12000 // of the text, and of all that 4-grams are made of
	maxValue = 1000  // of one field of the header
	maxHead  = 16000 // of all of them
	maxParts = 2000  // of the lines that describe parts
	maxOther = 4000  // of links, hidden text and other signs, each
	maxWord  = 40    // of a word; longer ones are told by their length
)

// Features are what of a message counts: hashes, each once, and the text that they were made of, from
// which Explain finds their names again. They do not change any more.
type Features struct {
	source source
	grams  []uint32
	words  []uint32
	pairs  []uint32 // words and pairs of words
}

// Of reads the features of a message: the shape of its header, the decoded text of its fields,
// its MIME structure, what there is to read in it, what is hidden, where links lead, attachments' kinds and names.
// It fails where the content can't be read.
func Of(m *mail.Message) (*Features, error) {
	f := &Features{source: read(m)}
	if err := m.Err(); err != nil {
		return nil, fmt.Errorf("bayes: read message: %w", err)
	}
	f.hash()
	return f, nil
}

// A source is the text of features: spans of it, each with what stands before its words.
type source struct {
	text  []byte
	spans []span
	plain int // so much of text 4-grams are made of
}

// A span is a run of words that follow one another.
type span struct {
	prefix     string
	start, end int
}

func (s *source) add(prefix, text string, limit int) {
	start := len(s.text)
	s.text = append(s.text, text[:min(len(text), limit)]...)
	s.spans = append(s.spans, span{prefix, start, len(s.text)})
	s.text = append(s.text, '\n')
}

func read(m *mail.Message) source {
	var s source
	s.text = make([]byte, 0, 2*maxText)
	names := s.header(m.Header())
	s.parts(m.Root())
	e := m.Extract()
	s.add("", e.Body(), maxText)
	s.plain = min(len(s.text), maxText)
	if room := maxText - s.plain; room > 0 && e.HTML != "" {
		s.text = append(s.text, e.HTML[:min(len(e.HTML), room)]...)
		s.plain = len(s.text)
	}
	s.add("order:", names, maxOther)
	s.add("hidden:", e.Hidden, maxOther)
	s.add("sign:", signs(m, e), maxOther)
	s.add("link:", hosts(e), maxOther)
	return s
}

// header adds the fields as "Name: value" and returns their names.
func (s *source) header(h *mail.Header) string {
	var names strings.Builder
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.Name == "" || local(f.Name) || len(s.text) > maxHead {
			continue
		}
		value := f.Value()
		if strings.Contains(value, "=?") {
			value = h.Text(f.Name)
		}
		names.WriteString(f.Name)
		names.WriteByte(' ')
		s.text = append(append(s.text, f.Name...), ": "...)
		s.add(strings.ToLower(f.Name)+":", value, maxValue)
	}
	return names.String()
}

// local reports whether a field is one that filters and mail programs add to what they received: it
// says what they made of the message, from which nothing must be learnt.
func local(name string) bool {
	for _, prefix := range []string{"X-Spam-", "X-Gatepost-", "X-Bogosity", "X-UID", "X-Mozilla-"} {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return strings.EqualFold(name, "Status") || strings.EqualFold(name, "X-Status") || strings.EqualFold(name, "X-Keywords")
}

// parts adds a line for each part below the root.
func (s *source) parts(root *mail.Part) {
	start := len(s.text)
	for p := range root.All() {
		if p == root {
			continue
		}
		if len(s.text)-start > maxParts {
			return
		}
		s.add("part:", p.Type+"/"+p.Subtype+" "+p.Encoding+" "+p.Disposition+" "+p.Filename+" "+p.Params["charset"], maxValue)
	}
}

// signs says what is odd in a message, a word each.
func signs(m *mail.Message, e *mail.Extract) string {
	var list []string
	add := func(is bool, word string) {
		if is {
			list = append(list, word)
		}
	}
	add(e.Hidden != "", "hidden-text")
	add(e.Splits > 0, "split-words")
	add(e.Buried, "buried-text")
	add(e.Images > 0, "pictures")
	add(len(e.Forms) > 0, "form")
	add(e.HTML != "" && e.Text == "", "html-only")
	add(m.Root().Flags != 0, "mime-flaws")
	return strings.Join(list, " ")
}

// hosts returns the hosts that links lead to, each once.
func hosts(e *mail.Extract) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, l := range e.Links() {
		_, rest, ok := strings.Cut(l.URL, "://")
		if !ok {
			continue
		}
		host := rest
		if i := strings.IndexAny(rest, "/?#:"); i >= 0 {
			host = rest[:i]
		}
		if host = strings.ToLower(host); !seen[host] && b.Len() < maxOther {
			seen[host] = true
			b.WriteString(host)
			b.WriteByte(' ')
		}
	}
	return b.String()
}
