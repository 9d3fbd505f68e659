package bayes

import (
	"bytes"
	"strings"

	"gatepost/internal/mail"
)

// A source is the text that features are made of.
type source struct {
	fields []field
	parts  []string // a line for each part below the root
	text   []byte   // those lines, what there is to read, and the HTML
	body   string   // what there is to read
	html   int      // length of the HTML
	hidden int      // length of the text that nobody sees
	signs  []string // what is odd
	names  []string // of files
	links  []mail.Link
	cut    bool
}

// A field is one of the header, decoded, without what only says when it was written.
type field struct {
	name  string // as written
	lower string
	value string
}

func read(m *mail.Message) source {
	s := source{fields: fields(m.Header())}
	size := 0
	for p := range m.Root().All() {
		if p == m.Root() || size > maxParts {
			continue
		}
		line := "part: " + p.Type + "/" + p.Subtype + " " + p.Encoding + " " + p.Disposition + " " + p.Filename + " " + p.Params["charset"]
		size += len(line)
		s.parts = append(s.parts, clip(line, maxValue))
	}
	e := m.Extract()
	s.body, s.html, s.hidden, s.links = e.Body(), len(e.HTML), len(e.Hidden), e.Links()
	s.links = s.links[:min(len(s.links), maxLinks)]
	s.signs, s.names = signs(m, e), e.Filenames[:min(len(e.Filenames), maxLinks)]
	s.text = make([]byte, 0, min(size+len(s.parts)+len(s.body)+len(e.HTML)+16, maxWords))
	for _, p := range s.parts {
		s.room(p)
		s.room("\n")
	}
	s.room(s.body)
	if e.HTML != "" {
		s.room("\nhtml:\n")
		s.markup(e.HTML)
	}
	s.cut = e.Cut || len(s.body) > maxWords
	return s
}

// room adds what there is room for.
func (s *source) room(text string) {
	s.text = append(s.text, clip(text, maxWords-len(s.text))...)
}

// markup adds the tags of HTML, and nothing that stands between them: what a reader sees is there already, and what he does
// not, comments and hidden text, anybody may fill with what looks like ham.
func (s *source) markup(html string) {
	for len(s.text) < maxWords {
		open := strings.IndexByte(html, '<')
		if open < 0 {
			return
		}
		html = html[open:]
		end := ">"
		if strings.HasPrefix(html, "<!--") {
			end = "-->"
		}
		size := strings.Index(html, end)
		if size < 0 {
			return
		}
		size += len(end)
		if end == ">" {
			s.room(clip(html[:size], maxTag))
			s.room("\n")
		}
		html = html[size:]
	}
}

func clip(s string, n int) string { return s[:min(len(s), n)] }

// fields reads the header.
func fields(h *mail.Header) []field {
	list := make([]field, 0, len(h.Fields))
	size := 0
	for i := range h.Fields {
		f := &h.Fields[i]
		lower := strings.ToLower(f.Name)
		if f.Name == "" || local(lower) || size > maxHead || len(list) == maxFields {
			continue
		}
		value := f.Value()
		if strings.Contains(value, "=?") {
			value = h.Text(f.Name)
		}
		if strings.IndexByte(value, '\t') >= 0 {
			value = strings.ReplaceAll(value, "\t", " ") // where lines were folded
		}
		value = timeless(lower, clip(value, 2*maxValue))
		list = append(list, field{f.Name, lower, clip(value, maxValue)})
		size += len(f.Name) + len(value)
	}
	return list
}

// local reports whether a field is one that filters, servers and mail programs add to what they received: it
// tells what they made of the message, or where it was kept, from which nothing must be learnt.
func local(name string) bool {
	switch name {
	case "status", "x-status", "x-keywords", "delivered-to", "x-original-to", "envelope-to", "authentication-results",
		"arc-authentication-results", "received-spf", "lines", "content-length", "x-bogosity":
		return true
	}
	for _, prefix := range [...]string{"x-spam-", "x-gatepost-", "x-uid", "x-mozilla-", "x-rspamd-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// timeless takes out of a field's value when it was written, and numbers that nobody sees twice: they tell
// messages of one month from those of another, and fill the tables.
func timeless(name, value string) string {
	switch name {
	case "date", "received", "x-received", "resent-date":
		return undated(value)
	case "message-id", "references", "in-reply-to", "content-type", "x-originalarrivaltime", "thread-index":
		return nulled(value)
	}
	return value
}

// nulled makes all digits 0.
func nulled(s string) string {
	if !strings.ContainsAny(s, "123456789") {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if isDigit(c) {
			b[i] = '0'
		}
	}
	return string(b)
}

// undated leaves out days, dates, times, and the word behind "id".
func undated(s string) string {
	out := make([]byte, 0, len(s))
	var before string // the word before, as long as it was part of a date
	for s != "" {
		word, rest, _ := strings.Cut(s, " ")
		plain := strings.TrimRight(word, ",;")
		next, after, _ := strings.Cut(rest, " ")
		switch {
		case isDay(plain) || isTime(plain) || isDate(plain):
			before, s = "", rest
			continue
		case isNumber(plain) && len(plain) <= 2 && isMonth(next), isMonth(plain) && before != "", isNumber(plain) && isMonth(before):
			before, s = plain, rest
			continue
		case strings.EqualFold(plain, "id") && next != "":
			if i := strings.IndexByte(next, ';'); i >= 0 {
				out = append(out, "; "...)
			}
			before, s = "", after
			continue
		}
		before = ""
		out = append(append(out, word...), ' ')
		s = rest
	}
	return string(bytes.TrimRight(out, " "))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// isTime: 12:34:53.
func isTime(s string) bool {
	return len(s) >= 4 && len(s) <= 8 && isDigit(s[0]) && isDigit(s[len(s)-1]) && strings.Trim(s, "0123456789:") == "" && strings.Contains(s, ":")
}

// isDate: 22-Aug-2002.
func isDate(s string) bool {
	day, rest, _ := strings.Cut(s, "-")
	month, year, ok := strings.Cut(rest, "-")
	return ok && isNumber(day) && isMonth(month) && isNumber(year)
}

func isMonth(s string) bool {
	return len(s) >= 3 && strings.Contains(" jan feb mar apr may jun jul aug sep oct nov dec ", " "+strings.ToLower(s[:3])+" ") && letters(s)
}

func isDay(s string) bool {
	return len(s) >= 3 && strings.Contains(" mon tue wed thu fri sat sun ", " "+strings.ToLower(s[:3])+" ") && (len(s) == 3 || strings.HasSuffix(strings.ToLower(s), "day"))
}

func letters(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// signs says what is odd in a message, a word each.
func signs(m *mail.Message, e *mail.Extract) (list []string) {
	for _, s := range [...]struct {
		is   bool
		word string
	}{
		{e.Hidden != "", "hidden text"}, {e.Splits > 0, "words split by hidden text"}, {e.Buried, "text is buried"},
		{e.Overstyled, "too much style"}, {e.Images > 0, "pictures"}, {len(e.Forms) > 0, "a form"},
		{e.HTML != "" && e.Text == "", "HTML only"}, {m.Root().Flags != 0, "MIME flaws"}, {e.Cut, "very long"},
	} {
		if s.is {
			list = append(list, s.word)
		}
	}
	return list
}
