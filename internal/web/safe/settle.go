package safe

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// settle returns a fragment as a parser reads it and writes it again, and whether a
// second time changes nothing: then every parser that follows the standard sees what
// the sanitiser saw.
func settle(fragment string) (string, bool) {
	once, ok := again(fragment)
	if !ok {
		return "", false
	}
	twice, ok := again(once)
	return once, ok && once == twice
}

func again(fragment string) (string, bool) {
	within := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(strings.NewReader(fragment), within)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	for _, n := range nodes {
		if err := html.Render(&b, n); err != nil {
			return "", false
		}
	}
	return b.String(), true
}
