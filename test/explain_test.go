package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A node that runs answers explain by its own policies, and the command says so.
func TestExplainBesideOtherPolicies(t *testing.T) {
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
