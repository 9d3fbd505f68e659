package attachment

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
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

// Whoever sends a virus beside somebody else's program does not have that known as one.
func TestCarriersOfSeveralAreNone(t *testing.T) {
	one, other := "MZ"+strings.Repeat("\x00\x01virus", 40), "MZ"+strings.Repeat("\x00\x01honest", 40)
	zipped := func(files ...string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i, content := range files {
			w, err := z.Create(fmt.Sprintf("f%d.exe", i))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(content)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	single, both := zipped(one), zipped(one, other)
	for name, tt := range map[string]struct{ files, want []string }{
		"a program in an archive": {[]string{single}, []string{one, single}},
		"two in one":              {[]string{both}, []string{both}},
		"two attachments":         {[]string{one, other}, nil},
		"none":                    {[]string{"hello, all of you out there"}, nil},
	} {
		text := "From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
		for _, content := range tt.files {
			text += "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=f\r\n\r\n" +
				base64.StdEncoding.EncodeToString([]byte(content)) + "\r\n"
		}
		var want []Sum
		for _, content := range tt.want {
			want = append(want, sha256.Sum256([]byte(content)))
		}
		if got := Carriers(mail.NewMessage([]byte(text + "--b--\r\n"))); !slices.Equal(got, want) {
			t.Errorf("%s: got %x, want %x", name, got, want)
		}
	}
}
