package app

import (
	"slices"

	"gatepost/filters"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/web"
)

// listPages is what the pages of lists ask, as web wants it. Most of it is the
// directory's own.
type listPages struct {
	*directory.Directory
	app *App
}

var _ web.Entries = listPages{}

// BoxOf implements web.Entries.
func (p listPages) BoxOf(address mail.Path) int64 {
	m, _ := p.Snapshot().Mailbox(address.Fold())
	return m.ID
}

// Before implements web.Entries.
func (p listPages) Before(e directory.Entry) ([]string, bool) {
	above, _, asked := p.app.reach(e)
	return above, asked
}

// reach names the filters that can decide before an entry is asked for, and those that
// run all the same, in any of the policies that mail in its scope walks; asked is false
// where none of them asks for it.
func (a *App) reach(e directory.Entry) (above, always []string, asked bool) {
	add := func(list *[]string, names []string) {
		for _, name := range names {
			if !slices.Contains(*list, name) {
				*list = append(*list, name)
			}
		}
	}
	policies := a.intake.Policies()
	for _, name := range a.policiesOf(e.Scope) {
		if p := policies.ByName[name]; p != nil {
			r := filters.Reach(policies.Gate, p, e)
			asked = asked || r.Entry != ""
			add(&above, r.Above)
			add(&always, r.Always)
		}
	}
	return above, always, asked
}
