package link

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// pairs are characters and the Latin letter or digit that each is taken for: of the
// confusables of UTS #39 those that a host may hold (small letters, in NFKC).
const pairs = "аa ɑa αa ạa ӕa ԝw ѡw ωw вb ьb ƅb ɓb Ьb βb ϐb сc ϲc ⅽc ᴄc ϛc çc ԁd ɗd đd ժd еe ҽe єe ɛe εe ҿe ēe ƒf ẝf ϝf ғf " +
	"ɡg ցg ɢg ԍg ğg հh һh нh ʜh ħh ђh ћh іi ıi ɩi ιi їi ɪi ӏl ιi ǀl ןl łl ɭl ⅼl јj ϳj ʝj ĸk кk κk қk ҝk ҟk ᴋk " +
	"мm ᴍm ɱm пn ոn ռn ηn ɴn ŋn ղn оo οo օo σo ᴏo өo ѳo øo ơo ဝo рp ρp ƿp ϸp ԛq գq զq гr ᴦr ᴨn ɼr ɾr ѕs ꜱs ʂs ѕs " +
	"тt τt ᴛt ŧt ƭt ţt υu սu ᴜu ʋu цu џu ųu ѵv νv ᴠv ѷv шw щw ԝw ᴡw ɯw хx χx ҳx ҽe уy ўy γy ʏy ỿy ᶌy ყy үy ұy зз ʐz ᴢz ƶz ʒz ȥz " +
	"ꭱr ꭲi ꮟb ꮪs ꮢr ꮩv ꮃw ꮇm ꮋh ꮌh ꮓz ꮜu ꮮl ꮯc ꮲp ꮶk ꭺa ꭼe ⲟo ⲣp ⲥc ⲅr ⲏh ⲓi ⲙm ⲛn ⲧt ⲩu ⲭx ⲕk ⲃb ⲁa ⲉe"

// likeness is pairs as a table.
var likeness = table(pairs)

func table(pairs string) map[rune]byte {
	m := map[rune]byte{}
	for pair := range strings.FieldsSeq(pairs) {
		r, n := utf8.DecodeRuneInString(pair)
		if c := pair[n]; len(pair) == n+1 && c < utf8.RuneSelf {
			m[r] = c
		}
	}
	return m
}

// Readable returns a host as browsers may show it, its punycode decoded.
func Readable(host string) string {
	if !hasPunycode(host) {
		return host
	}
	text, err := idna.Punycode.ToUnicode(host)
	if err != nil {
		return host
	}
	return text
}

// Skeleton returns what a label looks like at a glance, in Latin letters (after UTS #39 §4):
// accents and hyphens left out, letters of other alphabets as those that they are taken for,
// digits as letters ("paypa1"), and one of each pair that a small font does not tell apart: l of i,
// m of rn, w of vv, d of cl. Two labels that look alike have one skeleton.
func Skeleton(label string) string {
	if hasPunycode(label) {
		label = Readable(label)
	}
	b := make([]byte, 0, len(label)+8)
	if isASCII(label) {
		return joinPairs(plainLetters(b, label))
	}
	for _, r := range norm.NFKD.String(strings.ToLower(label)) {
		switch c, known := likeness[r]; {
		case known:
			b = utf8.AppendRune(b, plainLetter(rune(c)))
		case r == '-' || unicode.Is(unicode.Mn, r) || isInvisible(r):
		default:
			b = utf8.AppendRune(b, plainLetter(r))
		}
	}
	return joinPairs(b)
}

// plainLetters appends what a label of ASCII looks like.
func plainLetters(b []byte, label string) []byte {
	for i := range len(label) {
		c := label[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != '-' {
			b = append(b, byte(plainLetter(rune(c))))
		}
	}
	return b
}

// joinPairs makes one letter of pairs that look like one, in place.
func joinPairs(b []byte) string {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		c := b[i]
		if i+1 < len(b) {
			joined := true
			switch next := b[i+1]; {
			case c == 'r' && next == 'n':
				c = 'm'
			case c == 'v' && next == 'v':
				c = 'w'
			case c == 'c' && next == 'l':
				c = 'd'
			default:
				joined = false
			}
			if joined {
				i++
			}
		}
		out = append(out, c)
	}
	return string(out)
}

// plainLetter is the letter that a digit, or a letter of the same shape, stands for.
func plainLetter(r rune) rune {
	switch r {
	case '0':
		return 'o'
	case '1', 'i', '|':
		return 'l'
	case '3':
		return 'e'
	case '5':
		return 's'
	}
	return r
}

// Scripts returns the alphabets that a label's letters are of, sorted, without those that all
// share.
func Scripts(label string) (names []string) {
	for _, r := range Readable(label) {
		name := scriptOf(r)
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func scriptOf(r rune) string {
	switch {
	case r < utf8.RuneSelf && isLetter(byte(r)):
		return "Latin"
	case r < utf8.RuneSelf || unicode.In(r, unicode.Common, unicode.Inherited):
		return ""
	}
	for name, set := range unicode.Scripts { // a character is in one of them
		if unicode.Is(set, r) {
			return name
		}
	}
	return ""
}

// Disguise says why a host's labels look like tricks, "" where they do not: a label that
// mixes alphabets as no language does (worse than "moderately restrictive" of UTS #39 §5.2), or one
// in another alphabet of which each letter passes for Latin, under a suffix of other people.
func Disguise(host string) string {
	if !hasPunycode(host) {
		return ""
	}
	suffix := host[strings.LastIndexByte(host, '.')+1:]
	for label := range strings.SplitSeq(host, ".") {
		if !hasPunycode(label) {
			continue
		}
		scripts := Scripts(label)
		switch {
		case !goTogether(scripts):
			return Readable(label) + " mixes " + strings.Join(scripts, " and ")
		case len(scripts) == 1 && passesForLatin(label, scripts[0]) && !writes(suffix, scripts[0]):
			return Readable(label) + " is " + scripts[0] + " and looks like Latin"
		}
	}
	return ""
}

// goTogether reports whether languages are written with such alphabets together.
func goTogether(scripts []string) bool {
	if len(scripts) <= 1 {
		return true
	}
	east := func(allowed ...string) bool {
		return !slices.ContainsFunc(scripts, func(s string) bool { return s != "Latin" && !slices.Contains(allowed, s) })
	}
	switch {
	case east("Han", "Hiragana", "Katakana"), east("Han", "Bopomofo"), east("Han", "Hangul"):
		return true
	case len(scripts) > 2 || !slices.Contains(scripts, "Latin"):
		return false
	}
	return !slices.ContainsFunc(scripts, func(s string) bool {
		return slices.Contains([]string{"Cyrillic", "Greek", "Armenian", "Cherokee", "Coptic", "Georgian", "Lisu", "Myanmar"}, s)
	})
}

// passesForLatin reports whether all of a label in one of the alphabets like the Latin one
// looks as if it were Latin.
func passesForLatin(label, script string) bool {
	if !slices.Contains([]string{"Cyrillic", "Greek", "Armenian", "Cherokee", "Coptic"}, script) {
		return false
	}
	for _, r := range Readable(label) {
		if _, known := likeness[r]; !known && r >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// writes reports whether people under a suffix write in an alphabet, so that its letters
// there are no disguise.
func writes(suffix, script string) bool {
	if hasPunycode(suffix) {
		return true
	}
	switch script {
	case "Cyrillic":
		return slices.Contains([]string{"ru", "su", "ua", "by", "kz", "bg", "rs", "mk", "me", "mn", "kg", "tj", "uz", "md"}, suffix)
	case "Greek":
		return slices.Contains([]string{"gr", "cy", "eu"}, suffix)
	case "Armenian":
		return suffix == "am"
	}
	return false
}
