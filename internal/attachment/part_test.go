package attachment

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// A watched content says whether a stretch of it was read.
type watched struct {
	io.ReaderAt
	from, to int64
	read     bool
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	if off < w.to && off+int64(len(p)) > w.from {
		w.read = true
	}
	return w.ReaderAt.ReadAt(p, off)
}

// TestPageOfMessageIsLeft: the page that is the message's text is not read, however long
// it would take.
func TestPageOfMessageIsLeft(t *testing.T) {
	raw := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n" + strings.Repeat("<p>hello\r\n", 1000) +
		"--b\r\nContent-Type: application/x; name=run.exe\r\n\r\nMZ\r\n--b--\r\n"
	content := &watched{ReaderAt: strings.NewReader(raw)}
	m := mail.NewSpooled(content, int64(len(raw)))
	page := m.Root().Parts[0]
	content.from, content.to, content.read = page.Body, page.End, false
	if r := inspect(t, m, patient()); !HasAttachments(m) || !r.Has(Executable) {
		t.Errorf("got %s", described(r))
	}
	if content.read {
		t.Error("the page was read")
	}
}

// TestHiddenParts: parts beyond what mail's walk shows are a bomb, since anything may be in them.
func TestHiddenParts(t *testing.T) {
	program := "--b\r\nContent-Type: application/x; name=run.exe\r\n\r\nMZ\r\n"
	deep := ""
	for i := range mail.MaxDepth + 5 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	for name, raw := range map[string]string{
		"many":        "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", mail.MaxParts) + program,
		"deep":        deep + "Content-Type: application/x; name=run.exe\r\n\r\nMZ\r\n",
		"long header": "X: " + strings.Repeat("x", mail.MaxHeader) + "\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + program + "--b--\r\n",
	} {
		m := mail.NewMessage([]byte(raw))
		if r := inspect(t, m, patient()); !HasAttachments(m) || !r.Has(Bomb) || r.Cut == "" {
			t.Errorf("%s: got %s", name, described(r))
		}
	}
}

// TestAmbiguous: whatever way a mail program reads a part, what is in it is found.
func TestAmbiguous(t *testing.T) {
	packed := lines(base64.StdEncoding.EncodeToString(program()), 76)
	text := "Content-Type: text/plain\r\n\r\nhi\r\n"
	file := "Content-Type: application/x; name=run.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + packed + "\r\n"
	both := "--A\r\n" + text + "--A--\r\n"
	for name, raw := range map[string]string{
		"two types":                    "Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n--A\r\n" + file + "--A--\r\n",
		"two types, the other first":   "Content-Type: multipart/mixed; boundary=A\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n" + both + "--B\r\n" + file + "--B--\r\n",
		"two boundaries":               "Content-Type: multipart/mixed; boundary=A; boundary=B\r\n\r\n" + both + "--B\r\n" + file + "--B--\r\n",
		"two boundaries, one in parts": "Content-Type: multipart/mixed; boundary*=us-ascii''A; boundary=B\r\n\r\n" + both + "--B\r\n" + file + "--B--\r\n",
		"an encoded multipart": "Content-Type: multipart/mixed; boundary=A\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			lines(base64.StdEncoding.EncodeToString([]byte("--A\r\n"+file+"--A--\r\n")), 76),
		"in the epilogue":       "Content-Type: multipart/mixed; boundary=A\r\n\r\n" + both + "--A\r\n" + file + "--A--\r\n",
		"no boundary":           "Content-Type: multipart/mixed; name=a.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + packed,
		"a quoted encoding":     "Content-Type: application/x; name=a.dat\r\nContent-Transfer-Encoding: \"base64\"\r\n\r\n" + packed,
		"two encodings":         "Content-Type: application/x; name=a.dat\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n" + packed,
		"a mail with a name":    "Content-Type: message/rfc822; name=a.js\r\n\r\nvar a\r\n\r\nb",
		"a multipart of a name": "Content-Type: multipart/mixed; boundary=A; name=a.js\r\n\r\n" + both,
		"another name":          "Content-Type: application/x; name=a.js\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nvar a",
		"another name of two":   "Content-Type: application/x\r\nContent-Disposition: attachment; filename=a.txt; filename=a.js\r\n\r\nvar a",
		"another disposition":   "Content-Type: text/plain\r\nContent-Disposition: inline\r\nContent-Disposition: attachment; filename=a.js\r\n\r\nvar a",
	} {
		m := mail.NewMessage([]byte(raw))
		if r := inspect(t, m, patient()); !HasAttachments(m) || !r.Has(Executable) {
			t.Errorf("%s: got %s", name, described(r))
		}
		inner := mail.NewMessage([]byte("Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n" + raw + "\r\n--outer--\r\n"))
		if r := inspect(t, inner, patient()); !r.Has(Executable) {
			t.Errorf("%s, inside: got %s", name, described(r))
		}
	}
	if r := inspect(t, mail.NewMessage([]byte("Content-Type: multipart/mixed; boundary=A\r\n"+strings.Repeat("Content-Type: text/x\r\n", 3)+"Content-Transfer-Encoding: 8bit\r\n\r\n"+both)), patient()); len(r.Files) > 0 {
		t.Errorf("harmless: got %s", described(r))
	}
	many := ""
	for i := range 40 {
		many += fmt.Sprintf("; boundary=b%d", i)
	}
	if r := inspect(t, mail.NewMessage([]byte("Content-Type: multipart/mixed"+many+"\r\n\r\n"+both)), patient()); !r.Has(Bomb) {
		t.Errorf("very many: got %s", described(r))
	}
}

// plainly is HasAttachments as it would be if time were no matter.
func plainly(m *mail.Message) bool {
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
	for p := range m.Root().All() {
		if p.Type != "text" || p.Subtype == "html" {
			continue
		}
		if text, _ := m.Text(p, mail.MaxExtract); strings.HasPrefix(text, "begin") || strings.Contains(text, "\nbegin") {
			return true
		}
	}
	return false
}

// FuzzHasAttachments: what is passed over at once has no attachments, and no names.
func FuzzHasAttachments(f *testing.F) {
	const file = "begin 644 a.exe\r\n#0V%T\r\n`\r\nend\r\n"
	for _, s := range []string{
		"\r\n" + file, "\r\n\xef\xbb\xbf" + file, "\r\n\rbegin\nhello\r\nbegi", "Content-Transfer-Encoding: quoted-printable\r\n\r\nhello\r\nbe=\r\ngin 644 a.exe\r\n",
		"Content-Transfer-Encoding: \"quoted-printable\"\r\n\r\n=62egin", "Content-Transfer-Encoding: quoted-printable\r\n\r\n=62eg=\r\nin=0Abe=\r\n=\r\ngin",
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n=FF=FEb=00e=00g=00i=00n=00", "Content-Type: text/plain; charset=utf-7\r\n\r\n+AGI-egin 644 x",
		"Content-Type: text/plain; charset=utf-16le\r\n\r\n" + string(utf16le("begin 644 a.exe\r\n")), "\r\n\xff\xfe" + string(utf16le("begin 644 a.exe\r\n")),
		"Content-Type: text/plain; na\rme=a.exe\r\n\r\nx", "Content-Type: text/plain; NAME*0=a.e; name*1=xe\r\n\r\nx", "Content-Type: text/plain; nname=a\r\n\r\nx",
		"Content-Type: text/plain\r\nContent-Disposition: inline; filename=a.txt\r\n\r\nx", "Content-Type: text/plain\r\nContent-Type: text/plain; name=b\r\n\r\nx",
		"Content-Type: text/plain; charset=ibm037\r\n\r\n\x82\x85\x87\x89\x95", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + file + "--b--\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := mail.NewMessage(raw)
		if got, want := HasAttachments(m), plainly(m); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		for p := range m.Root().All() {
			if got, want := namesOf(p), p.Names(); len(got) != len(want) {
				t.Errorf("names %q, want %q", got, want)
			}
		}
	})
}
