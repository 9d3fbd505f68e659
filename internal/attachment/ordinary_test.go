package attachment

import (
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// TestOrdinary: what people send each other has no flags.
func TestOrdinary(t *testing.T) {
	rels := named{"_rels/.rels", []byte("<Relationships/>")}
	types := named{"[Content_Types].xml", []byte("<Types/>")}
	picture := named{"word/media/image1.png", []byte("\x89PNG\r\n\x1a\n0000")}
	docx := zipped(t, append(wordFiles("<w:p/>"), picture, named{"docProps/app.xml", []byte("<x/>")}, named{"customXml/item1.xml", []byte("<x/>")}, named{"word/embeddings/sheet.xlsx", zipped(t, types, rels, named{"xl/workbook.xml", []byte("<x/>")})})...)
	xlsx := zipped(t, types, rels, named{"xl/workbook.xml", []byte("<workbook/>")}, named{"xl/worksheets/sheet1.xml", []byte("<x/>")}, named{"xl/printerSettings/printerSettings1.bin", []byte("xx")})
	pptx := zipped(t, types, rels, named{"ppt/presentation.xml", []byte("<x/>")}, named{"ppt/slides/slide1.xml", []byte("<x/>")}, named{"ppt/media/film.mp4", []byte("0000ftypisom")})
	odt := zipped(t, named{"mimetype", []byte("application/vnd.oasis.opendocument.text")}, named{"content.xml", []byte("<x/>")}, named{"META-INF/manifest.xml", []byte("<x/>")}, named{"Pictures/a.png", []byte("\x89PNG\r\n\x1a\n")})
	pdf := pdfFile("<</Type/Catalog>>")
	for _, file := range []named{
		{"report.docx", docx}, {"list.xlsx", xlsx}, {"talk.pptx", pptx}, {"letter.odt", odt}, {"invoice.pdf", pdf},
		{"old.doc", oleWith(t, "", named{"WordDocument", []byte("hello")})}, {"old.xls", oleWith(t, "", named{"Workbook", []byte("\x09\x08")})},
		{"meeting.ics", []byte("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")},
		{"ann.vcf", []byte("BEGIN:VCARD\r\nFN:Ann\r\nEND:VCARD\r\n")}, {"smime.p7s", []byte("\x30\x82\x0b\x00\x06\x09\x2a\x86\x48")},
		{"signature.asc", []byte("-----BEGIN PGP SIGNATURE-----\r\n\r\nabc\r\n-----END PGP SIGNATURE-----\r\n")},
		{"documents.zip", zipped(t, named{"a/report.docx", docx}, named{"a/invoice.pdf", pdf}, named{"read me.txt", []byte("hello")})},
		{"backup.tar.gz", gzipped(t, tarred(t, named{"a.zip", zipped(t, named{"b.txt", []byte("b")})}))},
		{"photo.jpg", []byte("\xff\xd8\xff\xe0\x00\x10JFIF")}, {"log.txt", []byte(strings.Repeat("a line of a log\n", 300000))},
		{"data.csv", []byte(strings.Repeat("1,2,3\n", 700000))}, {"noise.dat", noise(100 << 10)}, {"page.html", []byte("<html><body><p>hello</p></body></html>")},
		{"forwarded.eml", contentOf(t, message(named{"report.docx", docx}))}, {"saved.msg", oleWith(t, "", named{"__substg1.0_3707001F", utf16le("a.docx")}, named{"__substg1.0_37010102", docx})},
		{"winmail.dat", tnefFile("report.docx", docx)},
	} {
		if r := inspect(t, message(file), patient()); len(r.Files) == 0 || flagged(r) {
			t.Errorf("%s: got %s", file.name, described(r))
		}
	}
	forwarded := "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsee below\r\n--b\r\nContent-Type: message/rfc822; name=\"Re: example.com.eml\"\r\n" +
		"Content-Disposition: attachment; filename=\"Re: example.com.eml\"\r\n\r\nFrom: a@b.example\r\nSubject: x\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>x\r\n--c--\r\n\r\n--b--\r\n\r\n"
	for name, raw := range map[string]string{
		"forwarded": forwarded,
		"encoded as it is not": "Content-Type: multipart/mixed; boundary=outer\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n--outer\r\n" +
			strings.Replace(string(contentOf(t, message(named{"report.docx", docx}))), "From:", "X-From:", 1) + "\r\n--outer--\r\n",
		"a footer behind the end": "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n\r\n_______\r\nour list, our rules and how to leave it\r\n",
		"a wrong encoding":        "Content-Type: text/plain\r\nContent-Transfer-Encoding: 8-bit\r\n\r\nhello\r\n",
	} {
		if r := inspect(t, mail.NewMessage([]byte(raw)), patient()); flagged(r) {
			t.Errorf("%s: got %s", name, described(r))
		}
	}
}

func flagged(r *Report) bool {
	for i := range r.Files {
		if len(r.Files[i].Flags) > 0 {
			return true
		}
	}
	return r.Cut != ""
}

// TestNamesThatRun: what Windows and its add-ons run by a double click.
func TestNamesThatRun(t *testing.T) {
	for _, ext := range []string{"exe", "js", "hta", "lnk", "py", "pyw", "pyz", "msu", "htc", "msix", "msixbundle", "appinstaller", "appx", "vsmacros", "xnk", "osd", "printerexport", "webpnp"} {
		if r := inspect(t, message(named{"a." + ext, []byte{1, 2, 3}}), patient()); !r.Has(Executable) {
			t.Errorf("%s: got %s", ext, described(r))
		}
	}
}
