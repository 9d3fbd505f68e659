package digest

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestShown(t *testing.T) {
	for name, tt := range map[string]struct{ got, want string }{
		"plain":                 {"Hello, you", "Hello, you"},
		"controls":              {"a\x00b\x1b[31m\r\n c\td\u2028e", "a b [31m c d e"},
		"turned writing":        {"photo_\u202egnp.exe\u2066\u200f", "photo_gnp[.]exe"},
		"nothing seen":          {"\u200b\u2060 \u3164\ufeff", ""},
		"tags":                  {"a\U000E0041\U000E0042b", "ab"},
		"a link":                {"see HTTPS://evil.example/x?y=1", "see HTTPS[:]//evil[.]example/x?y=1"},
		"a name":                {"go to shop.evil.example.", "go to shop[.]evil[.]example."},
		"www":                   {"www.1.com", "www[.]1[.]com"},
		"other dots":            {"evil。example", "evil[.]example"},
		"numbers stay":          {"Version 1.2, EUR 9.99 ... done.", "Version 1.2, EUR 9.99 ... done."},
		"a sign with a name":    {"😀.ws", "😀[.]ws"},
		"many marks":            {"e" + strings.Repeat("\u0301", 20) + "x", "e\u0301\u0301\u0301x"},
		"marks of nothing":      {"\u0301x", "x"},
		"long":                  {strings.Repeat("a", 50), strings.Repeat("a", 20) + "…"},
		"what only just fits":   {strings.Repeat("a", 20) + "\n", strings.Repeat("a", 20)},
		"what is not UTF-8":     {"a\xffb", "a\ufffdb"},
		"letters of the people": {"Ärger mit Übermut", "Ärger mit Übermut"},
	} {
		most := 40
		if name == "long" || strings.HasPrefix(name, "what only") {
			most = 20
		}
		if got := shown(tt.got, most); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestSender(t *testing.T) {
	for author, want := range map[string]string{
		"Ann <ann@example.org>":                     "Ann <ann@example.org>",
		"ann@example.org":                           "ann@example.org",
		"<ann@example.org>":                         "ann@example.org",
		"www.evil.example <ann@example.org>":        "www[.]evil[.]example <ann@example.org>",
		"https://evil.example/@x":                   "https[:]//evil[.]example/@x",
		"Ann <https://evil.example/x@y.example>":    "Ann <https[:]//evil[.]example/x@y[.]example>",
		"Ann <ann@example.org> <x>":                 "Ann <ann@example[.]org> <x>",
		"":                                          "",
		"\u202egro.elpmaxe@nna <evil@evil.example>": "gro[.]elpmaxe@nna <evil@evil.example>",
	} {
		if got := sender(author); got != want {
			t.Errorf("%q: got %q, want %q", author, got, want)
		}
	}
}

func FuzzShown(f *testing.F) {
	f.Add("see https://evil.example/ and www.x.example\u202e")
	f.Add("a\x00\r\nb")
	link := regexp.MustCompile(`(?i)[a-z]:(//|\\\\)|[\pL]\.[\pL]`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{shown(s, maxSubject), shown(shown(s, maxSubject), maxSubject)} {
			if link.MatchString(got) {
				t.Errorf("%q has a link: %q", s, got)
			}
			for _, c := range got {
				if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || unicode.In(c, unicode.Zl, unicode.Zp) {
					t.Errorf("%q has %U: %q", s, c, got)
				}
			}
			if n := utf8.RuneCountInString(strings.ReplaceAll(strings.ReplaceAll(got, "[.]", "."), "[:]", ":")); n > maxSubject+1 {
				t.Errorf("%q: %d characters", s, n)
			}
		}
	})
}
