package filters

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// TestLanguages: of short texts, a line each in testdata/languages.txt, at least nine of ten are
// told, and none is taken for another.
func TestLanguages(t *testing.T) {
	f, err := os.Open("testdata/languages.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	index := newWordIndex()
	told, all := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		want, text, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			continue
		}
		all++
		switch got := index.tell(text, 12); got {
		case want:
			told++
		case "":
			t.Logf("not told: %s", lines.Text())
		default:
			t.Errorf("%s is taken for %s", lines.Text(), got)
		}
	}
	t.Logf("%d of %d told", told, all)
	if told*10 < all*9 {
		t.Errorf("%d of %d told", told, all)
	}
	for _, short := range []string{"", "Hello Ann", "Bonjour", "12 34 56", strings.Repeat("xyzzy ", 50)} {
		if got := index.tell(short, 12); got != "" {
			t.Errorf("%q is %s", short, got)
		}
	}
}

func FuzzLanguage(f *testing.F) {
	f.Add("Bonjour, nous vous remercions de votre commande et de la confiance que vous nous avez faite.")
	index := newWordIndex()
	f.Fuzz(func(t *testing.T, text string) {
		if code := index.tell(text, 12); code != "" && len(code) != 2 {
			t.Errorf("%q is %q", text, code)
		}
	})
}
