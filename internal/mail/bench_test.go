package mail

import (
	"encoding/base64"
	"strings"
	"testing"
)

// typical is a message of 50 KB: 30 header fields, two texts and a picture.
func typical() []byte {
	var b strings.Builder
	for range 12 {
		b.WriteString("Received: from a.example (a.example [192.0.2.1])\n\tby b.example with ESMTPS id 4x0Yz;\n\tMon, 2 Jan 2006 15:04:05 +0000\n")
	}
	for range 14 {
		b.WriteString("X-Some-Field: and a value of some forty octets or so\n")
	}
	b.WriteString("From: Jane <jane@example.com>\nTo: joe@example.org\nSubject: =?utf-8?q?caf=C3=A9?=\n")
	b.WriteString("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n")
	b.WriteString("--c\nContent-Type: text/plain; charset=utf-8\n\n" + strings.Repeat("Some words of plain text in a line of about seventy octets.\n", 80))
	b.WriteString("--c\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n" +
		strings.Repeat("<tr><td style=3D\"color:red\">Some <b>words</b></td></tr>\n", 150) + "--c--\n--b\n")
	b.WriteString("Content-Type: image/png; name=x.png\nContent-Transfer-Encoding: base64\n\n")
	picture := base64.StdEncoding.EncodeToString(make([]byte, 24<<10))
	for ; len(picture) > 76; picture = picture[76:] {
		b.WriteString(picture[:76] + "\n")
	}
	b.WriteString(picture + "\n--b--\n")
	return []byte(crlf(b.String()))
}

func BenchmarkHeader(b *testing.B) {
	content := typical()
	b.ReportAllocs()
	for b.Loop() {
		NewMessage(content).Header()
	}
}

func BenchmarkRoot(b *testing.B) {
	content := typical()
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		NewMessage(content).Root()
	}
}

func BenchmarkExtract(b *testing.B) {
	content := typical()
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		NewMessage(content).Extract()
	}
}
