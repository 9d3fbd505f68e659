package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// found are the hits of a set in texts that are not too much for it.
func found(set *Set, t *Texts) []Hit {
	hits, whole := set.Match(t)
	if !whole {
		panic("not all was looked at")
	}
	return hits
}

// body gives one text as body.
func body(text string) *Texts {
	return New(func(w Where) []string {
		if w == Body {
			return []string{text}
		}
		return nil
	})
}

func TestMatch(t *testing.T) {
	const gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
	tests := []struct {
		name    string
		pattern Pattern
		text    string
		want    string // the excerpt, "" for no hit
	}{
		{"word", Pattern{Text: "pill"}, "Buy a Pill!", "buy a pill!"},
		{"within a word", Pattern{Text: "pill"}, "caterpillar pills", ""},
		{"number beside", Pattern{Text: "pill"}, "pill5", ""},
		{"underscore beside", Pattern{Text: "pill"}, "_pill_", "_pill_"},
		{"later one fits", Pattern{Text: "pill"}, "pills pill", "pills pill"},
		{"phrase over lines", Pattern{Text: "make  money\tfast"}, "Make money\r\n\r\n fast", "make money fast"},
		{"punctuation ends", Pattern{Text: "100%"}, "a100%b", ""},
		{"punctuation is no end", Pattern{Text: "%off"}, "100%off", "100%off"},
		{"gtube", Pattern{Text: gtube}, "x\n" + gtube + "\ny", "x xjs*c4jdbqadn1.nsbn3*2idnen*gtube-standard-anti-ube-test-email*c.34x y"},
		{"look-alikes", Pattern{Text: "viagra"}, "ѵіаgrа", "viagra"},
		{"look-alikes in the pattern", Pattern{Text: "виагра"}, "ВИАГРА", "bиarpa"},
		{"split", Pattern{Text: "viagra"}, "get v-i-a-g-r-a now", "viagra viagr"},
		{"split after an article", Pattern{Text: "free"}, "a f r e e", "afree free"},
		{"split phrase is not", Pattern{Text: "free now"}, "f r e e  n o w", ""},
		{"chinese", Pattern{Text: "免费"}, "立即免费领取", "立即免费领取"},
		{"accent beside", Pattern{Text: "caf"}, "café", ""},
		{"expression", Pattern{Text: `fr[e3]+ .{1,9}OFFER`, Regexp: true}, "a FR3e\nspecial offer", "a fr3e special offer"},
		{"expression with look-alikes", Pattern{Text: `ВИАГР[АX]+`, Regexp: true}, "виагра", "bиarpa"},
		{"class of cyrillic", Pattern{Text: `^[а-я]{6}$`, Regexp: true}, "привет", "пpиbet"},
		{"complement", Pattern{Text: `[^a-z ]`, Regexp: true}, "some оf these", ""},
		{"expression, no letters needed", Pattern{Text: `\d{4}-\d{4}`, Regexp: true}, "call 1234-5678", "call 1234-5678"},
		{"expression, none of two", Pattern{Text: `(cheap|free) pills`, Regexp: true}, "costly pills", ""},
		{"expression, one of two", Pattern{Text: `(cheap|free|no).pills?`, Regexp: true}, "no-pill", "no-pill"},
		{"expression with spaces", Pattern{Text: `a  b`, Regexp: true}, "a \n b", "a b"},
		{"expression repeated", Pattern{Text: `(?:ab){2,}`, Regexp: true}, "xABabx", "xababx"},
		{"expression not split", Pattern{Text: `viagra`, Regexp: true}, "v i a g r a", ""},
		{"excerpt is short", Pattern{Text: "pill"}, strings.Repeat("é", 50) + " pill " + strings.Repeat("ü", 50), "éééééééééé pill üüüüüüüüüü"},
		{"excerpt of much", Pattern{Text: "a.*b", Regexp: true}, "a" + strings.Repeat("x", 200) + "b", "a" + strings.Repeat("x", 79)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set, err := Compile([]Pattern{{Text: "other"}, tt.pattern})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, h := range found(set, body(tt.text)) {
				got = h.Excerpt
				if h.Pattern != 1 || h.Where != Body || h.Name != tt.pattern.Text {
					t.Errorf("hit %+v", h)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	content := strings.ReplaceAll("Subject: =?utf-8?q?Fr=C3=A9e?= offer\nList-Id: <bulk.example>\nContent-Type: multipart/mixed; boundary=b\n\n"+
		"--b\n\nplain words\n--b\nContent-Type: text/html\n\n<b>visi</b>ble <a href=http://link.example/>x</a>\n"+
		"--b\nContent-Type: application/zip; name=Invoice.zip\nContent-Transfer-Encoding: base64\n\nUEsDBA==\n--b--\n", "\n", "\r\n")
	m := mail.NewMessage([]byte(content))
	tests := []struct {
		text string
		in   []Where
		want Where
	}{
		{"frée", nil, Subject},
		{"plain words", nil, Body},
		{"visible", nil, Body},
		{"visible", []Where{HTML}, ""},
		{"<b>", []Where{HTML}, HTML},
		{"link.example", []Where{URL}, URL},
		{"invoice.zip", []Where{Body, Filename}, Filename},
		{"UEsDBA", []Where{Raw}, Raw},
		{"bulk.example", []Where{Header("List-ID")}, "header list-id"},
		{"bulk.example", []Where{"Header List-Id", Raw}, "header list-id"},
		{"bulk.example", []Where{Header("X-None"), Body}, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.text, tt.in), func(t *testing.T) {
			set, err := Compile([]Pattern{{Text: tt.text, In: tt.in}})
			if err != nil {
				t.Fatal(err)
			}
			var got Where
			for _, h := range found(set, Of(m)) {
				got = h.Where
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHitsOncePerPattern(t *testing.T) {
	set, err := Compile([]Pattern{{Text: "b", Weight: 2}, {Text: "a", Weight: -0.5, Name: "the a"}, {Text: "a.c", Regexp: true}, {Text: "none"}})
	if err != nil {
		t.Fatal(err)
	}
	hits := found(set, body("a b a b abc"))
	var got []string
	for _, h := range hits {
		got = append(got, fmt.Sprint(h.Pattern, h.Name, h.Weight))
	}
	if want := "0b2 1the a-0.5 2a.c0"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if Score(hits) != 1.5 {
		t.Errorf("score %v", Score(hits))
	}
}

func TestCompileErrors(t *testing.T) {
	tests := []struct {
		name    string
		pattern Pattern
		want    string
	}{
		{"syntax", Pattern{Text: "a(", Regexp: true}, `rules: pattern "a(": error parsing regexp: missing closing ): ` + "`a(`"},
		{"empty", Pattern{Name: "x"}, `rules: pattern "x": nothing to look for`},
		{"invisible", Pattern{Text: "\u200b \u00ad", Name: "x"}, `rules: pattern "x": nothing to look for`},
		{"matches all", Pattern{Text: "a*", Regexp: true}, `rules: pattern "a*": matches the empty text, so every message`},
		{"place", Pattern{Text: "a", In: []Where{"bodie"}}, `rules: pattern "a": rules: no part of a message is called "bodie"`},
		{"weight", Pattern{Text: "a", Weight: math.NaN()}, `rules: pattern "a": weight NaN`},
		{"long", Pattern{Text: strings.Repeat("a", 2000), Name: "x"}, `rules: pattern "x": longer than 1000 octets`},
		{"instructions", Pattern{Text: "x(aa|bc|de){999}", Regexp: true, Name: "x"}, `rules: pattern "x": takes 9993 instructions, more than 3000: repeats such as {0,500} cost one for each time`},
		{"utf-8", Pattern{Text: "\xff", Name: "x"}, `rules: pattern "x": not UTF-8`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Compile([]Pattern{{Text: "fine"}, tt.pattern})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := Compile([]Pattern{{Text: "a(", Regexp: true}, {Text: "b("}, {Text: "c(", Regexp: true}}); strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not both named: %v", err)
	}
}

// Expressions without letters run over every message: few may be so. Parts are few, too.
func TestCompileLimits(t *testing.T) {
	var blind, parts []Pattern
	for i := range 70 {
		blind = append(blind, Pattern{Text: fmt.Sprintf(`[0-9]%c.[0-9]`, 'a'+i%26), Regexp: true})
		parts = append(parts, Pattern{Text: "x", In: []Where{Header(fmt.Sprint("X-", i))}})
	}
	for name, test := range map[string]struct {
		patterns []Pattern
		most     int
		want     string
	}{
		"blind": {blind, MaxBlind, "it would have to run over every message"},
		"parts": {parts, maxPlaces, "is one part too many"},
	} {
		if _, err := Compile(test.patterns[:test.most]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Compile(test.patterns[:test.most+1]); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// Expressions are run around the letters that they need, and find what they would find in the
// whole text.
func TestExpressionWindows(t *testing.T) {
	far := strings.Repeat("x y ", 2000)
	for _, tt := range []struct {
		name, expression, text string
		want                   bool
	}{
		{"far behind", `pills?\s+now`, far + "pill  now", true},
		{"letters without the rest, then with it", `pills?\s+now`, "pill x " + far + "pill  now" + far, true},
		{"never with the rest", `pills?\s+now`, "pill x " + far + "now pill" + far, false},
		{"start of the text", `^.{0,9}pill`, far + "pill", false},
		{"start of the text, so", `^.{0,9}pill`, "my pill" + far, true},
		{"end of the text", `pill.{0,9}$`, "pill" + far, false},
		{"end of the text, so", `pill.{0,9}$`, far + "pill", true},
		{"end of a word", `\b.{4}pill\b`, far + "éxxxxpill" + far, false},
		{"any length", `pill.*now`, "pill" + far + "now", true},
		{"two places", `pill.{0,5}now`, "pill" + far + "now", false},
		{"all letters", `pill.{0,50}now`, "pill xxx" + far, false},
		{"an end in the middle of letters", `l{3}.?`, far + "ll lll " + far, true},
		{"no letters", `\d.\d`, far + "4é4", true},
	} {
		set, err := Compile([]Pattern{{Text: tt.expression, Regexp: true}, {Text: "other"}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a set is used again and again
			if got := len(found(set, body(tt.text))) > 0; got != tt.want {
				t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
			}
		}
	}
}

// What hostile texts make of hostile patterns is bounded, and told.
func TestMatchBounds(t *testing.T) {
	patterns := []Pattern{{Text: "needle", Weight: 1}}
	for i := range 300 {
		patterns = append(patterns, Pattern{Text: fmt.Sprintf(`aa(a|b|c){%d}(a?){500}z`, i+1), Regexp: true})
	}
	for i := range 9000 { // one like the other
		patterns = append(patterns, Pattern{Text: strings.Repeat("a ", 300) + fmt.Sprint(i)})
	}
	set, err := Compile(patterns)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("a ", 1<<17) + strings.Repeat("a", 1<<18) + " needle z"
	hits, whole := set.Match(body(text))
	if whole || len(hits) != 1 || hits[0].Name != "needle" {
		t.Errorf("got %d hits, whole %t", len(hits), whole)
	}
	if hits, whole := set.Match(body("a needle")); !whole || len(hits) != 1 {
		t.Errorf("a short text: got %d hits, whole %t", len(hits), whole)
	}
}

func TestParseWhere(t *testing.T) {
	for in, want := range map[string]Where{
		"Body": Body, "header X-Foo": "header x-foo", " subject ": Subject, "header  a": "header a", "header": "", "header ": "", "header a b": "", "": "",
	} {
		got, err := ParseWhere(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}

// FuzzExpression checks that folding leaves expressions that compile, and that a set finds
// with them, looking only around the letters that they need, what they match in the whole.
func FuzzExpression(f *testing.F) {
	f.Add(`(cheap|free)\s+pills?`, "free pills")
	f.Add(`(?:Ab){2,3}|x+yz[^a-c]`, "ABABxyzd")
	f.Add(`[[:alpha:]]ſſ(?i:K)\x{212A}`, "assKk")
	f.Add(`\bab.{0,3}\bcd$`, "xab xx xx xx xx xx ab cd ab cd cdé")
	f.Fuzz(func(t *testing.T, text, s string) {
		if len(text) > 60 || len(s) > 1000 {
			return
		}
		e, err := compile(text)
		if err != nil {
			return
		}
		set, err := Compile([]Pattern{{Text: text, Regexp: true}})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{s, s + strings.Repeat("é ", 40) + s} {
			if got, want := len(found(set, body(s))) > 0, Fold(s) != "" && e.re.MatchString(Fold(s)); got != want {
				t.Errorf("%q in %q, needs %v: got %t, want %t", text, Fold(s), e.needs, got, want)
			}
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("v i a g r a \xff", "viagra")
	f.Add("a b  c", "b")
	f.Fuzz(func(t *testing.T, text, word string) {
		set, err := Compile([]Pattern{{Text: word}})
		if err != nil {
			return
		}
		for _, h := range found(set, body(text)) {
			if len(h.Excerpt) > maxExcerpt+8 || strings.ContainsAny(h.Excerpt, "\r\n") {
				t.Errorf("excerpt %q", h.Excerpt)
			}
		}
		if len(found(set, body(" "+word+" "))) != 1 && !strings.Contains(Fold(word), "\uFFFD") {
			t.Errorf("%q is not found in itself", word)
		}
	})
}

// vocabulary makes n words from a fixed source.
func vocabulary(n int) []Pattern {
	source := rand.New(rand.NewPCG(1, 2))
	patterns := make([]Pattern, n)
	for i := range patterns {
		b := make([]byte, 5+source.IntN(8))
		for j := range b {
			b[j] = "etaoinshrdlucmfwypvbgkqjxz"[min(source.IntN(26), source.IntN(26))]
		}
		patterns[i] = Pattern{Text: string(b)}
	}
	return patterns
}

// prose is 64 KiB in the same letters.
func prose() string {
	var b strings.Builder
	for _, p := range vocabulary(20000) {
		b.WriteString(p.Text[:2+len(p.Text)/2] + " ")
	}
	return b.String()[:64<<10]
}

func BenchmarkMatch(b *testing.B) {
	text := prose()
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			set, err := Compile(vocabulary(n))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				found(set, body(text))
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	patterns := vocabulary(10000)
	for b.Loop() {
		if _, err := Compile(patterns); err != nil {
			b.Fatal(err)
		}
	}
}

// What an expression needs is looked at only where what must stand near does; not where any number
// of octets may lie between.
func TestNear(t *testing.T) {
	for text, want := range map[string]string{
		`\bcheap\W{0,3}pills`:  "cheap: pills within 17 behind", // three characters of four octets
		`(no|any)prescription`: "prescription: none",
		`go\d?prescription`:    "prescription: go within 6 before",
		`cheap.*prescription`:  "prescription: none",
		`cheap.*xy.pills`:      "cheap: none",
		`order(ed)? now`:       "order: now within 6 behind",
	} {
		e, err := compile(text)
		if err != nil {
			t.Fatal(err)
		}
		got := e.needs[0].text + ": none"
		if n := e.needs[0].near; n != nil && n.after > 0 {
			got = fmt.Sprintf("%s: %s within %d behind", e.needs[0].text, strings.TrimSpace(string(n.letters)), n.after)
		} else if n != nil {
			got = fmt.Sprintf("%s: %s within %d before", e.needs[0].text, n.letters, n.before)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
