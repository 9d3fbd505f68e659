package attachment

import (
	"bytes"
	"html"
	"regexp"
	"slices"
	"strings"
)

// Dynamic data exchange: a field of Word or a formula of a sheet that has another program
// started. That the letters stand somewhere says nothing: "Date_Added" has them.

// startsDDE reports whether the instruction of a field is DDE (ECMA-376 part 1, §17.16.5): its
// first word says what it is.
func startsDDE(instruction string) bool {
	word := strings.TrimLeft(instruction, instructionSpace)
	if i := strings.IndexFunc(word, func(r rune) bool { return r > 'z' || !isLetter(byte(r)) }); i >= 0 {
		word = word[:i]
	}
	return strings.EqualFold(word, "dde") || strings.EqualFold(word, "ddeauto")
}

// instructionSpace is what may stand before the first word.
const instructionSpace = " \t\r\n\u00a0"

// addInstruction adds a run to an instruction, as far as its first word may go.
func addInstruction(to *strings.Builder, run string) {
	const most = 64
	if to.Len() == 0 {
		run = strings.TrimLeft(run, instructionSpace)
	}
	if to.Len() < most {
		to.WriteString(run[:min(len(run), most)])
	}
}

// maxFields bounds how deep fields stand in fields; deeper ones are read as one.
const maxFields = 100

// fieldDDE reports whether a document of Word has a field that starts a program. An instruction
// may be cut into any number of runs, and have other fields in it.
func fieldDDE(b []byte) bool {
	fields := []*strings.Builder{{}} // those that are open; the first has what stands in none
	for {
		tag, text, rest := nextTag(b)
		if tag == nil {
			return slices.ContainsFunc(fields, func(f *strings.Builder) bool { return startsDDE(f.String()) })
		}
		b = rest
		name, _, _ := bytes.Cut(tag, []byte(" "))
		name = bytes.TrimRight(name[bytes.IndexByte(name, ':')+1:], "/\t\r\n")
		last := fields[len(fields)-1]
		switch string(name) {
		case "instrText":
			addInstruction(last, html.UnescapeString(string(text)))
		case "fldSimple":
			if startsDDE(attributeOf(tag, "instr")) {
				return true
			}
		case "fldChar":
			kind := attributeOf(tag, "fldCharType")
			if kind != "begin" && startsDDE(last.String()) {
				return true
			}
			if kind == "begin" && len(fields) < maxFields {
				fields = append(fields, &strings.Builder{})
			}
			if kind == "end" && len(fields) > 1 {
				fields = fields[:len(fields)-1]
			}
		}
	}
}

// nextTag returns a tag of XML without its brackets, the text behind it, and what follows; nil
// where there is none.
func nextTag(b []byte) (tag, text, rest []byte) {
	for {
		i := bytes.IndexByte(b, '<')
		if i < 0 {
			return nil, nil, nil
		}
		b = b[i+1:]
		if after, ok := bytes.CutPrefix(b, []byte("!--")); ok {
			_, b, _ = bytes.Cut(after, []byte("-->"))
			continue
		}
		end := tagEnd(b)
		tag, b = b[:end], b[min(len(b), end+1):]
		if after, ok := bytes.CutPrefix(b, []byte("<![CDATA[")); ok {
			text, rest, _ = bytes.Cut(after, []byte("]]>"))
			return tag, text, rest
		}
		end = bytes.IndexByte(b, '<')
		if end < 0 {
			end = len(b)
		}
		return tag, b[:end], b[end:]
	}
}

// tagEnd finds the bracket that ends a tag: those in quotes do not.
func tagEnd(b []byte) int {
	quote := byte(0)
	for i, c := range b {
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == '>':
			return i
		}
	}
	return len(b)
}

// attributeOf returns the value of an attribute, whatever its name space.
func attributeOf(tag []byte, name string) string {
	for rest := tag; ; {
		i := bytes.Index(rest, []byte(name))
		if i < 0 {
			return ""
		}
		before := byte(' ')
		if i > 0 {
			before = rest[i-1]
		}
		rest = rest[i+len(name):]
		value, ok := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("="))
		value = bytes.TrimLeft(value, " \t\r\n")
		if !ok || len(value) == 0 || value[0] != '"' && value[0] != '\'' || before != ':' && before > ' ' {
			continue
		}
		value, _, _ = bytes.Cut(value[1:], value[:1])
		return html.UnescapeString(string(value))
	}
}

// callDDE finds what calls a program in a formula: cmd|'/c calc'!A1, and the function of
// LibreOffice.
var callDDE = regexp.MustCompile(`\b(cmd|powershell|pwsh|msexcel|excel|winword|mshta|rundll32|regsvr32|certutil|wscript|cscript|wmic|bitsadmin|explorer)(\.exe)?\s*\|\s*'[^\r\n]*'\s*!|\bdde\s*\(\s*"`)

// formulaDDE reports whether a formula in the XML of a sheet calls another program.
func formulaDDE(b []byte) bool {
	for {
		tag, text, rest := nextTag(b)
		if tag == nil {
			return false
		}
		b = rest
		if name, _, _ := bytes.Cut(tag, []byte(" ")); string(name) != "f" && !bytes.HasSuffix(name, []byte(":f")) {
			continue
		}
		if callDDE.Match(lower([]byte(html.UnescapeString(string(text))))) {
			return true
		}
	}
}

// formulaCell finds the beginning of a cell that a sheet reads as a formula.
var formulaCell = regexp.MustCompile(`(^|[,;|\t"])[ "]*[=+@-]`)

// cellDDE reports whether a cell in a sheet that is text calls another program. A cell in
// quotes may have many lines.
func cellDDE(b []byte) bool {
	quoted, formula := false, false
	for line := range bytes.Lines(lower(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))) {
		formula = formula && quoted
		if bytes.Count(line, []byte(`"`))%2 == 1 {
			quoted = !quoted
		}
		if !formula {
			at := formulaCell.FindIndex(line)
			if at == nil {
				continue
			}
			formula, line = true, line[at[0]:]
		}
		if callDDE.Match(line) {
			return true
		}
	}
	return false
}
