package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/internal/config"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/rules"
)

// A pack from a file is in force with the next reload, its versions are told, a broken one is
// refused, and the one before comes back by command; explain shows what it finds, and that
// exceptions are passed by.
func TestPacks(t *testing.T) {
	a := openUnlimited(t)
	dir := t.TempDir()
	path, file := filepath.Join(dir, "fakes.txt"), filepath.Join(dir, "config.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path, "version one\nword 3 text cheap pills\nrule big spam size > 10 and finding(\"keywords\") == \"match\"\n")
	write(file, `
packs: [{name: fakes, file: `+path+`}]
policies:
  - name: default
    pipeline:
      - {filter: keyword-allow, patterns: [{word: pharmacy}]}
      - {filter: keywords, packs: [fakes], unless: keyword-allow}
      - {filter: logic, packs: [fakes], unless: keyword-allow}
`)
	c, err := config.Load(file, []string{"data=" + a.config.Load().Data}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(c); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Reload(c); err != nil {
		t.Fatal(err)
	}
	if p, err := done[ops.Pack](t, a, ops.PackShow{Name: "fakes"}); err != nil || len(p.Versions) != 1 || p.Versions[0].Version != "one" || p.Versions[0].Patterns != 1 || p.Versions[0].Rules != 1 {
		t.Errorf("got %+v, %v", p, err)
	}
	write(path, "version two\nword 3 txt cheap pills\n")
	if _, err := done[ops.Pack](t, a, ops.PackRefresh{Name: "fakes"}); err == nil || !strings.Contains(err.Error(), `2: rules: no part of a message is called "txt"`) {
		t.Errorf("a broken version: got %v", err)
	}
	if err := Check(c); err == nil || !strings.Contains(err.Error(), `2: rules: no part of a message is called "txt"`) {
		t.Errorf("check: got %v", err)
	}
	write(path, "version three\nword 3 text cheap pills\n")
	if p, err := done[ops.Pack](t, a, ops.PackRefresh{Name: "fakes"}); err != nil || len(p.Versions) != 2 || p.Current != 2 {
		t.Errorf("got %+v, %v", p, err)
	}
	if p, err := done[ops.Pack](t, a, ops.PackRollback{Name: "fakes"}); err != nil || p.Current != 1 || !p.Versions[0].RolledBack {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := done[ops.Pack](t, a, ops.PackShow{Name: "none"}); err == nil {
		t.Error("a pack that is not there is shown")
	}
	if list, err := done[[]ops.Pack](t, a, ops.PackList{}); err != nil || len(list) != 1 {
		t.Errorf("got %+v, %v", list, err)
	}
	for body, want := range map[string]string{
		"buy cheap pills now":       "keyword-allow none, keywords match, logic spam",
		"the pharmacy: cheap pills": "keyword-allow match, keywords skipped, logic skipped",
	} {
		if got := explainedTo(t, a, body); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
}

// explainedTo are the steps of a message's walk to somebody in a domain of its own.
func explainedTo(t *testing.T, a *App, body string) string {
	t.Helper()
	if _, err := a.directory.AddDomain(t.Context(), directory.Domain{Name: "packs.example"}); err == nil {
		if _, err := a.directory.AddMailbox(t.Context(), directory.Mailbox{Address: "ann@packs.example"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	e, err := done[ops.Explanation](t, a, ops.Explain{
		Client: "192.0.2.7", From: "x@y.example", To: []string{"ann@packs.example"}, Message: []byte("Subject: x\r\n\r\n" + body),
	})
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, w := range e.Walks {
		for _, s := range w.Steps {
			if w.Recipient != "" {
				steps = append(steps, s.Entry+" "+s.Result)
			}
		}
	}
	return strings.Join(steps, ", ")
}

// TestAdminGuideRules: the examples of docs/admin.md for words and rules are taken as they stand.
func TestAdminGuideRules(t *testing.T) {
	guide, err := os.ReadFile("../../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(guide), "\n## Words and rules\n")
	section, _, _ = strings.Cut(section, "\n## ")
	examples := 0
	for block := range strings.SplitSeq(section, "\n```") {
		kind, text, _ := strings.Cut(block, "\n")
		switch kind {
		case "yaml":
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(path, nil, nil)
			if err == nil {
				err = Check(c)
			}
			if err != nil {
				t.Errorf("%s\n%v", text, err)
			}
			examples++
		case "text":
			if _, err := rules.ParsePack(text); err != nil {
				t.Errorf("%s\n%v", text, err)
			}
			examples++
		}
	}
	if examples != 3 {
		t.Errorf("%d examples, want 3", examples)
	}
}
