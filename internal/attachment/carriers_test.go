package attachment

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// Of a message with a virus its program is learnt, and not the brochure that came beside it.
func TestCarriersLeaveOthersFiles(t *testing.T) {
	program := "MZ" + strings.Repeat("\x00\x01program", 40)
	brochure := "%PDF-1.4\n" + strings.Repeat("our brochure ", 40) + "\n%%EOF\n"
	part := func(name, content string) string {
		return "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=" + name +
			"\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(content)) + "\r\n"
	}
	m := mail.NewMessage([]byte("From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		part("run.exe", program) + part("brochure.pdf", brochure) + "--b--\r\n"))
	if all := Sums(m); !slices.Contains(all, sha256.Sum256([]byte(brochure))) || len(all) != 2 {
		t.Fatalf("%d sums", len(all))
	}
	if got := Carriers(m); len(got) != 1 || got[0] != sha256.Sum256([]byte(program)) {
		t.Errorf("%d carriers: %x", len(got), got)
	}
}
