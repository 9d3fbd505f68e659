package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Pages ask package access in one place, which knows what is locked: who asked past it would open locked mailboxes.
func TestPagesAskInOnePlace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	asks, asked := regexp.MustCompile(`\baccess\.May\b`), 0 // also where it is kept to be called later
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		switch n := len(asks.FindAll(text, -1)); {
		case n == 0, strings.HasSuffix(name, "_test.go"):
		case name == "visit.go":
			asked = n
		default:
			t.Errorf("%s asks access.May itself: use Server.may or Server.allow", name)
		}
	}
	if asked != 1 {
		t.Errorf("visit.go asks %d times", asked)
	}
}
