package attachment

import (
	"fmt"
	"strings"

	"gatepost/internal/mail"
)

// HasAttachments reports whether Inspect would look at anything: a message that is no more
// than text costs nothing.
func HasAttachments(m *mail.Message) bool {
	if unseenParts(m) != "" {
		return true
	}
	for p := range m.Root().All() {
		if attached(p) || len(p.Names()) > 0 || len(readings(p)) > 0 {
			return true
		}
		if _, more := epilogue(m, p); more {
			return true
		}
	}
	return len(written(m)) > 0
}

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
		text, _ := m.Text(p, room)
		room -= int64(len(text))
		if strings.HasPrefix(text, "begin") || strings.Contains(text, "\nbegin") {
			texts = append(texts, text)
		}
	}
	return texts
}

// attached reports whether a part is looked at: a leaf that is not the text of the message, or
// what should have parts and has none.
func attached(p *mail.Part) bool {
	if (p.IsMultipart() || p.IsMessage()) && len(p.Parts) > 0 || p.Body == p.End {
		return false
	}
	body := p.Type == "text" && (p.Subtype == "plain" || p.Subtype == "html")
	return !body || p.Disposition == "attachment" || len(p.Names()) > 0
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
