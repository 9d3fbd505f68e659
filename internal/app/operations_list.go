package app

import (
	"context"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

func (a *App) listOps(h control.Handlers) {
	control.On(h, a.addEntry)
	control.On(h, a.listEntries)
	control.On(h, a.exportList)
	control.On(h, a.importList)
	control.On(h, func(ctx context.Context, q ops.ListShow) (ops.Entry, error) {
		e, err := a.directory.Entry(ctx, q.ID)
		return a.explained(e), told(err)
	})
	control.On(h, func(ctx context.Context, q ops.ListSet) (ops.Entry, error) {
		if q.Expires != nil && *q.Expires < 0 {
			return ops.Entry{}, notAhead(*q.Expires)
		}
		e, err := a.directory.ChangeEntry(ctx, q.ID, func(e *directory.Entry) error {
			if q.Note != nil {
				e.Note = *q.Note
			}
			if q.Expires != nil {
				e.Expires = a.in(*q.Expires)
			}
			return nil
		})
		return entry(e), told(err)
	})
	control.On(h, func(ctx context.Context, q ops.ListRemove) (ops.Nothing, error) {
		for _, id := range q.IDs {
			if err := a.directory.RemoveEntry(ctx, id); err != nil {
				return ops.Nothing{}, told(err)
			}
		}
		return ops.Nothing{}, nil
	})
}

// notAhead tells that a time from now is over.
func notAhead(d time.Duration) error {
	return control.Misused("the entry would be over since %v; give a time from now, or none", -d)
}

// in is a time from now; 0 is never.
func (a *App) in(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return a.now().Add(d)
}

func (a *App) addEntry(ctx context.Context, q ops.ListAdd) (ops.Entry, error) {
	scope, err := directory.ParseScope(q.Scope)
	if err != nil {
		return ops.Entry{}, told(err)
	}
	if q.Expires < 0 {
		return ops.Entry{}, notAhead(q.Expires)
	}
	kind := directory.Kind("") // seen from the value
	if q.Author {
		kind = directory.Author
	}
	e, err := a.directory.AddEntry(ctx, directory.Entry{
		List: directory.List(q.List), Kind: kind, Value: q.Value, Scope: scope, Origin: "admin", Note: q.Note, Expires: a.in(q.Expires),
	})
	if err != nil {
		return ops.Entry{}, told(err)
	}
	return a.explained(e), nil
}

func (a *App) listEntries(ctx context.Context, q ops.ListList) ([]ops.Entry, error) {
	query := directory.EntryQuery{
		List: directory.List(q.List), Kind: directory.Kind(q.Kind), Value: q.Value, After: q.After, Limit: q.Limit,
		Part: q.Part, Origin: q.Origin,
	}
	if q.Domain != "" {
		name, err := domainName(q.Domain)
		if err != nil {
			return nil, err
		}
		query.Domains = []string{name}
	}
	if q.Scope != "" {
		scope, err := directory.ParseScope(q.Scope)
		if err != nil {
			return nil, told(err)
		}
		query.Scopes = []directory.Scope{scope}
	}
	entries, err := a.directory.Entries(ctx, query)
	list := []ops.Entry{}
	for _, e := range entries {
		list = append(list, entry(e))
	}
	return list, told(err)
}

func entry(e directory.Entry) ops.Entry {
	return ops.Entry{
		ID: e.ID, List: string(e.List), Kind: string(e.Kind), Value: e.Value, Scope: e.Scope.String(), Origin: e.Origin, Note: e.Note,
		Created: e.Created, Expires: e.Expires, Hits: e.Hits, LastHit: e.LastHit,
	}
}
