package attachment

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// HasAttachments reports whether Inspect would look at anything: a message that is no more
// than text costs nothing.
func HasAttachments(m *mail.Message) bool {
	for p := range m.Root().All() {
		if p.Flags.Has(unseen) || attached(p) || len(namesOf(p)) > 0 || len(readings(p)) > 0 {
			return true
		}
		if _, more := epilogue(m, p); more {
			return true
		}
	}
	return len(written(m)) > 0
}

// namesOf is the part's Names, found out only where the header has a parameter that is called like one.
func namesOf(p *mail.Part) []string {
	if p.Filename != "" {
		return p.Names()
	}
	for i := range p.Header.Fields {
		switch f := &p.Header.Fields[i]; len(f.Name) {
		case len("Content-Type"), len("Content-Disposition"):
			if strings.EqualFold(f.Name[:min(len(f.Name), len("Content-"))], "Content-") && holdsName(f.Raw) {
				return p.Names()
			}
		}
	}
	return nil
}

// holdsName reports whether a field holds "name", the ends of lines left out, which may stand within.
func holdsName(raw []byte) bool {
	const word = "name"
	n := 0
	for _, c := range raw {
		switch c |= 0x20; { // of CR and LF it makes "-" and "*"
		case c == '\r'|0x20, c == '\n'|0x20:
		case c != word[n]:
			n = 0
			if c == word[0] {
				n = 1
			}
		default:
			if n++; n == len(word) {
				return true
			}
		}
	}
	return false
}

// unseen are the flaws of a message that may hold parts that mail's walk does not show.
const unseen = mail.TooMany | mail.TooDeep | mail.HeaderCut

// unseenParts says why a message may hold parts that mail's walk does not show; "" as a rule.
func unseenParts(m *mail.Message) string {
	var all mail.Flaws
	for p := range m.Root().All() {
		all |= p.Flags
	}
	switch {
	case all.Has(mail.TooMany):
		return fmt.Sprintf("more than %d parts, or their headers too long", mail.MaxParts)
	case all.Has(mail.TooDeep):
		return fmt.Sprintf("parts in parts, more than %d deep", mail.MaxDepth)
	case all.Has(mail.HeaderCut):
		return fmt.Sprintf("a header of more than %d KiB", mail.MaxHeader>>10)
	}
	return ""
}

// written returns the texts of a message that may hold files in the way of uuencode. It does
// not ask for the message's Extract: that reads pages as a browser does, and how long it takes must not decide
// whether attachments are looked at.
func written(m *mail.Message) (texts []string) {
	room := int64(mail.MaxExtract)
	for p := range m.Root().All() {
		if p.Type != "text" || p.Subtype == "html" {
			continue
		}
		if !mayBegin(m, p, room) {
			continue
		}
		text, _ := m.Text(p, room)
		room -= int64(len(text))
		if strings.HasPrefix(text, "begin") || strings.Contains(text, "\nbegin") {
			texts = append(texts, text)
		}
	}
	return texts
}

// mayBegin reports whether a line of a part's text may start with "begin", by its octets as they came, of which there
// is no need to make text then. In quoted-printable letters may be written as digits, and a line break stand within the word.
func mayBegin(m *mail.Message, p *mail.Part, limit int64) bool {
	const mark = 3                       // octets that may stand before a text, to say that it is in UTF-8
	signs := []string{"\nbegin", "\x00"} // NUL is in all UTF-16
	switch p.Encoding {
	case "base64":
		return true
	case "quoted-printable":
		if p.End-p.Body > limit { // what is read of it may come from further on
			return true
		}
		signs = []string{"begin", "\x00", "=00", "=6", "b=", "be=", "beg=", "begi="}
	}
	switch charset := strings.ToLower(p.Params["charset"]); {
	case charset == "", charset == "us-ascii", charset == "utf-8":
	case strings.HasPrefix(charset, "iso-8859-"), strings.HasPrefix(charset, "windows-12"):
	default:
		return true
	}
	return m.RawContains(p, "begin", min(limit, mark+int64(len("begin")))) || slices.ContainsFunc(signs, func(s string) bool { return m.RawContains(p, s, limit) })
}

// attached reports whether a part is looked at: a leaf that is not the text of the message, or
// what should have parts and has none.
func attached(p *mail.Part) bool {
	if (p.IsMultipart() || p.IsMessage()) && len(p.Parts) > 0 || p.Body == p.End {
		return false
	}
	body := p.Type == "text" && (p.Subtype == "plain" || p.Subtype == "html")
	return !body || p.Disposition == "attachment" || len(namesOf(p)) > 0
}

// named looks at the names of what is no file to us, but is saved as one by some: a multipart, a mail.
func (w *walker) named(p *mail.Part, at place) {
	names := p.Names()
	if len(names) == 0 || !p.IsMultipart() && !p.IsMessage() {
		return
	}
	f := &File{Kind: Message, Name: cleanName(names[0])}
	f.Flags = nameFlags(f.Name, f.Kind)
	w.alsoNamed(f, names)
	if len(f.Flags) == 0 {
		return
	}
	g := w.begin(names[0], at)
	g.Declared, g.Kind, g.Also = p.Type+"/"+p.Subtype, Message, f.Also
	g.Flags = append(g.Flags, f.Flags...)
	w.end(g)
}

// alsoNamed judges the names of a part beside the first: which one counts is for each program to say.
func (w *walker) alsoNamed(f *File, names []string) {
	for _, name := range names[min(len(names), 1):] {
		name = cleanName(name)
		f.Also = append(f.Also, name)
		flags := nameFlags(name, f.Kind)
		for _, g := range flags {
			w.flag(f, g.Class, "%s, as it is named too: %s", g.What, name)
		}
		if len(flags) > 0 && Extension(name) != Extension(f.Name) {
			w.flag(f, Disguised, "two names, %s and %s", f.Name, name)
		}
	}
}
