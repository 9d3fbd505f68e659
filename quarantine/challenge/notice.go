package challenge

import (
	"embed"
	"fmt"
	"html"
	"io/fs"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/internal/locale"
	"gatepost/internal/mail"
)

//go:embed words
var words embed.FS

// A Notice is what the sender of a held message is to read.
type Notice struct {
	ID        string    // of the notice, as mail.NewID makes them
	From      mail.Path // whom an answer reaches
	To        mail.Path // the reverse-path
	Domains   []string  // of the recipients, at least one, as a person writes them
	Subject   string    // of the message, decoded
	MessageID string    // of the message, with its angle brackets; "" where it has none
	Time      time.Time // when the message came, in the zone that is to be shown
	Expires   time.Time // when the link ends, in the same zone
	Link      string
	Language  string    // the first of the two; "": English
	Now       time.Time // the notice's Date
}

// A Writer words notices. It is safe for use by many goroutines.
type Writer struct{ texts *locale.Catalog }

// NewWriter reads the texts, which are part of the program.
func NewWriter() (*Writer, error) {
	files, err := fs.Sub(words, "words")
	if err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	texts, err := locale.New(files, "en", "fr")
	if err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	return &Writer{texts}, nil
}

// Write returns the whole mail: an automatic response (RFC 3834) in the reader's
// language and, below, in the other, in plain text and in HTML. Nothing of the message is
// in it but its subject and Message-ID.
func (w *Writer) Write(n Notice) []byte {
	first := w.texts.Match(n.Language)
	order := []string{first}
	for _, l := range w.texts.Languages() {
		if l != first {
			order = append(order, l)
		}
	}
	boundary := "=_" + n.ID // random: nobody can have put it into a subject
	b := n.author(w.texts.Text(first, "notice.from", n.Domains[0]))
	b = mail.AppendStructured(b, "To", "<"+string(n.To)+">")
	b = mail.AppendField(b, "Subject", w.subject(n, order))
	b = mail.AppendField(b, "Date", n.Now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	b = mail.AppendField(b, "Message-ID", "<"+n.ID+"@"+n.From.Domain()+">")
	if id := n.MessageID; isMessageID(id) {
		b = mail.AppendField(b, "In-Reply-To", id)
		b = mail.AppendField(b, "References", id)
	}
	b = mail.AppendField(b, "Auto-Submitted", "auto-replied") // RFC 3834 §5
	b = mail.AppendField(b, "X-Auto-Response-Suppress", "All")
	b = mail.AppendField(b, "MIME-Version", "1.0")
	b = append(b, "Content-Type: multipart/alternative;\r\n\tboundary=\""+boundary+"\"\r\n\r\n"...)
	for _, part := range [][2]string{{"plain", w.plain(n, order)}, {"html", w.html(n, order)}} {
		b = append(b, "--"+boundary+"\r\nContent-Type: text/"+part[0]+"; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"...)
		b = append(b, strings.ReplaceAll(part[1], "\n", "\r\n")...)
	}
	return append(b, "--"+boundary+"--\r\n"...)
}

// author is the From field. A name with other than ASCII is encoded as a whole: an encoded
// word may not stand in quotes (RFC 2047 §5).
func (n Notice) author(name string) []byte {
	encoded := mime.QEncoding.Encode("utf-8", name)
	if encoded == name {
		return mail.AppendField(nil, "From", fmt.Sprintf("%q <%s>", name, n.From))
	}
	return fmt.Appendf(nil, "From: %s\r\n <%s>\r\n", encoded, n.From)
}

// domains names the recipients' domains, a few of them.
func (n Notice) domains() string {
	const some = 3
	list := slices.Clone(n.Domains)
	if len(list) > some {
		list = append(list[:some], "…")
	}
	return strings.Join(list, ", ")
}

func (w *Writer) subject(n Notice, order []string) string {
	var all []string
	for _, l := range order {
		all = append(all, w.texts.Text(l, "notice.subject", n.domains()))
	}
	return strings.Join(all, " / ")
}

// isMessageID reports whether a text may stand in In-Reply-To as it is.
func isMessageID(s string) bool {
	return len(s) > 2 && len(s) < 250 && s[0] == '<' && s[len(s)-1] == '>' && strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
}

// maxSubject bounds what is shown of a subject, in characters.
const maxSubject = 120

// about is the message's subject as it is shown: one line of characters that can be seen.
func (w *Writer) about(n Notice, lang string) string {
	s := strings.Join(strings.Fields(strings.Map(func(c rune) rune {
		switch {
		case c < ' ', c == 0x7f, c >= 0x80 && c < 0xa0, c == utf8.RuneError, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069:
			return ' ' // control characters, and those that turn the direction of what follows
		}
		return c
	}, n.Subject)), " ")
	if s == "" {
		return w.texts.Text(lang, "notice.none")
	}
	if r := []rune(s); len(r) > maxSubject {
		s = string(r[:maxSubject]) + "…"
	}
	return s
}

// date is a time for a reader.
func (w *Writer) date(t time.Time, lang string) string {
	months := strings.Fields(w.texts.Text(lang, "notice.months"))
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 { // French says "1er"
		day = w.texts.Text(lang, "notice.first")
	}
	return w.texts.Text(lang, "notice.date", day, months[t.Month()-1], t.Year(), t.Format("15:04 MST"))
}

func (w *Writer) plain(n Notice, order []string) string {
	var b strings.Builder
	for i, l := range order {
		text := func(key string, args ...any) string { return w.texts.Text(l, key, args...) }
		if i > 0 {
			b.WriteString("----\n\n")
		}
		for _, other := range order[i+1:] {
			b.WriteString(w.texts.Text(other, "notice.below") + "\n\n")
		}
		b.WriteString(text("notice.hello") + "\n\n")
		wrap(&b, text("notice.held", n.domains()))
		fmt.Fprintf(&b, "    %s %s\n    %s %s\n\n", text("notice.about"), w.about(n, l), text("notice.received"), w.date(n.Time, l))
		wrap(&b, text("notice.act"))
		fmt.Fprintf(&b, "    %s\n\n", n.Link)
		wrap(&b, text("notice.until", w.date(n.Expires, l)))
		wrap(&b, text("notice.notyou"))
		wrap(&b, text("notice.why"))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// wrap writes a paragraph in lines of some 72 characters. A no-break space keeps its
// neighbours together.
func wrap(b *strings.Builder, s string) {
	column := 0
	for i, w := range strings.Split(s, " ") {
		n := utf8.RuneCountInString(w)
		switch {
		case i > 0 && column+1+n > 72:
			b.WriteByte('\n')
			column = 0
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(w)
		column += n
	}
	b.WriteString("\n\n")
}

func (w *Writer) html(n Notice, order []string) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html lang=\"" + order[0] + "\">\n<head><meta charset=\"utf-8\"><title>" + html.EscapeString(w.subject(n, order[:1])) +
		"</title></head>\n<body style=\"font-family:sans-serif;line-height:1.5;max-width:36em;margin:1em auto;padding:0 1em\">\n")
	for i, l := range order {
		text := func(key string, args ...any) string { return html.EscapeString(w.texts.Text(l, key, args...)) }
		if i > 0 {
			b.WriteString("<hr>\n")
		}
		fmt.Fprintf(&b, "<div lang=\"%s\">\n", l)
		for _, other := range order[i+1:] {
			fmt.Fprintf(&b, "<p lang=\"%s\"><small>%s</small></p>\n", other, html.EscapeString(w.texts.Text(other, "notice.below")))
		}
		fmt.Fprintf(&b, "<p>%s</p>\n<p>%s</p>\n", text("notice.hello"), text("notice.held", n.domains()))
		fmt.Fprintf(&b, "<blockquote>%s <strong>%s</strong><br>\n%s %s</blockquote>\n", text("notice.about"), html.EscapeString(w.about(n, l)),
			text("notice.received"), html.EscapeString(w.date(n.Time, l)))
		link := html.EscapeString(n.Link)
		fmt.Fprintf(&b, "<p>%s<br>\n<a href=\"%s\">%s</a></p>\n", text("notice.act"), link, text("notice.button"))
		fmt.Fprintf(&b, "<p>%s</p>\n<p>%s</p>\n<p><small>%s</small></p>\n</div>\n", text("notice.until", w.date(n.Expires, l)), text("notice.notyou"), text("notice.why"))
	}
	b.WriteString("</body>\n</html>\n")
	return b.String()
}
