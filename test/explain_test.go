package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A node that runs answers explain by its own policies, and the command says so.
func TestExplainBesideOtherPolicies(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other, []byte("policies: [{name: default, pipeline: [spf]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const warning = "walked the policies that it has loaded"
	line := []string{"explain", "--client", goodClient, "--from", sender, "--to", ann, "-"}
	for _, c := range []struct {
		name, config string
		warns        bool
	}{{"its own", m.Config, false}, {"others", other, true}} {
		m.Config = c.config // of commands; the node goes on
		out, errs, status := m.Try(note("x", "x"), line...)
		if status != 0 || strings.Contains(errs, warning) != c.warns {
			t.Errorf("%s: status %d, %s%s, want a warning: %t", c.name, status, out, errs, c.warns)
		}
	}
}

// A log-in is played: what judges strangers and the gate do not ask, what is dangerous is looked at, the world
// is reached, and nobody sends in another's name.
func TestExplainLogin(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\ngate: [early-talker]\npolicies: [{name: default, pipeline: [{filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: reject}}, attachment]}]\n", flowZone)
	ann := domain(t, m, "test.example")
	program := "Subject: a pest\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=tool.exe\r\nContent-Disposition: attachment; filename=tool.exe\r\n\r\nMZ x\r\n"
	for name, c := range map[string]struct {
		from, to, login, content string
		want                     []string
		status                   int
	}{
		"a stranger":                     {sender, ann, "", note("x", "a pest"), []string{"550 5.7.1", "keywords"}, 0},
		"logged in":                      {ann, ann, ann, noteBy(ann, "x", "a pest"), []string{"250"}, 0},
		"to the world":                   {ann, "friend@elsewhere.example", ann, noteBy(ann, "x", "a pest"), []string{"250"}, 0},
		"a stranger to the world":        {sender, "friend@elsewhere.example", "", note("x", "x"), []string{"no such domain"}, 1},
		"a program":                      {ann, "friend@elsewhere.example", ann, program, []string{"attachment", "executable"}, 0},
		"in another's name":              {sender, ann, ann, note("x", "x"), []string{"550 5.7.1", ann + " may not send as " + sender}, 0},
		"as somebody who has no mailbox": {ann, ann, "nobody@test.example", note("x", "x"), []string{"no mailbox is nobody@test.example"}, 1},
	} {
		line := []string{"explain", "--client", goodClient, "--from", c.from, "--to", c.to, "-"}
		if c.login != "" {
			line = append(line, "--login", c.login)
		}
		out, errs, status := m.Try(c.content, line...)
		if status != c.status {
			t.Errorf("%s: status %d, %s%s", name, status, out, errs)
		}
		sees(t, name, out+errs, c.want...)
		if c.login != "" && strings.Contains(out, "keywords") {
			t.Errorf("%s: what judges strangers was asked:\n%s", name, out)
		}
	}
}
