package attachment

import (
	"strings"
	"testing"
)

// flagged is what is said of a message with one file: "" of an ordinary one.
func flagged(t *testing.T, f named) string {
	t.Helper()
	var list []string
	for _, f := range inspect(t, message(f), patient()).Files {
		for _, g := range f.Flags {
			list = append(list, string(g.Class)+" "+g.What)
		}
	}
	return strings.Join(list, "; ")
}

// Words in titles and links are no names of a PDF.
func TestPDFTextIsNoScript(t *testing.T) {
	link := func(url string) string {
		return "<</Type/Annot/Subtype/Link/A<</Type/Action/S/URI/URI(" + url + ")>>>>"
	}
	long := strings.Repeat("x", pdfWindow)
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"link":                      {pdfFile(link("https://developer.mozilla.org/fr/docs/Web/JavaScript")), ""},
		"link, launch":              {pdfFile(link("https://www.good.example/Launch")), ""},
		"title":                     {pdfFile("<</Title (CV Jean Dupont \\(HTML/CSS/JS\\), (C/JS) /Launch)>>"), ""},
		"title, hex":                {pdfFile("<</Title <4A53> /Author (a)>>"), ""},
		"comment":                   {pdfFile("<</Title (x)>> % see /JS"), ""},
		"objects, link":             {pdfStream("/Type/ObjStm/Filter/FlateDecode", []byte("1 0 "+link("https://x.example/JavaScript"))), ""},
		"stream, text":              {pdfStream("/Length 40", []byte("BT (docs/Web/JavaScript) Tj /JavaScript ET")), ""},
		"value of another key":      {pdfFile("<</AS /JavaScript /Dest /Launch>>"), ""},
		"stream word in a title":    {pdfFile("<</Title (a >>stream\n) /Author (b)>>"), ""},
		"title over two windows":    {pdfFile("<</Title (" + long + "/JS)>>"), ""},
		"script":                    {pdfFile("<</Title (a \\) b)/OpenAction<</S /JavaScript/JS(x)>>>>"), "active a PDF with a script"},
		"script behind a window":    {pdfFile("<</Title (" + long + ")/OpenAction<</JS (x)>>>>"), "active a PDF with a script"},
		"scripts by name":           {pdfFile("<</Names<</JavaScript 5 0 R>>>>"), "active a PDF with a script"},
		"launch":                    {pdfFile("<</S % it\n /Launch/F(cmd.exe)>>"), "active a PDF that starts a program"},
		"launch by another object":  {pdfFile("<</S 5 0 R>>\nendobj\n5 0 obj\n/Launch\nendobj"), "active a PDF that starts a program"},
		"object in an open string":  {pdfFile("(\nendobj\n2 0 obj\n<</S/Launch>>"), "active a PDF that starts a program"},
		"object behind a backslash": {pdfFile("(\\<</S/Launch>>"), "active a PDF that starts a program"},
		"object in a comment":       {pdfFile("% <</S/Launch>>"), "active a PDF that starts a program"},
		"objects in open strings":   {pdfStream("/Type/ObjStm/Filter/FlateDecode", []byte("1 0 2 2 3 20 ( <</S/JavaScript/JS 9 0 R>> )")), "active a PDF with a script"},
		"object in a stream":        {pdfStream("/Length 40", []byte("9 0 obj <</S/JavaScript/JS(x)>>")), "active a PDF with a script"},
		"object in a long stream":   {pdfStream("/Length 40", []byte(long+" 9 0 obj "+strings.Repeat("[1 2]", pdfWindow/5)+"<</JS(x)>>")), "active a PDF with a script"},
		"script after a title":      {pdfFile("<</Title (>>stream\n)/OpenAction<</S /JavaScript/JS(x)>>>>"), "active a PDF with a script"},
		"word at a window's end":    {pdfFile("<</OpenAction<</S/JavaScript/JS(x)>>/X(" + strings.Repeat("x", pdfWindow-80) + ")>>stream\nx\nendstream"), "active a PDF with a script"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := flagged(t, named{"a.pdf", c.file}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
