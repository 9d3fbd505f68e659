package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/machine"
	"gatepost/test/rounds"
)

// Admins change one domain at once, each something else, and one removes it meanwhile: what was said to be
// done is, unless the domain went after it, who came too late is told, and of what went nothing comes back
// with a domain of the same name.
func TestChangedTogether(t *testing.T) {
	t.Parallel()
	m := start(t)
	changedTogether(t, m, m)
}

// The same at two nodes, neither of which knows what the other is about to write.
func TestChangedTogetherAtNodes(t *testing.T) {
	t.Parallel()
	_, a, b := twoNodes(t)
	changedTogether(t, a, b)
}

func changedTogether(t *testing.T, a, b *machine.Machine) {
	const name = "shared.example"
	var got, want []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("last: got %q, want %q", got, want)
		}
	})
	known := func(by *machine.Machine, as bool) {
		t.Helper()
		until(t, 10*time.Second, fmt.Sprintf("a node knows of the domain: %v", as), func() bool {
			_, _, status := by.Try("", "domain", "show", name)
			return (status == 0) == as
		})
	}
	for round := range rounds.Of(t, 6) {
		removes := round%2 == 1
		run(t, a, "", "domain", "add", name)
		known(b, true)
		rules := fmt.Sprintf("# of round %d\nkeep;\n", round)
		file := filepath.Join(t.TempDir(), "rules.sieve")
		if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		changes := []struct {
			at   *machine.Machine
			line []string
			done bool
		}{
			{at: a, line: []string{"domain", "rules", "put", name, "in", file}},
			{at: b, line: []string{"domain", "rules", "put", name, "out", file}},
			{at: b, line: []string{"domain", "set", name, "--language", "fr"}},
			{at: a, line: []string{"domain", "set", name, "--zone", "Europe/Paris"}},
		}
		var all sync.WaitGroup
		for i := range changes {
			c := &changes[i]
			all.Go(func() {
				_, errs, status := c.at.Try("", c.line...)
				if c.done = status == 0; !c.done && !(removes && strings.Contains(errs, "no such domain")) {
					t.Errorf("round %d: %v: status %d: %s", round, c.line, status, errs)
				}
			})
		}
		if removes {
			all.Go(func() {
				if _, errs, status := b.Try("", "domain", "remove", name); status != 0 {
					t.Errorf("round %d: removing: %s", round, errs)
				}
			})
		}
		all.Wait()
		if removes {
			known(a, false)
			known(b, false)
			run(t, a, "", "domain", "add", name)
			known(b, true)
		}
		want = []string{"fr", "Europe/Paris", rules, rules}
		if removes {
			want = make([]string, 4)
		}
		for _, m := range []*machine.Machine{a, b} {
			alike := func() bool {
				d := asked[struct{ Language, Zone string }](t, m, "domain", "show", name)
				in, _, _ := m.Try("", "domain", "rules", "show", name, "in")
				out, _, _ := m.Try("", "domain", "rules", "show", name, "out")
				got = []string{d.Language, d.Zone, in, out}
				return slices.Equal(got, want)
			}
			until(t, 10*time.Second, "all that was said to be changed is", alike)
		}
		run(t, a, "", "domain", "remove", name)
	}
}
