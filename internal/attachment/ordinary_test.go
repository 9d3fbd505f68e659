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

// Only the first word of a field says what it does.
func TestFieldThatStartsAProgram(t *testing.T) {
	run := func(text string) string {
		return `<w:r><w:instrText xml:space="preserve">` + text + `</w:instrText></w:r>`
	}
	begin, separate, end := `<w:r><w:fldChar w:fldCharType="begin"/></w:r>`, `<w:r><w:fldChar w:fldCharType="separate"/></w:r>`, `<w:r><w:fldChar w:fldCharType="end"/></w:r>`
	field := func(text string) string {
		return begin + run(text) + separate + "<w:r><w:t>x</w:t></w:r>" + end
	}
	const dde = "macro DDE field in word/document.xml"
	for name, c := range map[string]struct{ body, want string }{
		"link":               {field(` HYPERLINK "https://www.good.example/embedded/addendum" `), ""},
		"merge":              {field(` MERGEFIELD Date_Added `), ""},
		"GUID":               {field(` HYPERLINK "https://contoso.sharepoint.com/Doc.aspx?sourcedoc=%7B3F2A9C10-4DDE-4B61%7D"`), ""},
		"bookmark":           {field(` PAGEREF _Toc1dde \h `), ""},
		"two fields":         {field(" PAGEREF a ") + field(" DATE "), ""},
		"simple":             {`<w:fldSimple w:instr=" PAGE "><w:t>DDE added</w:t></w:fldSimple>`, ""},
		"DDE":                {field(` DDE c:\\windows\\cmd "/c calc" `), dde},
		"auto, many runs":    {begin + run(" D") + run("DEA") + "<w:r><w:t>x</w:t></w:r>" + run(`UTO c:\\cmd`) + end, dde},
		"never ended":        {begin + run("DDEAUTO cmd"), dde},
		"behind others":      {field(" PAGE ") + field(" ddeauto cmd "), dde},
		"field in a field":   {begin + run(" IF 1 = 1 ") + field(` DDEAUTO cmd`) + end, dde},
		"with one in it":     {begin + run(" DD") + field(" QUOTE 65 ") + run("EAUTO cmd ") + separate + end, dde},
		"entities":           {field(" &#68;DEAUTO cmd"), dde},
		"character data":     {begin + "<w:instrText><![CDATA[DDE cmd]]></w:instrText>" + end, dde},
		"simple DDE":         {`<w:fldSimple w:instr = ' PAGE '/><w:fldSimple w:instr = ' DDEAUTO "cmd" '/>`, dde},
		"bracket in a quote": {`<w:p w:x="1>2"/>` + field("DDE cmd"), dde},
	} {
		t.Run(name, func(t *testing.T) {
			if got := flagged(t, named{"a.docx", zipped(t, wordFiles(c.body)...)}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A program is called by a formula, not by a word and a bar.
func TestFormulaThatStartsAProgram(t *testing.T) {
	const dde = "macro a formula that starts a program"
	for name, c := range map[string]struct{ file, body, want string }{
		"words in cells":    {"log.csv", "service;commande\nscan;a|cmd|b\n", ""},
		"text":              {"notes.txt", "Use the [cmd|Ctrl] key, or powershell|bash.\n", ""},
		"text about it":     {"notes.txt", "=cmd|' /C calc'!A0\n", ""},
		"markdown":          {"notes.md", "| [cmd|Ctrl] | - powershell|bash |\n", ""},
		"negative, words":   {"log.csv", "-12,50;cmd|x\n", ""},
		"quoted text":       {"log.csv", "a;it is cmd|'x'!A1\n", ""},
		"formula":           {"a.csv", "name,sum\n=cmd|'/c calc'!A1,2\n", dde},
		"plus":              {"a.csv", "name;+cmd|' /C calc'!A0\n", dde},
		"function in front": {"a.csv", "name,\"@SUM(1+1)*cmd|' /C calc'!A0\"\n", dde},
		"many lines":        {"a.csv", "name,\"=1+\n  MSEXCEL|'\\..\\cmd.exe /c calc'!''\"\n", dde},
		"LibreOffice":       {"a.csv", `x,"=DDE(""soffice"";""a"";""b"")"` + "\n", dde},
		"two octets":        {"a.csv", "\xff\xfe" + string(utf16le("=cmd|'/c calc'!A1\n")), dde},
	} {
		t.Run(name, func(t *testing.T) {
			if got := flagged(t, named{c.file, []byte(c.body)}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	sheet := func(cell string) []byte {
		return zipped(t, named{"[Content_Types].xml", []byte("<Types/>")}, named{"xl/worksheets/sheet1.xml", []byte("<sheetData><c>" + cell + "</c></sheetData>")})
	}
	if got := flagged(t, named{"a.xlsx", sheet("<is><t>cmd|'x'!A1</t></is>")}); got != "" {
		t.Errorf("a text of a sheet: %s", got)
	}
	if got := flagged(t, named{"a.xlsx", sheet("<f>cmd|&apos;/c calc&apos;!A1</f>")}); got != "macro DDE formula in xl/worksheets/sheet1.xml" {
		t.Errorf("a formula of a sheet: %q", got)
	}
}
