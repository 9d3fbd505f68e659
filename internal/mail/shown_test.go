package mail

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShown(t *testing.T) {
	tests := []struct{ name, text, want, secret string }{
		{"plain", "Crédit à 2 %\n\tпривет", "Crédit à 2 %\n\tпривет", ""},
		{"zero-width space", "vi\u200bag\u2060ra\ufeff", "viagra", ""},
		{"soft hyphen", "via\u00adgra", "viagra", ""},
		{"joiner in Latin", "vi\u200da\u200cgra", "viagra", ""},
		{"joiner in Persian", "می\u200cخواهم", "می\u200cخواهم", ""},
		{"emoji", "👩\u200d💻 ❤\ufe0f", "👩\u200d💻 ❤\ufe0f", ""},
		{"marks of direction", "a\u200eb\u2066c\u2069\u061c", "abc", ""},
		{"override", "see \u202emoc.elpmaxe\u202c now", "see example.com now", ""},
		{"override to the line's end", "\u202eéba\nabc", "abé\nabc", ""},
		{"override to the end", "a\u202ecb", "abc", ""},
		{"tags", "x\U000e0068\U000e0069\U000e007fy", "xy", "hi"},
		{"controls", "a\x00b\x08c\x7f\u0085", "abc\u0085", ""},
		{"line ends", "a\rb\r\nc\vd", "a\nb\nc d", ""},
		{"not UTF-8", "a\u200b\xff", "a\xff", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if text, secret := shown(tt.text); text != tt.want || secret != tt.secret {
				t.Errorf("got %q and %q, want %q and %q", text, secret, tt.want, tt.secret)
			}
		})
	}
}

func FuzzShown(f *testing.F) {
	f.Add("a\u202ecb\u200b\r\U000e0068")
	f.Fuzz(func(t *testing.T, s string) {
		text, secret := shown(s)
		if len(text)+len(secret) > len(s) {
			t.Errorf("longer than %q: %q and %q", s, text, secret)
		}
		if !utf8.ValidString(s) {
			return
		}
		if !utf8.ValidString(text) {
			t.Errorf("%q became %q, not UTF-8", s, text)
		}
		if again, _ := shown(text); again != text && !strings.ContainsRune(s, rlo) {
			t.Errorf("%q became %q and that %q", s, text, again)
		}
		if strings.ContainsAny(text, "\u200b\u00ad\u202e\r") {
			t.Errorf("%q", text)
		}
	})
}
