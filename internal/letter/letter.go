// Package letter builds the mails that the node writes to people by itself: a header that says
// that a program wrote it, and a text.
//
//	content := letter.Letter{ID: id, FromName: "Courrier de example.org", From: postmaster, To: ann, Subject: "…", Language: "fr", Time: now}.Plain(text)
//
// Who is written to, in which language and with which words is the caller's.
package letter

import (
	"bytes"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Letter is the header of a mail.
type Letter struct {
	ID       string    // as mail.NewID makes them
	Host     string    // behind the ID; "": From's domain
	FromName string    // before From
	From     mail.Path // whom an answer reaches
	To       mail.Path
	Subject  string
	Language string // of subject and text, such as fr
	Time     time.Time
}

// Plain returns the whole mail (RFC 3834 §5: one that no program answers), with a text whose lines
// end with \n. It is ASCII but for an address that is not.
func (l Letter) Plain(text string) []byte {
	b := append(l.Header(), "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"...)
	return append(b, Quoted(text)...)
}

// Header returns all fields but those of the content's type, with which the caller goes on.
func (l Letter) Header() []byte {
	host := l.Host
	if host == "" {
		host = l.From.Domain()
	}
	b := author(l.FromName, l.From)
	b = append(b, "To: <"+string(l.To)+">\r\n"...) // RFC 6532 §3.2: one that is not ASCII has no other form
	b = mail.AppendField(b, "Subject", l.Subject)
	b = mail.AppendField(b, "Date", l.Time.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	b = mail.AppendField(b, "Message-ID", "<"+l.ID+"@"+host+">")
	b = mail.AppendField(b, "Auto-Submitted", "auto-generated")
	if l.Language != "" {
		b = mail.AppendField(b, "Content-Language", l.Language)
	}
	return mail.AppendField(b, "MIME-Version", "1.0")
}

// author is the From field. A name with other than ASCII is encoded as a whole: an encoded
// word may not stand in quotes (RFC 2047 §5).
func author(name string, from mail.Path) []byte {
	if encoded := mime.QEncoding.Encode("utf-8", name); encoded != name || !ascii(from) {
		return []byte("From: " + encoded + "\r\n <" + string(from) + ">\r\n")
	}
	return mail.AppendField(nil, "From", `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)+`" <`+string(from)+">")
}

func ascii(p mail.Path) bool {
	return strings.IndexFunc(string(p), func(r rune) bool { return r >= 0x80 }) < 0
}

// Quoted is a text whose lines end with \n, in quoted-printable, its lines ended as mail's are.
func Quoted(text string) []byte {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))) // into memory
	_ = w.Close()
	return b.Bytes()
}
