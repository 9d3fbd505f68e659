package attachment

import (
	"bytes"
	"testing"
)

// TestNoOfficeDocument: what looks like an office document hides no files: neither in an archive
// that an unpacker opens, nor where office programs put none, nor under a name that runs.
func TestNoOfficeDocument(t *testing.T) {
	types, relations := named{"[Content_Types].xml", []byte("<Types/>")}, named{"_rels/.rels", []byte("<Relationships/>")}
	script := []byte("var a=new ActiveXObject('WScript.Shell');a.Run('calc');\n")
	for name, file := range map[string]named{
		"zip, types alone":         {"a.zip", zipped(t, types, named{"invoice.js", script})},
		"zip, types and relations": {"a.zip", zipped(t, types, relations, named{"word/invoice.js", script})},
		"docx, types alone":        {"a.docx", zipped(t, types, named{"invoice.hta", script})},
		"docx":                     {"a.docx", zipped(t, types, relations, named{"word/invoice.js", script})},
		"docx, under a name":       {"a.docx", zipped(t, types, relations, named{"word/run.exe", []byte{1, 2, 3}})},
		"docx, elsewhere":          {"a.docx", zipped(t, types, relations, named{"invoice.vbs", script})},
		"docx, in a zip elsewhere": {"a.docx", zipped(t, types, relations, named{"in.zip", zipped(t, named{"invoice.js", script})})},
		"odt":                      {"a.odt", zipped(t, named{"mimetype", []byte("application/vnd.oasis.opendocument.text")}, named{"run.js", script})},
	} {
		if r := inspect(t, message(file), patient()); !r.Has(Executable) {
			t.Errorf("%s: got %s", name, described(r))
		}
	}
}

// TestArchiveBehind: an archive behind something else, or before another archive, is looked into.
func TestArchiveBehind(t *testing.T) {
	evil := zipped(t, named{"b.txt", []byte("b")}, named{"invoice.exe", program()})
	good := zipped(t, named{"readme.txt", []byte("hello")})
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		file named
		want []Class
	}{
		"gif":              {named{"a.zip", join([]byte("GIF89a\x01\x00\x01\x00"), evil)}, []Class{Disguised, Executable}},
		"gif, as such":     {named{"a.gif", join([]byte("GIF89a\x01\x00\x01\x00"), evil)}, []Class{Disguised, Executable}},
		"a large gif":      {named{"a.gif", join([]byte("GIF89a"), noise(2<<20), evil)}, []Class{Disguised, Executable}},
		"gif, jar":         {named{"a.gif", join([]byte("GIF89a"), zipped(t, named{"META-INF/MANIFEST.MF", nil}, named{"A.class", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x34")}))}, []Class{Disguised, Executable}},
		"junk":             {named{"a.zip", join([]byte("\x01junk"), evil)}, []Class{Disguised, Executable}},
		"junk, other name": {named{"a.dat", join([]byte("\x01junk"), evil)}, []Class{Executable}},
		"text":             {named{"a.zip", join([]byte("hello hello hello\r\n"), evil)}, []Class{Disguised, Executable}},
		"in a zip":         {named{"a.zip", zipped(t, named{"b.zip", join([]byte("hello hello hello\r\n"), evil)})}, []Class{Disguised, Executable}},
		"two":              {named{"a.zip", join(evil, good)}, []Class{Disguised, Executable}},
		"two, otherwise":   {named{"a.zip", join(good, evil)}, []Class{Disguised, Executable}},
		"junk after it":    {named{"a.zip", join(evil, make([]byte, 70000))}, []Class{Executable}},
		"rar":              {named{"a.rar", join([]byte("\x01junk"), rar5("run.exe", program()))}, []Class{Disguised}},
		"7z":               {named{"a.7z", join([]byte("\x01junk"), sevenHead([]byte{1}))}, []Class{Disguised}},
	} {
		r := inspect(t, message(c.file), patient())
		for _, class := range c.want {
			if !r.Has(class) {
				t.Errorf("%s: it is not %s:\n%s", name, class, described(r))
			}
		}
	}
}
