package directory

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// What a note is about is text however it is cut: PostgreSQL refuses part of a character, and with it what the note is of.
func TestAboutText(t *testing.T) {
	for text, want := range map[string]int{
		"short": 5, strings.Repeat("a", MaxAbout): MaxAbout, strings.Repeat("a", MaxAbout+1): MaxAbout,
		strings.Repeat("a", MaxAbout-1) + "é": MaxAbout - 1, strings.Repeat("é", MaxAbout): MaxAbout, "bob\xc3": 3,
	} {
		if got := AboutText(text); len(got) != want || !utf8.ValidString(got) {
			t.Errorf("%.10q…: %d octets, want %d: …%q", text, len(got), want, got[max(0, len(got)-4):])
		}
	}
}
