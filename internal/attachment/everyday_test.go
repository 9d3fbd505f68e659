package attachment

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// flagsOf is what is said of a message with one file: "" of an ordinary one.
func flagsOf(t *testing.T, f named) string {
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
			if got := flagsOf(t, named{"a.pdf", c.file}); got != c.want {
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
		"many spaces":        {begin + strings.Repeat(run(strings.Repeat(" ", 50)), 5) + run("DDE cmd") + end, dde},
		"many fields, long":  {run(strings.Repeat("d", 1<<20)) + strings.Repeat("<fldChar fldCharType='separate'/>", 1<<15) + field("DDE cmd"), dde},
		"entities":           {field(" &#68;DEAUTO cmd"), dde},
		"character data":     {begin + "<w:instrText><![CDATA[DDE cmd]]></w:instrText>" + end, dde},
		"simple DDE":         {`<w:fldSimple w:instr = ' PAGE '/><w:fldSimple w:instr = ' DDEAUTO "cmd" '/>`, dde},
		"bracket in a quote": {`<w:p w:x="1>2"/>` + field("DDE cmd"), dde},
	} {
		t.Run(name, func(t *testing.T) {
			if got := flagsOf(t, named{"a.docx", zipped(t, wordFiles(c.body)...)}); got != c.want {
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
			if got := flagsOf(t, named{c.file, []byte(c.body)}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	sheet := func(cell string) []byte {
		return zipped(t, named{"[Content_Types].xml", []byte("<Types/>")}, named{"_rels/.rels", []byte("<Relationships/>")}, named{"xl/worksheets/sheet1.xml", []byte("<sheetData><c>" + cell + "</c></sheetData>")})
	}
	if got := flagsOf(t, named{"a.xlsx", sheet("<is><t>cmd|'x'!A1</t></is>")}); got != "" {
		t.Errorf("a text of a sheet: %s", got)
	}
	if got := flagsOf(t, named{"a.xlsx", sheet("<f>cmd|&apos;/c calc&apos;!A1</f>")}); got != "macro DDE formula in xl/worksheets/sheet1.xml" {
		t.Errorf("a formula of a sheet: %q", got)
	}
}

// An object is as dangerous as its class, a file in a document as what it is.
func TestObjectsInDocuments(t *testing.T) {
	object := func(class string, data []byte) []byte {
		b := []byte("\x01\x05\x00\x00\x02\x00\x00\x00")
		b = binary.LittleEndian.AppendUint32(b, uint32(len(class)+1))
		b = append(b, class+"\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(data))), data...)
		return fmt.Appendf(nil, `{\rtf1 Bonjour {\object\objemb{\*\objclass x}{\*\objdata %x}}}`, b)
	}
	wrapped := func(name string, data []byte) []byte { return packageOf(name, data)[4:] }
	field := func(s string) []byte { return []byte(`{\rtf1 {\field{\*\fldinst ` + s + `}{\fldrslt x}}}`) }
	letter := []byte("The letter, as text.")
	sheet := oleWith(t, "", named{"Workbook", []byte("\x0a\x00\x00\x00")})
	bitmap := append([]byte("\x20\x00\x00\x00BM"), make([]byte, 32)...)
	inWord := func(native []byte) []byte {
		return zipped(t, append(wordFiles(""), named{"_rels/.rels", []byte("<Relationships/>")}, named{"word/embeddings/oleObject1.bin", oleWith(t, "", named{"\x01Ole10Native", native})})...)
	}
	for name, c := range map[string]struct {
		file named
		want string
	}{
		"rtf, picture":           {named{"note.rtf", object("PBrush", []byte("BM\x00\x00"))}, ""},
		"rtf, sheet":             {named{"note.rtf", object("Excel.Sheet.8", sheet)}, ""},
		"rtf, text":              {named{"note.rtf", object("Package", wrapped("a.txt", letter))}, ""},
		"rtf, link":              {named{"note.rtf", field(`{HYPERLINK "http://x.example/ddeauto"}`)}, ""},
		"rtf, DDE":               {named{"note.rtf", field(`{\rtlch D}{\i DEAUTO} cmd`)}, "macro DDE field"},
		"rtf, DDE in digits":     {named{"note.rtf", field(`{\'44\'44EAUTO cmd}`)}, "macro DDE field"},
		"rtf, DDE behind a link": {named{"note.rtf", append(field("PAGE"), field("DDE cmd")...)}, "macro DDE field"},
		"rtf, program":           {named{"note.rtf", object("Package", wrapped("run.js", letter))}, `executable a script by its name (.js); macro an object "Package"`},
		"rtf, equation":          {named{"note.rtf", object("eQuation.3", nil)}, `macro an object "eQuation.3"`},
		"rtf, page":              {named{"note.rtf", object("htmlfile", nil)}, `macro an object "htmlfile"`},
		"rtf, link to a file":    {named{"note.rtf", object("OLE2Link", nil)}, `macro an object "OLE2Link"`},
		"rtf, no class":          {named{"note.rtf", object("\x02\x03", nil)}, `macro an object "??"`},
		"rtf, bad package":       {named{"note.rtf", object("Package", []byte("xxx"))}, `macro an object "Package"`},
		"rtf, sheet with VBA":    {named{"note.rtf", object("Excel.Sheet.8", oleWith(t, "", named{"_VBA_PROJECT", []byte("1")}))}, "macro VBA project"},
		"doc, text":              {named{"a.doc", oleWith(t, "", named{"\x01Ole10Native", packageOf("a.txt", letter)})}, ""},
		"doc, picture":           {named{"a.doc", oleWith(t, "", named{"\x01Ole10Native", bitmap})}, ""},
		"doc, bad package":       {named{"a.doc", oleWith(t, "", named{"\x01Ole10Native", []byte("xxx")})}, "macro a file in the document"},
		"docx, text":             {named{"a.docx", inWord(packageOf("a.txt", letter))}, ""},
		"docx, script":           {named{"a.docx", inWord(packageOf("run.js", letter))}, "executable a script by its name (.js); macro a file in the document: run.js"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := flagsOf(t, c.file); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A firm's own template is where its people have to sign in.
func TestTemplatesFromElsewhere(t *testing.T) {
	for target, fetched := range map[string]bool{
		"https://contoso.sharepoint.com/sites/x/Modeles/lettre.dotx":      false,
		"https://contoso-my.sharepoint.com/personal/ann/lettre.dotx":      false,
		"file:///C:/Modeles/lettre.dotx":                                  false,
		"https://contoso.sharepoint.com/:w:/g/personal/x/abc":             true,
		"https://contoso.sharepoint.com/lettre.dotx?download=1":           true,
		"https://contoso.sharepoint.com/_layouts/15/download.aspx/a":      true,
		"http://contoso.sharepoint.com/lettre.dotx":                       true,
		"https://contoso.sharepoint.com@192.0.2.1/lettre.dotx":            true,
		"https://sharepoint.com.example/lettre.dotx":                      true,
		"https://evilsharepoint.com/lettre.dotx":                          true,
		"https://192.0.2.1/a.dotm":                                        true,
		"https://contoso.sharepoint.com/sites/x/%3Aw%3A/lettre.dotx":      true,
		"https://192.0.2.1\\@contoso.sharepoint.com/lettre.dotx":          true,
		"https://contoso.sharepoint.com:8443/sites/x/Modeles/lettre.dotx": true,
	} {
		relations := named{"word/_rels/settings.xml.rels", []byte(`<Relationships><Relationship Id="1" Type="http://x/attachedTemplate" Target="` + target + `" TargetMode="External"/></Relationships>`)}
		got := flagsOf(t, named{"a.docx", zipped(t, append(wordFiles(""), named{"_rels/.rels", []byte("<Relationships/>")}, relations)...)})
		if (got != "") != fetched {
			t.Errorf("%s: %q", target, got)
		}
	}
}

// A dot makes no extension by itself, and a name no program.
func TestNamesOfOrdinaryFiles(t *testing.T) {
	script := "#!/bin/sh\nls\n"
	for name, c := range map[string]struct{ file, body, want string }{
		"a sentence":         {"CR 2026-11. Action", "Compte rendu", ""},
		"a sentence, nbsp":   {"Point 3.\u00a0Command", "Compte rendu", ""},
		"a domain":           {"sauvegarde www.good.com", "\x00\x01\x02bin", ""},
		"a PDF as picture":   {"photo.jpg", "%PDF-1.4\n1 0 obj<<>>endobj\n%%EOF", ""},
		"commands as text":   {"deploy.txt", script, ""},
		"commands in notes":  {"deploy.md", script, ""},
		"report and text":    {"report.pdf.txt", script, ""},
		"action":             {"run.action", "x", "executable a script by its name (.action)"},
		"space before a dot": {"run .exe", "x", "executable a program by its name (.exe)"},
		"com, DOS":           {"run.com", "MZ" + strings.Repeat("\x01", 70), "executable a DOS program by its content; executable a program by its name (.com)"},
		"com behind pdf":     {"facture.pdf.com", "\x00\x01\x02bin", "executable a program by its name (.com); disguised two extensions, .pdf and .com"},
		"page as picture":    {"photo.jpg", "<html><body>x</body></html>", "disguised named .jpg, but its content is: html"},
		"commands":           {"deploy", script, "executable a script by its content"},
		"program as text":    {"a.txt", string(program()), "executable a Windows program by its content; disguised named .txt, but its content is: windows program"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := flagsOf(t, named{c.file, []byte(c.body)}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Reports have their pictures and fonts written in, and scripts that show them.
func TestPagesThatUnpackThemselves(t *testing.T) {
	packed := strings.Repeat("PGh0bWw+", 100)
	const unpacks = "active a script that unpacks itself"
	for name, c := range map[string]struct{ page, want string }{
		"report":             {`<html><script>document.getElementById("t").innerHTML="ok";</script><img src="data:image/png;base64,` + packed + `"></html>`, ""},
		"font":               {`<html><style>@font-face{src:url(data:font/woff2;base64,` + packed + `)}</style><script>x.innerHTML=decodeURIComponent(b)</script></html>`, ""},
		"picture in writing": {`<html><script>document.write('<img src="data:image/png;base64,iVBORw0KGg` + packed + `">')</script></html>`, ""},
		"state of a form":    {`<html><input type=hidden value="` + packed + `"><script>document.write(unescape(x))</script></html>`, unpacks}, // it could be either
		"state, no unpacker": {`<html><input type=hidden value="` + packed + `"><script>eval(x);y=decodeURIComponent(z)</script></html>`, ""},
		"script":             {`<html><script>eval(atob("` + packed + `"))</script></html>`, unpacks},
		"script, variable":   {`<html><script>var a="` + packed + `";document.write(atob(a))</script></html>`, unpacks},
		"script, no end":     {`<html><script>var a="` + packed + `";b=atob(a);document.write(b)`, unpacks},
		"event":              {`<html><body onload="a='` + packed + `';b=atob(a);eval(b)"></html>`, unpacks},
		"event behind signs": {`<html><img title="a>b" src=x onerror="if(1<0){}b=atob('` + packed + `');eval(b)"></html>`, unpacks},
		"no picture":         {`<html><script>a="data:image/png;base64,` + packed + `".split(",")[1];b=atob(a);document.write(b)</script></html>`, unpacks},
		"event, quotes":      {`<html><img src=x onerror="if(1>0)b=atob('` + packed + `');eval(b)"></html>`, unpacks},
		"element":            {`<html><div id=x>` + packed + `</div><script>eval(atob(x.innerText))</script></html>`, unpacks},
		"page as data":       {`<html><script>a="data:text/html;base64,` + packed + `";document.write(a)</script></html>`, unpacks},
	} {
		t.Run(name, func(t *testing.T) {
			if got := flagsOf(t, named{"report.html", []byte(c.page)}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What people send every day, each of which was once held.
func TestOrdinaryFilesAreNotFlagged(t *testing.T) {
	word := func(body string, more ...named) []byte {
		return zipped(t, append(append(wordFiles(body), named{"_rels/.rels", []byte("<Relationships/>")}), more...)...)
	}
	field := func(text string) string {
		return `<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> ` + text + ` </w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>`
	}
	picture := "data:image/png;base64,iVBORw0KGg" + strings.Repeat("eTRpMndi", 200)
	for _, f := range []named{
		{"devis.pdf", pdfFile("<</Type/Annot/A<</S/URI/URI(https://www.good.example/)>>>>")},
		{"cours.pdf", pdfFile("<</Type/Annot/A<</S/URI/URI(https://developer.mozilla.org/fr/docs/Web/JavaScript)>>>>")},
		{"CV.pdf", pdfFile("<</Title(CV Jean Dupont, HTML/CSS/JS)/Author(Jean)>>")},
		{"Plan.pdf", pdfStream("/Type/ObjStm/Filter/FlateDecode", []byte("1 0 <</A<</S/URI/URI(https://www.good.example/Launch)>>>>"))},
		{"contrat.docx", word(field(`HYPERLINK "https://www.good.example/embedded/addendum"`))},
		{"lettre.docx", word(field("MERGEFIELD Date_Added") + field(`PAGEREF _Toc1dde \h`))},
		{"note.docx", word(field(`HYPERLINK "https://contoso.sharepoint.com/:w:/r/Doc.aspx?sourcedoc=%7B3F2A9C10-4DDE-4B61%7D"`))},
		{"modele.docx", word("", named{"word/_rels/settings.xml.rels", []byte(`<Relationships><Relationship Type="http://x/attachedTemplate" Target="https://contoso.sharepoint.com/sites/x/Modeles/lettre.dotx" TargetMode="External"/></Relationships>`)})},
		{"annexe.docx", word("", named{"word/embeddings/oleObject1.bin", oleWith(t, "", named{"\x01Ole10Native", packageOf("a.txt", []byte("the annex"))})})},
		{"note.rtf", []byte(`{\rtf1\ansi Bonjour {\object\objemb{\*\objclass PBrush}{\*\objdata 01050000020000000700000050427275736800000000000000000004000000424d0000}}}`)},
		{"log.csv", []byte("service;commande\nscan;a|cmd|b\n-12;powershell|x\n")},
		{"notes.txt", []byte("Use the [cmd|Ctrl] key, or powershell|bash.\n")},
		{"notes.md", []byte("Use the [cmd|Ctrl] key, or powershell|bash.\n")},
		{"report.html", []byte(`<html><script>document.getElementById("t").innerHTML="ok";</script><img src="` + picture + `"></html>`)},
		{"rapport.html", []byte(`<html><style>@font-face{src:url(data:font/woff2;base64,d09GMg` + strings.Repeat("eTRpMndi", 200) + `)}</style><script>x.innerHTML=decodeURIComponent(b)</script></html>`)},
		{"CR 2026-11. Action", []byte("Compte rendu")},
		{"sauvegarde www.good.com", []byte("\x00\x01\x02bin")},
		{"photo.jpg", pdfFile("<<>>")},
		{"deploy.txt", []byte("#!/bin/sh\nls\n")},
		{"2026.11.26.pdf", pdfFile("<<>>")},
		{"M. Dupont - Contrat v1.2.docx", word("")},
		{"logo.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>`)},
	} {
		if got := flagsOf(t, f); got != "" {
			t.Errorf("%s: %s", f.name, got)
		}
	}
}
