package attachment

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"strings"
)

// html looks at a page for scripts that build a file and save it (HTML smuggling), or
// unpack themselves.
func (w *walker) html(f *File, b []byte, at place) {
	low := lower(unicodeText(b))
	if bytes.Contains(low, []byte("<hta:application")) {
		w.flag(f, Executable, "an HTML application")
	}
	script := bytes.Contains(low, []byte("<script")) || handlers(low)
	if !script {
		return
	}
	makes := containsAny(low, "new blob", "new file(", "atob(", "uint8array", "fromcharcode", "data:application/", "base64,", "unescape(", "decodeuricomponent(")
	saves := containsAny(low, "mssaveoropenblob", "mssaveblob", "createobjecturl", ".download", "download=", "setattribute('download'", `setattribute("download"`, "showsavefilepicker", "filesaver")
	unpacks := containsAny(low, "eval(", "document.write(", "new function(")
	long := packedLiteral(low)
	code := scripts(low)
	switch {
	case composed.Match(code):
		w.flag(f, Active, "a script that hides what it calls")
	case computed.Match(code) && (longLiteral(code) || joinedLiterals(code)):
		w.flag(f, Active, "a script that hides what it calls, and has packed content")
	case makes && (saves || unpacks) && joinedLiterals(code):
		w.flag(f, Active, "a script that joins content from pieces")
	case makes && saves && (long || containsAny(low, "blob", "atob(")):
		w.flag(f, Active, "a script that builds a file and saves it")
	case makes && unpacks && long:
		w.flag(f, Active, "a script that unpacks itself")
	}
}

// scripts returns what stands in the script elements of a page in lower case.
func scripts(low []byte) (code []byte) {
	for {
		i := bytes.Index(low, []byte("<script"))
		if i < 0 {
			return code
		}
		low = low[i+len("<script"):]
		end := bytes.Index(low, []byte("</script"))
		if end < 0 {
			return append(code, low...)
		}
		code = append(code, low[:end]...)
		low = low[end:]
	}
}

// composed finds a member whose name is put together from literals, window['Bl'+'ob'], which
// nobody needs and no packer of scripts leaves. computed finds any member of what a browser
// offers that is not named by one literal.
var (
	composed = regexp.MustCompile("[\\w$)\\]]\\s*\\[\\s*[\"'`][\\w$]{0,40}[\"'`]\\s*\\+\\s*[\"'`][\\w$]{0,40}[\"'`]\\s*[\\]+]")
	computed = regexp.MustCompile("\\b(window|self|globalthis|url|document)\\s*\\[\\s*([a-z_$][\\w$]*\\s*[\\]\\[(.+]|[\"'`][^\"'`\\n]*[\"'`]\\s*[^\\]\\s])")
	pieces   = regexp.MustCompile("(?:[\"'`][a-z0-9+/=%\\\\_-]+[\"'`]\\s*[,+]\\s*)+")
)

// joinedLiterals reports whether a script has as much as longLiteral looks for in pieces, one
// behind the other.
func joinedLiterals(code []byte) bool {
	for _, run := range pieces.FindAll(code, 100) {
		if len(run)-4*bytes.Count(run, []byte(",")) > 512 {
			return true
		}
	}
	return false
}

// runsInPage finds what a browser runs of a page: elements, and tags that run something by an event.
var runsInPage = regexp.MustCompile(`(?s)<script\b.*?(</script|$)|<[a-z][^<]*[\s"'/]on[a-z]+\s*=\s*("[^"]*|'[^']*|[^\s>]*)[^<]*`)

// asset finds the pictures and fonts that are written into a page, by what those begin with.
var asset = regexp.MustCompile(`data:(image|font|application)/[a-z0-9.+/;=_-]*,(ivborw0kgg|/9j/|r0lgod|uklgr|d09g|aaeaaa|t1rut0|phn2zy|pd94bw|%3csvg)[a-z0-9+/%=]*`)

// packedLiteral reports whether a page has packed content for a script: in one, or elsewhere where
// a script does unpack what it fetches. Reports have pictures and fonts written in, forms their state.
func packedLiteral(low []byte) bool {
	if !longLiteral(low) {
		return false
	}
	rest := asset.ReplaceAll(low, nil)
	if containsAny(rest, "eval(atob(", "eval(unescape(", "eval(decodeuricomponent(", "document.write(atob(", "document.write(unescape(", "document.write(decodeuricomponent(") {
		return longLiteral(rest)
	}
	for _, script := range runsInPage.FindAll(rest, -1) {
		if longLiteral(script) {
			return true
		}
	}
	return false
}

// longLiteral reports whether a script has a long run of letters and digits, as packed
// content is.
func longLiteral(b []byte) bool {
	const long = 512
	run := 0
	for _, c := range b {
		if isLetter(c) || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '%' || c == '\\' {
			if run++; run == long {
				return true
			}
			continue
		}
		run = 0
	}
	return false
}

func containsAny(b []byte, words ...string) bool {
	for _, word := range words {
		if bytes.Contains(b, []byte(word)) {
			return true
		}
	}
	return false
}

// handler finds the attribute of an element that runs a script.
var handler = regexp.MustCompile(`[\s"'/]on(load|error|click|mouse[a-z]+|begin|end|focus[a-z]*|activate|toggle|pageshow|repeat|key[a-z]+)\s*=`)

func handlers(low []byte) bool { return handler.Match(low) }

// svg looks for a picture that is a page: browsers run its scripts.
func (w *walker) svg(f *File, b []byte, at place) {
	low := lower(unicodeText(b))
	switch {
	case bytes.Contains(low, []byte("<script")):
		w.flag(f, Active, "a picture with a script")
	case handlers(low):
		w.flag(f, Active, "a picture that runs a script by an event")
	case containsAny(low, "javascript:"):
		w.flag(f, Active, "a picture with a link that runs a script")
	case bytes.Contains(low, []byte("<foreignobject")) && containsAny(low, "<form", "<iframe", "<embed", "<object"):
		w.flag(f, Active, "a picture with a page in it")
	}
}

// xml looks at office documents that are one XML file, and at what Windows runs.
func (w *walker) xml(f *File, b []byte, at place) {
	low := lower(unicodeText(b))
	if containsAny(low, "<w:bindata", "w:macrospresent=\"yes\"", "editdata.mso") {
		w.flag(f, Macro, "macros in a document of one file")
	}
	if bytes.Contains(low, []byte("progid=\"word.document\"")) && fieldDDE(b) {
		w.flag(f, Macro, "DDE field")
	}
	if bytes.Contains(low, []byte("<script")) && containsAny(low, "<?xml-stylesheet", "msxsl:script", "<scriptlet", "<component") {
		w.flag(f, Executable, "a script")
	}
}

// text looks at what has no mark of its own: sheets as text, pages by their name, files in
// the way of uuencode.
func (w *walker) text(f *File, b []byte, at place) {
	switch ext := Extension(f.Name); ext {
	case "csv", "tsv", "tab":
		if cellDDE(unicodeText(b)) {
			w.flag(f, Macro, "a formula that starts a program")
		}
	case "slk":
		if callDDE.Match(lower(b)) {
			w.flag(f, Macro, "a formula that starts a program")
		}
	case "htm", "html", "shtml", "xhtml", "xht", "hta":
		w.html(f, b, at)
	case "svg":
		w.svg(f, b, at)
	case "mht", "mhtml":
		w.flag(f, Active, "a page archive that can't be read")
	}
	w.uuencoded(b, at)
}

// beginFile finds the line that begins a file in uuencode.
var beginFile = regexp.MustCompile(`(?m)^begin(-base64)? [0-7]{3,4} ([^\r\n]{1,255})\r?\n`)

// uuencoded looks at files that are written into text as older mail programs do; those of
// today still show them as attachments.
func (w *walker) uuencoded(b []byte, at place) {
	const most = 20
	for range most {
		m := beginFile.FindSubmatchIndex(b)
		if m == nil || w.over {
			return
		}
		name := string(b[m[4]:m[5]])
		based := m[2] >= 0
		b = b[m[1]:]
		var out []byte
		for line := range bytes.Lines(b) {
			b = b[len(line):]
			line = bytes.TrimRight(line, "\r\n")
			if len(line) == 0 || string(line) == "end" || bytes.HasPrefix(line, []byte("====")) {
				break
			}
			if based {
				out, _ = base64.StdEncoding.AppendDecode(out, line)
				continue
			}
			out = uuLine(out, line)
		}
		w.file(name, bytes.NewReader(out), int64(len(out)), at)
	}
}

// uuLine decodes a line: its length, then four letters for each three octets.
func uuLine(out, line []byte) []byte {
	n := int(line[0]-' ') & 63
	line = line[1:]
	start := len(out)
	for ; len(line) >= 4 && len(out)-start < n; line = line[4:] {
		v := uint32(line[0]-' ')&63<<18 | uint32(line[1]-' ')&63<<12 | uint32(line[2]-' ')&63<<6 | uint32(line[3]-' ')&63
		out = append(out, byte(v>>16), byte(v>>8), byte(v))
	}
	return out[:min(len(out), start+n)]
}

// shortcut tells where a shortcut leads ([MS-SHLLINK], or the text of an .url file), as evidence.
func (w *walker) shortcut(f *File, b []byte, _ place) {
	if !bytes.HasPrefix(b, []byte("L\x00\x00\x00")) {
		for line := range strings.Lines(string(unicodeText(b[:min(len(b), 4096)]))) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.EqualFold(key, "URL") {
				w.flag(f, Executable, "a shortcut to %s", cleanName(value))
			}
		}
		return
	}
	if s := linkTarget(b); s != "" {
		w.flag(f, Executable, "a shortcut to %s", cleanName(s))
	}
}

// linkTarget reads the relative path and the arguments of a shortcut ([MS-SHLLINK] §2.1, §2.4).
func linkTarget(b []byte) string {
	const header = 76
	if len(b) < header {
		return ""
	}
	flags := binary.LittleEndian.Uint32(b[20:])
	p := &sevenParser{b: b[header:]}
	u16 := func() uint64 {
		v := p.bytes(2)
		if v == nil {
			return 0
		}
		return uint64(binary.LittleEndian.Uint16(v))
	}
	if flags&1 != 0 { // a list of shell items
		p.bytes(u16())
	}
	if flags&2 != 0 { // where it is
		if len(p.b) < 4 {
			return ""
		}
		p.bytes(uint64(binary.LittleEndian.Uint32(p.b)))
	}
	var parts []string
	for _, bit := range []uint32{4, 8, 16, 32} { // name, relative path, directory, arguments
		if flags&bit == 0 {
			continue
		}
		n := u16()
		var s string
		if flags&0x80 != 0 {
			s = littleEndian16(p.bytes(2 * n))
		} else {
			s = string(p.bytes(n))
		}
		if (bit == 8 || bit == 32) && s != "" {
			parts = append(parts, strings.TrimSpace(s))
		}
	}
	return strings.Join(parts, " ")
}
