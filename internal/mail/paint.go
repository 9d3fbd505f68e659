package mail

import (
	"strconv"
	"strings"

	"golang.org/x/image/colornames"
)

// A paint is a colour of text, or of what is behind it.
type paint struct {
	r, g, b uint8
	kind    paintKind
}

type paintKind uint8

const (
	solid  paintKind = iota
	none             // nothing is painted
	varied           // a picture, a gradient, half transparent: it can't be told
)

// contrast is how much one of its parts must differ between two colours, of 255, so that
// text in one is read on the other.
const contrast = 16

// lost reports whether text of that colour can't be read on paper.
func (p paint) lost(paper paint) bool {
	if p.kind == none {
		return true
	}
	return p.kind == solid && paper.kind == solid && near(p.r, paper.r) && near(p.g, paper.g) && near(p.b, paper.b)
}

func near(a, b uint8) bool { return max(a, b)-min(a, b) < contrast }

// parsePaint reads a colour of CSS, in lower case; false if it is none that we know.
func parsePaint(s string) (paint, bool) {
	if s == "" {
		return paint{}, false
	}
	if s[0] == '#' {
		return parseHex(s[1:])
	}
	if s == "transparent" {
		return paint{kind: none}, true
	}
	if c, ok := colornames.Map[s]; ok {
		return paint{r: c.R, g: c.G, b: c.B}, true
	}
	if strings.HasPrefix(s, "rgb") {
		return parseRGB(s)
	}
	if strings.HasPrefix(s, "hsl") {
		return parseHSL(s)
	}
	return paint{kind: varied}, strings.HasSuffix(s, ")")
}

// parseHSL reads "hsl(120, 50%, 100%)" and its kin, where they are grey, black or white: of other
// colours it can't be told what they are near to.
func parseHSL(s string) (paint, bool) {
	_, inner, _ := strings.Cut(s, "(")
	parts := strings.FieldsFunc(inner, func(r rune) bool { return strings.ContainsRune(" \t,/)", r) })
	if len(parts) < 3 {
		return paint{}, false
	}
	alpha := 1.0
	if len(parts) > 3 {
		var ok bool
		if alpha, ok = parseShare(parts[3]); !ok {
			return paint{kind: varied}, true
		}
	}
	saturation, ok := parseShare(parts[1])
	light, known := parseShare(parts[2])
	grey := ok && known && (saturation <= 0 || light <= 0 || light >= 1)
	switch {
	case through(alpha) == none:
		return paint{kind: none}, true
	case alpha < 1, !grey:
		return paint{kind: varied}, true
	}
	l := octet(light * 255)
	return paint{r: l, g: l, b: l}, true
}

// parseShare reads "50%" and "0.5" as 0.5.
func parseShare(s string) (float64, bool) {
	number, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	return v, err == nil
}

// parseLegacy reads a colour of an attribute, where "#" may be missing.
func parseLegacy(s string) (paint, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if p, ok := parsePaint(s); ok {
		return p, true
	}
	return parseHex(s)
}

// parseHex reads "fff", "fffc", "ffffff" or "ffffffcc".
func parseHex(s string) (paint, bool) {
	v, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		return paint{}, false
	}
	alpha := uint64(255)
	switch len(s) {
	case 4:
		alpha, v = v&15*17, v>>4
		fallthrough
	case 3:
		v = v>>8&15*17<<16 | v>>4&15*17<<8 | v&15*17
	case 8:
		alpha, v = v&255, v>>8
	case 6:
	default:
		return paint{}, false
	}
	return paint{uint8(v >> 16), uint8(v >> 8), uint8(v), through(float64(alpha) / 255)}, true
}

// parseRGB reads "rgb(255, 255, 255)" and its kin.
func parseRGB(s string) (paint, bool) {
	_, inner, ok := strings.Cut(s, "(")
	if !ok {
		return paint{}, false
	}
	parts := strings.FieldsFunc(inner, func(r rune) bool { return strings.ContainsRune(" \t,/)", r) })
	if len(parts) < 3 {
		return paint{}, false
	}
	var v [4]float64
	v[3] = 1
	for i, part := range parts[:min(len(parts), 4)] {
		scale := 1.0
		if number, isShare := strings.CutSuffix(part, "%"); isShare {
			part = number
			if scale = 2.55; i == 3 {
				scale = 0.01
			}
		}
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return paint{kind: varied}, true
		}
		v[i] = n * scale
	}
	return paint{octet(v[0]), octet(v[1]), octet(v[2]), through(v[3])}, true
}

func octet(v float64) uint8 { return uint8(min(max(v, 0), 255) + 0.5) }

// through returns the kind of paint that covers by that share.
func through(alpha float64) paintKind {
	switch {
	case alpha < faint:
		return none
	case alpha < 1:
		return varied
	}
	return solid
}
