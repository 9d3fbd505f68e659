package attachment

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// noise is what does not pack.
func noise(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// BenchmarkInspect is what looking into a message costs, its structure known.
func BenchmarkInspect(b *testing.B) {
	text := []byte(strings.Repeat("Dear reader, this is the report of the month. ", 4000))
	jpeg := append([]byte("\xff\xd8\xff\xe0"), noise(500<<10)...)
	pdf := append(pdfStream("/Subtype/Image", noise(500<<10)), pdfFile("<</Type/Catalog>>")...)
	for _, c := range []struct {
		name string
		m    *mail.Message
	}{
		{"text", mail.NewMessage([]byte("From: ann@example.org\r\n\r\nhello\r\n"))},
		{"picture of 500 KB", message(named{"a.jpg", jpeg})},
		{"pdf of 500 KB", message(named{"a.pdf", pdf})},
		{"zip of 180 KB text", message(named{"a.zip", zipped(b, named{"a.txt", text})})},
		{"docx", message(named{"a.docx", zipped(b, append(wordFiles(string(bytes.Repeat([]byte("<w:p>report</w:p>"), 5000))), named{"word/media/a.jpg", jpeg})...)})},
		{"picture of 18 MB", message(named{"a.jpg", bytes.Repeat(jpeg, 36)})},
		{"zip of 18 MB", message(named{"a.zip", zipped(b, named{"a.jpg", bytes.Repeat(jpeg, 36)})})},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.m.Root()
			c.m.Extract()
			b.ReportAllocs()
			b.SetBytes(c.m.Size())
			for b.Loop() {
				if HasAttachments(c.m) {
					inspect(b, c.m, patient())
				}
			}
		})
	}
}
