package attachment

import (
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
