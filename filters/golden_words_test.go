package filters

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// beyondGolden are the results that other tests bring about: with a reader that is
// faked, pictures and keys that are made.
func beyondGolden() map[string]string {
	return map[string]string{
		"ocr match":       "TestOCR",
		"ocr spam":        "TestOCR",
		"ocr temperror":   "TestOCR",
		"image-hash spam": "TestImageHash", // a picture that looks alike, in another format
		"bayes temperror": "TestBayesUnread",
		"checksum signed": "TestFieldNote09Boilerplate", // a key is made for it

		"attachment temperror":   "TestAttachmentCannotTell",
		"image-hash exempt":      "TestLearntFilesExempt",
		"attachment-hash exempt": "TestLearntFilesExempt",
	}
}

// TestGoldenCoversResults holds that there is a case for each result of each filter.
func TestGoldenCoversResults(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(string(text), "-- want --\n")
		for line := range strings.Lines(want) {
			if word, ok := strings.CutPrefix(line, "result: "); ok {
				seen[filepath.Base(filepath.Dir(path))+" "+strings.Fields(word)[0]] = true
			}
		}
	}
	elsewhere := beyondGolden()
	for _, k := range Catalog(Deps{}) {
		for _, r := range k.Results {
			name := k.Name + " " + r.Word
			switch {
			case !seen[name] && elsewhere[name] == "":
				t.Errorf("%s: no case in testdata/%s", name, k.Name)
			case seen[name] && elsewhere[name] != "":
				t.Errorf("%s: has a case, and needs no exception", name)
			}
			delete(elsewhere, name)
		}
	}
	for name := range elsewhere {
		t.Errorf("%s: an exception for what no filter says", name)
	}
}
