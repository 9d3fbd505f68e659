package digest

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"html/template"
	"time"

	"gatepost/internal/letter"
	"gatepost/internal/locale"
	"gatepost/internal/mail"
)

//go:embed words
var wordFiles embed.FS

//go:embed digest.html
var sheetHTML string

// A Letter is what one digest tells.
type Letter struct {
	Reader Reader
	Fresh  Part
	Ending Part
	Time   time.Time
	ID     string // of the mail, unguessable (mail.NewID)
}

// A Writer writes digests. It is safe for use by many goroutines.
type Writer struct {
	hostname string
	links    Links
	texts    *locale.Catalog
	page     *template.Template
}

// NewWriter returns a Writer of mails from a host, in the language fallback where the
// reader's is none that we speak.
func NewWriter(hostname string, links Links, fallback string) (*Writer, error) {
	w := &Writer{hostname: hostname, links: links}
	texts, err := Texts(fallback)
	if err != nil {
		return nil, err
	}
	w.texts = texts
	if w.page, err = template.New("digest.html").Parse(sheetHTML); err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	return w, nil
}

// Write returns a whole mail: header, a text part and an HTML part (RFC 2046 §5.1.4).
// What is in it has no line above 76 characters, and is ASCII but for an address that is
// not.
func (w *Writer) Write(ctx context.Context, l Letter) ([]byte, error) {
	stop, err := w.links.Stop(ctx, l.Reader.Address, l.Time)
	if err != nil {
		return nil, fmt.Errorf("digest: link: %w", err)
	}
	s, err := w.sheet(ctx, l, stop)
	if err != nil {
		return nil, fmt.Errorf("digest: link: %w", err)
	}
	var html bytes.Buffer
	if err := w.page.Execute(&html, s); err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	boundary := "=_" + l.ID
	b := w.header(l, s, stop)
	b = append(b, "Content-Type: multipart/alternative; boundary=\""+boundary+"\"\r\n\r\n"...)
	b = appendPart(b, boundary, "text/plain; charset=utf-8", s.text())
	b = appendPart(b, boundary, "text/html; charset=utf-8", html.String())
	return append(b, "--"+boundary+"--\r\n"...), nil
}

// Text returns the text part as it would be, without links.
func (w *Writer) Text(l Letter) string {
	s, err := Writer{w.hostname, Links{}, w.texts, w.page}.sheet(context.Background(), l, "")
	if err != nil {
		return "" // without links nothing fails
	}
	return s.text()
}

// Why says in a sentence, in a language, why a message is held.
func (w *Writer) Why(lang string, r Row) string {
	return phrases{texts: w.texts, lang: w.texts.Match(lang)}.why(r)
}

// header is all fields but that of the parts.
func (w *Writer) header(l Letter, s *sheet, stop string) []byte {
	domain := l.Reader.Domain
	b := letter.Letter{
		ID: l.ID, Host: w.hostname, FromName: s.say("from", cmp.Or(l.Reader.Name, domain)), From: mail.Path("postmaster@" + domain), To: l.Reader.Address,
		Subject: s.Title, Language: s.Language, Time: l.Time.In(l.Reader.Zone),
	}.Header()
	b = mail.AppendField(b, "List-Id", "<quarantine-digest."+domain+">")
	b = mail.AppendField(b, "List-Unsubscribe", "<"+stop+">")                         // RFC 2369 §3.2
	return mail.AppendField(b, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click") // RFC 8058 §3.1
}

func appendPart(b []byte, boundary, kind, content string) []byte {
	b = append(b, "--"+boundary+"\r\nContent-Type: "+kind+"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"...)
	return append(append(b, letter.Quoted(content)...), "\r\n"...)
}
