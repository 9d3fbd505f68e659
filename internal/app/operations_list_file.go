package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"gatepost/filters"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

// exportPart is about how much of a list one request gives, in octets: enough that the
// number of requests is no matter, and little beside what a node has in memory.
const exportPart = 4 << 20

// exportList writes a part of the entries as CSV.
func (a *App) exportList(ctx context.Context, q ops.ListExport) (ops.ListFile, error) {
	query := directory.EntryQuery{After: q.After, Limit: directory.MaxPage}
	if q.Scope != "" {
		scope, err := directory.ParseScope(q.Scope)
		if err != nil {
			return ops.ListFile{}, told(err)
		}
		query.Scopes = []directory.Scope{scope}
	}
	var csv strings.Builder
	for csv.Len() < exportPart {
		page, err := a.directory.Entries(ctx, query)
		if err == nil {
			err = directory.WriteEntries(&csv, page, query.After == 0)
		}
		if err != nil {
			return ops.ListFile{}, told(err)
		}
		if len(page) < directory.MaxPage {
			return ops.ListFile{CSV: csv.String()}, nil
		}
		query.After = page[len(page)-1].ID
	}
	return ops.ListFile{CSV: csv.String(), Next: query.After}, nil
}

func (a *App) importList(ctx context.Context, q ops.ListImport) (ops.ListImported, error) {
	done, err := a.directory.ImportEntries(ctx, strings.NewReader(q.CSV), directory.Import{DryRun: q.DryRun, Head: q.Head, After: q.After})
	result := ops.ListImported{Added: done.Added, Existing: done.Existing, Failed: done.Failed, Faults: []ops.ListFault{}}
	for _, f := range done.Faults {
		result.Faults = append(result.Faults, ops.ListFault{Line: f.Line, Text: f.Text})
	}
	return result, told(err)
}

// explained is an entry with what it does in the order of filters now in force.
func (a *App) explained(e directory.Entry) ops.Entry {
	shown := entry(e)
	policies := a.intake.Policies()
	for _, name := range a.policiesOf(e.Scope) {
		if p := policies.ByName[name]; p != nil {
			r := filters.Reach(policies.Gate, p, e)
			shown.Effects = append(shown.Effects, fmt.Sprintf("policy %s: %s", name, effect(e, r.Entry, r.Above, r.Below, r.Always, r.Score)))
		}
	}
	return shown
}

// policiesOf returns the policies that mail within a scope walks.
func (a *App) policiesOf(scope directory.Scope) []string {
	s, names := a.directory.Snapshot(), []string{}
	add := func(d directory.Domain) {
		name := cmp.Or(d.Policy, a.intake.Policies().Default)
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if scope.Kind == directory.GlobalScope {
		for _, d := range s.Domains() {
			add(d)
		}
	} else if d, ok := s.Domain(scope.Domain()); ok {
		add(d)
	}
	slices.Sort(names)
	return names
}

// effect says in a sentence what an entry does.
func effect(e directory.Entry, asks string, above, below, always []string, score bool) string {
	if asks == "" {
		return fmt.Sprintf("no effect, since no filter in it asks for entries of list %s and kind %s", e.List, e.Kind)
	}
	text := asks + " asks for it"
	if len(above) > 0 {
		text += ", unless decided before by " + strings.Join(above, ", ")
	} else {
		text += ", and nothing can decide before"
	}
	spared := below
	if score {
		spared = append(slices.Clone(below), "the sum of scores")
	}
	if e.List == directory.Allow && len(spared) > 0 {
		text += "; it spares " + strings.Join(spared, ", ")
	}
	if e.List == directory.Allow && len(always) > 0 {
		text += "; it does not spare " + strings.Join(always, ", ")
	}
	return text
}
