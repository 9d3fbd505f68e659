package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/internal/app"
	"gatepost/internal/config"
)

// TestEntriesOfAdminGuide: the policy entries that docs/admin.md shows are taken.
func TestEntriesOfAdminGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, part := range strings.Split(string(text), "\n\n") {
		if fenced, ok := strings.CutPrefix(part, "```yaml\n"); ok {
			fenced, _, _ = strings.Cut(fenced, "\n```")
			part = "    " + strings.ReplaceAll(fenced, "\n", "\n    ")
		}
		entry, ok := strings.CutPrefix(part, "    - filter: ")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(entry, "\n")
		found[name] = true
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte("policies:\n  - name: default\n    pipeline:\n"+part+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, nil, nil)
		if err == nil {
			err = app.Check(c)
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, part)
		}
	}
	for _, name := range []string{"antivirus", "spamassassin", "rspamd", "milter", "ocr", "attachment"} {
		if !found[name] {
			t.Errorf("no entry of %s", name)
		}
	}
}
