package mail

import (
	"slices"
	"strconv"
	"strings"
)

// An extension is what RFC 2231 makes of a parameter: a piece of it (§3), in a
// charset (§4), or both.
type extension struct {
	name    string
	index   int
	encoded bool
	value   string
}

// joinExtended puts the parameters of RFC 2231 together, by name.
func joinExtended(params []parameter) map[string]string {
	if len(params) == 0 {
		return nil
	}
	pieces := make([]extension, 0, len(params))
	for _, p := range params {
		if e, ok := parseExtension(p); ok {
			pieces = append(pieces, e)
		}
	}
	slices.SortStableFunc(pieces, func(a, b extension) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return a.index - b.index
	})
	joined := make(map[string]string)
	for i := 0; i < len(pieces); {
		end := i + 1
		for end < len(pieces) && pieces[end].name == pieces[i].name {
			end++
		}
		joined[pieces[i].name] = joinPieces(pieces[i:end])
		i = end
	}
	return joined
}

// parseExtension reads the stars of "name*", "name*0" and "name*0*".
func parseExtension(p parameter) (extension, bool) {
	name, star, _ := strings.Cut(p.name, "*")
	e := extension{name: name, value: p.value}
	if star == "" {
		e.encoded = true
		return e, true
	}
	star, e.encoded = strings.CutSuffix(star, "*")
	index, err := strconv.ParseUint(star, 10, 16)
	e.index = int(index)
	return e, err == nil
}

// joinPieces decodes the pieces of one value, the first of which names the
// charset: "utf-8'en'%e2%82%ac". Gaps and doubles are passed over.
func joinPieces(pieces []extension) string {
	charset := ""
	if first := &pieces[0]; first.encoded {
		if parts := strings.SplitN(first.value, "'", 3); len(parts) == 3 {
			charset, first.value = parts[0], parts[2]
		}
	}
	var b []byte
	for i, e := range pieces {
		switch {
		case i > 0 && e.index == pieces[i-1].index:
		case e.encoded:
			b = appendUnescaped(b, e.value)
		default:
			b = append(b, e.value...)
		}
	}
	if len(pieces) == 1 && charset == "" {
		return decodeWords(toUTF8("", b))
	}
	return toUTF8(charset, b)
}

// appendUnescaped undoes the "%41" of RFC 2231; what is none stays.
func appendUnescaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, ok := unhex(s[i+1], s[i+2]); ok {
				dst = append(dst, c)
				i += 2
				continue
			}
		}
		dst = append(dst, s[i])
	}
	return dst
}

// unhex reads two hexadecimal digits of either case.
func unhex(hi, lo byte) (byte, bool) {
	h, ok1 := hexDigit(hi)
	l, ok2 := hexDigit(lo)
	return h<<4 | l, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
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
