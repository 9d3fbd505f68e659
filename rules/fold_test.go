package rules

import (
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"lower case", "Hello WORLD", "hello world"},
		{"white space", " a \t\r\n b\u00a0\u2003c", " a b c"},
		{"fullwidth", "ＦＲＥＥ", "free"},
		{"mathematical", "𝐟𝓻𝕖𝖊", "free"},
		{"ligature", "ﬁne", "fine"},
		{"circled", "ⓥⓘ🅐🅶🇷🇦", "viagra"},
		{"cyrillic look-alikes", "Ѵіаgrа", "viagra"},
		{"greek look-alikes", "Ρауραl", "paypal"},
		{"small capitals", "ꜰʀᴇᴇ", "free"},
		{"zero width", "v\u200bi\u200da\u00adg\ufeffr\u2060a", "viagra"},
		{"direction", "\u202eabc\u202c", "abc"},
		{"struck through", "f\u0336r\u0336e\u0336e", "free"},
		{"controls", "a\x00b\x7fc", "abc"},
		{"composed", "cafe\u0301", "café"},
		{"both cases of cyrillic", "ВИАГРА виагра", "bиarpa bиarpa"},
		{"sigma", "ΣΑΣ σας", "σaσ σaσ"},
		{"bad utf-8", "a\xffb", "a\uFFFDb"},
		{"cjk stays", "免费", "免费"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Fold(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRejoin(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"spaces", "buy v i a g r a today", "viagra\nviagr\n"},
		{"dots", "v.i.a.g.r.a", "viagra\nviagr\n"},
		{"long separators", "f - r - e - e", "free\n"},
		{"separator changes", "get a v.o.t.e", "vote\n"},
		{"article before", "a f r e e", "afree\nfree\n"},
		{"wide gap", "f r e e  n o w s", "free\nnows\n"},
		{"lines", "f\nr\ne\ne", "free\n"},
		{"line ends", "f r e e\r\nn o w s", "free\nnows\n"},
		{"too few", "a b c", ""},
		{"initials", "j. r. r. tolkien", ""},
		{"words", "free offer", ""},
		{"separator too long", "f ----- r ----- e ----- e", ""},
		{"not latin", "б и ж ю", "бижю\n"},
		{"cjk", "免 费 免 费", ""},
		{"end to end", "i a m a a", "iamaa\namaa\niama\nama\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(rejoin(nil, fold(nil, tt.in))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"v i a g r a", "Ѵ\u200bі\x00", "ﬁ \xff\xfe  ß İ", "é\u0301 a\r\n\r\nb", "ΐ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Fold(s)
		if !utf8.ValidString(got) {
			t.Errorf("%q folds to %q", s, got)
		}
		folded := fold(nil, s)
		joined := rejoin(nil, folded)
		if len(joined) > 4*len(folded)+4 {
			t.Errorf("%d octets joined to %d", len(folded), len(joined))
		}
	})
}

// ASCII goes a way of its own, to the same end.
func TestFoldPlain(t *testing.T) {
	var all []byte
	for c := range byte(0x80) {
		all = append(all, c, 'X', ' ', c, c, ' ')
	}
	const mark = "\u0101" // no letter with which others are composed
	got, want := string(fold(nil, string(all))), string(fold(nil, string(all)+mark))
	if got+mark != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
