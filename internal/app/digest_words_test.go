package app

import (
	"strings"
	"testing"

	"gatepost/filters"
	"gatepost/quarantine/digest"
)

// Whatever filter holds a message, its owner reads why in his language: each filter can hold but
// those that only let mail pass.
func TestDigestKnowsEachFilter(t *testing.T) {
	texts, err := digest.Texts("en")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range filters.Catalog(filters.Deps{}) {
		if strings.HasSuffix(kind.Name, "-allow") {
			continue
		}
		key := "why." + kind.Name
		if !texts.Has(key) {
			t.Errorf("no words for %s", kind.Name)
			continue
		}
		if texts.Text("en", key) == texts.Text("fr", key) {
			t.Errorf("%s has the same words in French", kind.Name)
		}
	}
}
