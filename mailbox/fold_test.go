package mailbox

import (
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Abc Z{[", "abc z{["}, {"already", "already"}, {"", ""}, {"Straße", "strasse"}, {"ＡＢ①", "ab1"}, {"É", "e\u0301"},
		{"L’Été “à” Łódź… ", "l’e\u0301te\u0301 “a\u0300” ło\u0301dz\u0301... "},
		{"ПРИВЕТ, Мир", "привет, мир"}, {"日本語 ABC", "日本語 abc"},
		{"e\u0301\u0323", "e\u0323\u0301"}, // marks in their order, also behind a letter of the table
		{"\u00c9\u0323", "e\u0323\u0301"},
	} {
		if got := Fold(c.in); got != c.want || got != foldAll(c.in) {
			t.Errorf("%q: %q, want %q, %q", c.in, got, c.want, foldAll(c.in))
		}
	}
}

// Each rune is folded as by the libraries: alone, and between others.
func TestFoldEachRune(t *testing.T) {
	for r := rune(0x80); r < 0x11000; r++ {
		for _, s := range []string{string(r), "é" + string(r) + "\u0323É a", "\u0323" + string(r)} {
			if got, want := Fold(s), foldAll(s); got != want {
				t.Fatalf("%q: %q, want %q", s, got, want)
			}
		}
		if r == 0x3400 { // what follows is alike
			r = 0xf8ff
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add("Straße é\u0323 \xff\xe2\x80 日本", "\u0301")
	f.Add("\xf4", "8")
	f.Add("ABC "+strings.Repeat("\u0301", 40)+"é", "ﬁ")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{a, a + b, a + "é" + b, a + " X" + b, a + strings.Repeat("-", apart) + b} {
			if got, want := Fold(s), foldAll(s); got != want {
				t.Fatalf("%q: %q, want %q", s, got, want)
			}
		}
	})
}

func TestHolds(t *testing.T) {
	long := strings.Repeat("a", 3*holding)
	for _, c := range []struct {
		in, text string
		want     bool
	}{
		{"The Meeting", "meeting", true}, {"The Meeting", "Meeting", false}, {"", "", true}, {"abc", "", true}, {"", "a", false},
		{"Straße", "strasse", true}, {"Strasse", "straße", false}, {"ab", "é", false}, {"É", "e", true},
		{long + "B", "ab", true}, {long + "B", long + "b", true}, {long + "b", long + "c", false},
	} {
		if got := Holds(c.in, c.text); got != c.want {
			t.Errorf("%.20q, %.20q: %v", c.in, c.text, got)
		}
	}
	for at := range 12 * holding { // wherever one piece ends
		for _, text := range []string{"q", "qxz", "q" + strings.Repeat("x", holding-2) + "z"} {
			if s := strings.Repeat("-", at) + strings.ToUpper(text); !Holds(s, text) || Holds(s[:len(s)-1], text) {
				t.Fatalf("at %d: %d octets are not found, or found in what has but their beginning", at, len(text))
			}
		}
	}
}

func FuzzHolds(f *testing.F) {
	f.Add("Straße é\u0323 \xff", 3, 9)
	f.Add("ABC", 0, 3)
	f.Fuzz(func(t *testing.T, s string, from, to int) {
		s += strings.Repeat("-x", len(s)*8)
		folded := Fold(s)
		from, to = min(max(from, 0), len(folded)), min(max(to, 0), len(folded))
		if from <= to && !Holds(s, folded[from:to]) {
			t.Fatalf("%q is not in %q", folded[from:to], s)
		}
		if other := Fold("x" + s[:min(len(s), 4)]); Holds(s, other) != strings.Contains(folded, other) {
			t.Fatalf("%q in %q", other, s)
		}
	})
}

func BenchmarkFold(b *testing.B) {
	for name, word := range map[string]string{"English": "The quick brown fox ", "French": "L’été dernier, à Orléans ", "Russian": "Съешь ещё этих булок ", "Japanese": "いろはにほへと ちりぬるを "} {
		text := strings.Repeat(word, 5000/len(word))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Fold(text)
			}
		})
		b.Run(name+" by the libraries", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				foldAll(text)
			}
		})
	}
}
