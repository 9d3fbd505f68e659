package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// MaxNote bounds an entry's note, in octets.
const MaxNote = 1000

// AddEntry adds a list entry. List and Value must be set; Kind "" is read off the
// value; the zero Scope is global, and any other must exist. It fails with ErrOutranked
// where an entry of the same scope allows all that this one would block. (An import and
// EnsureEntry take such an entry: it counts when the other is gone.)
func (d *Directory) AddEntry(ctx context.Context, e Entry) (Entry, error) {
	added, err := d.addEntry(ctx, e)
	if err != nil {
		return Entry{}, fmt.Errorf("directory: add %s entry %s: %w", e.List, e.Value, err)
	}
	return added, nil
}

func (d *Directory) addEntry(ctx context.Context, e Entry) (Entry, error) {
	if err := noPattern(e.Value); err != nil {
		return Entry{}, err
	}
	e, err := d.fresh(e)
	if err != nil {
		return Entry{}, err
	}
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		if old, ok := s.lists.get(e.Key()); ok {
			return nil, fmt.Errorf("%w, as entry %d; remove or change that one", ErrExists, old.id)
		}
		if err := s.admits(e); err != nil {
			return nil, err
		}
		if err := s.room(e.Scope, 0); err != nil {
			return nil, err
		}
		if err := s.counts(e); err != nil {
			return nil, err
		}
		return checkedEntry(e)
	})
	if err != nil {
		return Entry{}, err
	}
	added, _ := s.lists.get(e.Key())
	e.ID = added.id
	return e, nil
}

// EnsureEntry is AddEntry where the entry may be there already: it then lasts at least as
// long as the new one would. Who solves a challenge or releases mail again does so,
// whether the entry of the first time is over or not.
func (d *Directory) EnsureEntry(ctx context.Context, e Entry) (Entry, error) {
	ensured, err := d.ensureEntry(ctx, e)
	if err != nil {
		return Entry{}, fmt.Errorf("directory: ensure %s entry %s: %w", e.List, e.Value, err)
	}
	return ensured, nil
}

func (d *Directory) ensureEntry(ctx context.Context, e Entry) (Entry, error) {
	e, err := d.fresh(e)
	if err != nil {
		return Entry{}, err
	}
	var there Entry
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		there = Entry{}
		if err := s.admits(e); err != nil {
			return nil, err
		}
		old, ok := s.lists.get(e.Key())
		if !ok {
			if err := s.room(e.Scope, 0); err != nil {
				return nil, err
			}
			return checkedEntry(e)
		}
		if there, err = d.Entry(ctx, old.id); err != nil {
			return nil, errors.Unwrap(err)
		}
		if there.Expires.IsZero() || !e.Expires.IsZero() && !e.Expires.After(there.Expires) {
			return nil, errNone
		}
		there.Expires = e.Expires
		return checkedEntry(there)
	})
	switch {
	case errors.Is(err, errNone), err == nil && there.ID != 0:
		return there, nil
	case err != nil:
		return Entry{}, err
	}
	added, _ := s.lists.get(e.Key())
	e.ID = added.id
	return e, nil
}

// fresh is an entry as it is when it is new.
func (d *Directory) fresh(e Entry) (Entry, error) {
	e, err := e.canonical()
	if err != nil {
		return Entry{}, err
	}
	if e.Origin == "" {
		e.Origin = "admin"
	}
	e.ID, e.Created, e.Hits, e.LastHit = 0, d.now(), 0, time.Time{}
	return e, nil
}

// canonical makes an entry's value, kind and scope canonical.
func (e Entry) canonical() (_ Entry, err error) {
	if e.Value, e.Kind, err = ParseValue(e.Kind, e.Value); err != nil {
		return Entry{}, err
	}
	if e.Scope, err = checkedScope(e.Scope); err != nil {
		return Entry{}, fmt.Errorf("scope: %w", err)
	}
	return e, nil
}

// ChangeEntry lets change edit an entry's note and expiry; what else it does is
// not kept. change may run more than once.
func (d *Directory) ChangeEntry(ctx context.Context, id int64, change func(*Entry) error) (Entry, error) {
	var changed Entry
	err := d.updateEntry(ctx, id, func(e Entry) ([]Change, error) {
		next := e
		if err := change(&next); err != nil {
			return nil, err
		}
		e.Note, e.Expires = next.Note, next.Expires
		changed = e
		return checkedEntry(e)
	})
	if err != nil {
		return Entry{}, fmt.Errorf("directory: change entry %d: %w", id, err)
	}
	return changed, nil
}

// RemoveEntry removes an entry.
func (d *Directory) RemoveEntry(ctx context.Context, id int64) error {
	err := d.updateEntry(ctx, id, func(e Entry) ([]Change, error) {
		return []Change{{Entry: &e, Gone: true}}, nil
	})
	if err != nil {
		return fmt.Errorf("directory: remove entry %d: %w", id, err)
	}
	return nil
}

// Entry returns one entry as the store has it.
func (d *Directory) Entry(ctx context.Context, id int64) (Entry, error) {
	found, err := d.entries.Entries(ctx, EntryQuery{ID: id})
	if err == nil && (id <= 0 || len(found) == 0) {
		err = ErrNoEntry
	}
	if err != nil {
		return Entry{}, fmt.Errorf("directory: entry %d: %w", id, err)
	}
	return found[0], nil
}

// Entries returns what the store has for q, hits of the last seconds included. A
// value is looked for in any spelling that ParseValue takes.
func (d *Directory) Entries(ctx context.Context, q EntryQuery) ([]Entry, error) {
	if q.Value != "" {
		value, _, err := ParseValue(q.Kind, q.Value)
		if err != nil {
			return nil, fmt.Errorf("directory: entries: %w", err)
		}
		q.Value = value
	}
	if len(q.Part) > MaxPart || len(q.Scopes)+len(q.Domains) > MaxScopes {
		return nil, fmt.Errorf("directory: entries: %w: a part of %d octets and %d scopes; at most %d and %d",
			ErrInvalid, len(q.Part), len(q.Scopes)+len(q.Domains), MaxPart, MaxScopes)
	}
	if err := d.FlushHits(ctx); err != nil {
		return nil, err
	}
	found, err := d.entries.Entries(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("directory: entries: %w", err)
	}
	return found, nil
}

const (
	// purgeEvery is how often expired entries are looked for, and keptExpired how long they
	// are shown to people who wonder why somebody is no longer allowed.
	purgeEvery  = time.Hour
	keptExpired = 30 * 24 * time.Hour
	// purgeBatch bounds what one commit removes.
	purgeBatch = 200
)

// PurgeEntries removes the entries that expired more than 30 days ago, few at a time,
// and returns how many. Run does so every hour.
func (d *Directory) PurgeEntries(ctx context.Context) (purged int, err error) {
	for {
		var gone []Change
		_, err := d.update(ctx, func(*Snapshot) ([]Change, error) {
			over, err := d.entries.Entries(ctx, EntryQuery{Over: d.now().Add(-keptExpired), Limit: purgeBatch})
			if err == nil && len(over) == 0 {
				err = errNone
			}
			gone = entriesGone(over)
			return gone, err
		})
		switch {
		case errors.Is(err, errNone):
			return purged, nil
		case err != nil:
			return purged, fmt.Errorf("directory: purge entries: %w", err)
		}
		purged += len(gone)
	}
}

// errNone ends a plan that has nothing to change.
var errNone = errors.New("nothing to change")

func entriesGone(list []Entry) []Change {
	gone := make([]Change, len(list))
	for i := range list {
		gone[i] = Change{Entry: &list[i], Gone: true}
	}
	return gone
}

func (d *Directory) updateEntry(ctx context.Context, id int64, plan func(Entry) ([]Change, error)) error {
	_, err := d.update(ctx, func(*Snapshot) ([]Change, error) {
		e, err := d.Entry(ctx, id)
		if err != nil {
			return nil, errors.Unwrap(err)
		}
		return plan(e)
	})
	return err
}

// scopeGone removes all entries of a scope that is about to go.
func (d *Directory) scopeGone(ctx context.Context, scope Scope) ([]Change, error) {
	var gone []Change
	q := EntryQuery{Scopes: []Scope{scope}, Limit: MaxPage}
	for {
		page, err := d.entries.Entries(ctx, q)
		if err != nil {
			return nil, err
		}
		gone = append(gone, entriesGone(page)...)
		if len(page) < MaxPage {
			return gone, nil
		}
		q.After = page[len(page)-1].ID
	}
}

// checkedScope makes a scope canonical; it never becomes a wider one.
func checkedScope(scope Scope) (Scope, error) {
	if scope == (Scope{}) {
		return Global, nil
	}
	canonical, err := ParseScope(scope.String())
	if err == nil && canonical.Kind != scope.Kind {
		err = fmt.Errorf("%w: %q is not the name of a %s", ErrInvalid, scope.Name, scope.Kind)
	}
	return canonical, err
}

func checkedEntry(e Entry) ([]Change, error) {
	if err := oneOf("list", e.List, Lists()...); err != nil {
		return nil, err
	}
	if err := checkedShared(e); err != nil {
		return nil, err
	}
	if len(e.Note) > MaxNote || strings.ContainsAny(e.Note, "\r\n\x00") {
		return nil, fmt.Errorf("%w: the note must be one line of at most %d octets", ErrInvalid, MaxNote)
	}
	return []Change{{Entry: &e}}, nil
}

// Bounds of how many entries a scope has. What is global is the operator's, and as much
// as the node can have in memory.
const (
	MaxMailboxEntries = 5000
	MaxDomainEntries  = 100_000
)

// room refuses one entry more in a scope that is full with what is added besides.
func (s *Snapshot) room(scope Scope, besides int) error {
	most := 0
	switch scope.Kind {
	case MailboxScope:
		most = MaxMailboxEntries
	case DomainScope:
		most = MaxDomainEntries
	default:
		return nil
	}
	if s.lists.count(scope)+besides >= most {
		return fmt.Errorf("%w: %s may have %d entries", ErrFull, scope, most)
	}
	return nil
}

func (s *Snapshot) scopeExists(scope Scope) error {
	switch scope.Kind {
	case DomainScope:
		if dom, ok := s.Domain(scope.Name); !ok || dom.Name != scope.Name {
			return fmt.Errorf("%w: %s, the scope", ErrNoDomain, scope.Name)
		}
	case MailboxScope:
		if _, ok := s.boxes.named(mail.Path(scope.Name)); !ok {
			return fmt.Errorf("%w: %s, the scope", ErrNoMailbox, scope.Name)
		}
	}
	return nil
}
