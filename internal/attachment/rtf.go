package attachment

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
)

// maxHex bounds the objects of an RTF file that are decoded, in octets together.
const maxHex = 2 << 20

// rtf looks at the objects in a rich text: programs that open it follow what they are by
// their class, and some classes have been the way in for years.
func (w *walker) rtf(f *File, b []byte, at place) {
	low := lower(b)
	for _, word := range []string{`\objupdate`, `\objautlink`} {
		if bytes.Contains(low, []byte(word)) {
			w.flag(f, Macro, "an object that is loaded by itself (%s)", word)
		}
	}
	for rest, found := b, true; found; {
		if _, rest, found = bytes.Cut(rest, []byte(`\fldinst`)); found && startsDDE(instructionRTF(rest)) {
			w.flag(f, Macro, "DDE field")
		}
	}
	if i := bytes.Index(low, []byte(`\*\template`)); i >= 0 {
		target, _, _ := bytes.Cut(b[i+len(`\*\template`):min(len(b), i+300)], []byte("}"))
		if s := strings.TrimSpace(string(target)); remote(s) {
			w.flag(f, Macro, "fetches a template from %s", cleanName(s))
		}
	}
	room := maxHex
	for n := 0; n < 20 && room > 0 && !w.over; n++ {
		i := bytes.Index(low, []byte(`objdata`))
		if i < 0 {
			return
		}
		object, used := unhexRTF(b[i+len("objdata"):], room)
		room -= len(object)
		b, low = b[i+len("objdata")+used:], low[i+len("objdata")+used:]
		w.object(f, object, at)
	}
}

// object looks at an object of OLE 1 ([MS-OLEDS] §2.2): its class, then what it is.
func (w *walker) object(f *File, b []byte, at place) {
	class := ""
	if len(b) > 12 {
		n := int(min(binary.LittleEndian.Uint32(b[8:]), 64, uint32(len(b)-12)))
		name, _, _ := bytes.Cut(b[12:12+n], []byte{0})
		class = cleanName(string(name))
	}
	if runsAsObject(class) {
		w.flag(f, Macro, "an object %q", class)
	}
	at.inner = false
	if i := bytes.Index(b, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")); i >= 0 {
		w.file(class, bytes.NewReader(b[i:]), int64(len(b)-i), at)
		return
	}
	if !strings.EqualFold(class, "package") {
		return
	}
	if i := bytes.Index(b[min(len(b), 12):], []byte("\x02\x00")); i >= 0 {
		wrapped := append(make([]byte, 4), b[12+i:]...)
		if name, begin, size, ok := nativeFile(wrapped); ok {
			if file := w.file(name, io.LimitReader(bytes.NewReader(wrapped[begin:]), size), size, at); len(file.Flags) == 0 {
				return
			}
		}
	}
	w.flag(f, Macro, "an object %q", class)
}

// runsAsObject reports whether objects of a class have been a way in by themselves: equations, pages,
// links, what has no name that a program writes. Others are what is in them.
func runsAsObject(class string) bool {
	low := strings.ToLower(class)
	for _, known := range []string{"equation", "htmlfile", "ole2link", "script", "shell.", "otkloadr", "mscomctl", "shockwave", "webbrowser"} {
		if strings.Contains(low, known) {
			return true
		}
	}
	return low == "" || strings.ContainsFunc(low, func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < '0' || '9' < r) && r != '.' && r != '_' && r != '-'
	})
}

// instructionRTF returns the first word of a field's instruction: groups and control words may stand
// between its letters.
func instructionRTF(b []byte) string {
	const most, room = 32, 1 << 10
	b = b[:min(len(b), room)]
	var word []byte
	for i := 0; i < len(b) && len(word) < most; i++ {
		switch c := b[i]; {
		case c == '\\' && i+3 < len(b) && b[i+1] == '\'':
			high, _ := hexValue(b[i+2])
			low, _ := hexValue(b[i+3])
			word = append(word, high<<4|low)
			i += 3
		case c == '\\':
			i = controlWord(b, i)
			if i+1 < len(b) && b[i+1] == ' ' { // belongs to it
				i++
			}
		case c == '{' || c == '}' || c == '\r' || c == '\n':
		case c == ' ' && len(word) == 0:
		case isLetter(c):
			word = append(word, c)
		default:
			return string(word)
		}
	}
	return string(word)
}

// controlWord returns where a control word with its number ends, or \'xx.
func controlWord(b []byte, i int) int {
	for i+1 < len(b) && (isLetter(b[i+1]) || '0' <= b[i+1] && b[i+1] <= '9' || b[i+1] == '-' || b[i+1] == '*' || b[i+1] == '\'') {
		i++
	}
	return i
}

// unhexRTF decodes the digits of an object. Whatever else stands between them, readers of
// RTF pass over: spaces, control words, groups.
func unhexRTF(b []byte, most int) (out []byte, used int) {
	var high byte
	half, deep := false, 0
	for used = 0; used < len(b) && len(out) < most; used++ {
		switch c := b[used]; {
		case c == '\\':
			used = controlWord(b, used)
		case c == '{':
			deep++
		case c == '}':
			if deep--; deep < 0 {
				return out, used
			}
		default:
			v, ok := hexValue(c)
			if !ok || deep > 0 {
				continue
			}
			if half = !half; half {
				high = v
				continue
			}
			out = append(out, high<<4|v)
		}
	}
	return out, used
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func hexValue(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
