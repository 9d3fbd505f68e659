package attachment

import (
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
