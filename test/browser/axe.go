package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe is where `make axe` puts axe-core, below the repository's root.
const axe = "build/axe/package/axe.min.js"

// A violation is what axe-core finds against accessibility.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"` // minor, moderate, serious, critical
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// Accessible has axe-core look at the page, and fails the test for all that it calls
// more than minor. It is passed over where axe-core was not brought, unless CI is set.
func (b *Tab) Accessible() {
	b.t.Helper()
	code, err := os.ReadFile(filepath.Join(root(), axe))
	if err != nil {
		if os.Getenv("CI") != "" {
			b.t.Fatal("axe-core is missing: make axe brings it")
		}
		b.t.Log("axe-core is missing (make axe): accessibility not looked at")
		return
	}
	step(b, "axe-core", chromedp.Evaluate[chromedp.Void](string(code)+";undefined"))
	wait := func(p *runtime.EvaluateParams) { yes := true; p.AwaitPromise = &yes }
	found := step(b, "axe-core", chromedp.Evaluate[[]violation](`axe.run(document, {iframes: false}).then(r => r.violations)`, wait))
	for _, v := range found {
		if v.Impact == "minor" {
			continue
		}
		b.t.Errorf("%s is not accessible: %s", b.At(), v)
	}
}

// String is the finding with the places.
func (v violation) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s (%s): %s", v.ID, v.Impact, v.Help)
	for _, n := range v.Nodes {
		fmt.Fprintf(&s, "\n\t%s\n\t%s", n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n\t"))
	}
	return s.String()
}

// root is the repository's, seen from a test below it.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for d := dir; d != filepath.Dir(d); d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
	}
	return dir
}
