package directory

import (
	"slices"

	"gatepost/internal/mail"
)

// firsts finds the first of many addresses that come in any order. It sorts now and then, and holds twice as many at most.
type firsts struct {
	most  int
	kept  []mail.Path
	last  mail.Path // of those that are known: what comes after it is none of them
	known bool
}

// wants reports whether an address may be one of them.
func (f *firsts) wants(a mail.Path) bool { return f.most > 0 && (!f.known || a < f.last) }

func (f *firsts) add(a mail.Path) {
	if f.kept = append(f.kept, a); len(f.kept)/2 >= f.most {
		f.done()
		f.last, f.known = f.kept[f.most-1], true
	}
}

// done returns them, in their order.
func (f *firsts) done() []mail.Path {
	slices.Sort(f.kept)
	f.kept = f.kept[:min(len(f.kept), f.most)]
	return f.kept
}
