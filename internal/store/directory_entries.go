package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"gatepost/internal/directory"
)

const entryColumns = `id, list, kind, value, scope_kind, scope_name, origin, note, created, expires, hits, last_hit`

// Entries implements directory.Entries.
func (d Directory) Entries(ctx context.Context, q directory.EntryQuery) (found []directory.Entry, err error) {
	w := where{}
	w.addIf(q.ID != 0, `id = ?`, q.ID)
	w.addIf(q.List != "", `list = ?`, q.List)
	w.addIf(q.Kind != "", `kind = ?`, q.Kind)
	w.addIf(q.Value != "", `value = ?`, q.Value)
	w.addIf(q.Part != "", `value LIKE ? ESCAPE '!'`, containing(q.Part))
	w.addIf(q.Origin != "", `origin = ?`, q.Origin)
	if len(q.Scopes)+len(q.Domains) > 0 {
		within(&w, q)
	}
	w.addIf(q.Unlocked, `(scope_kind <> 'mailbox' OR scope_name NOT IN (SELECT address FROM mailbox WHERE locked = 1))`)
	w.addIf(!q.Over.IsZero(), `expires > 0 AND expires < ?`, toMicros(q.Over))
	w.add(`id > ?`, q.After)
	if q.Limit <= 0 || q.Limit > directory.MaxPage {
		q.Limit = directory.MaxPage
	}
	err = d.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT `+entryColumns+` FROM list_entry`+w.String()+` ORDER BY id LIMIT ?`, append(w.args, q.Limit)...)
		return each(rows, err, func(rows *sql.Rows) error {
			e, err := scanEntry(rows)
			found = append(found, e)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: list entries: %w", err)
	}
	return found, nil
}

// scopeDomain is the domain that an entry's scope is within, as it is indexed: what is
// behind the last @, or all where there is none.
const scopeDomain = `substr(scope_name, length(rtrim(scope_name, replace(scope_name, '@', ''))) + 1)`

// within asks for the entries of some scopes and of all that are within some domains.
func within(w *where, q directory.EntryQuery) {
	var terms []string
	var args []any
	for _, s := range padded(q.Scopes) {
		terms, args = append(terms, `scope_kind = ? AND scope_name = ?`), append(args, s.Kind, s.Name)
	}
	if names := padded(q.Domains); len(names) > 0 {
		terms = append(terms, scopeDomain+` IN (?`+strings.Repeat(`, ?`, len(names)-1)+`)`)
		for _, name := range names {
			args = append(args, name)
		}
	}
	w.add(`(`+strings.Join(terms, ` OR `)+`)`, args...)
}

// padded repeats the last item up to a power of two, so that lists of many lengths make
// few texts.
func padded[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	n := 1 << bits.Len(uint(len(list)-1))
	return append(list[:len(list):len(list)], slices.Repeat(list[len(list)-1:], n-len(list))...)
}

// AddHits implements directory.Entries. It takes no revision: counts are not part
// of a snapshot.
func (d Directory) AddHits(ctx context.Context, hits []directory.Hits) error {
	err := d.db.Update(ctx, func(tx *Tx) error {
		// Who changes entries has this lock: the two don't meet in another order.
		if err := tx.lock(`SELECT value FROM directory_counter WHERE name = 'revision'`); err != nil {
			return err
		}
		for _, h := range hits {
			_, err := tx.Exec(`UPDATE list_entry SET hits = hits + ?, last_hit = CASE WHEN last_hit < ? THEN ? ELSE last_hit END WHERE id = ?`,
				h.Count, toMicros(h.Last), toMicros(h.Last), h.ID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: add hits: %w", err)
	}
	return nil
}

func scanEntry(rows *sql.Rows) (e directory.Entry, err error) {
	var created, expires, last int64
	err = rows.Scan(&e.ID, &e.List, &e.Kind, &e.Value, &e.Scope.Kind, &e.Scope.Name, &e.Origin, &e.Note,
		&created, &expires, &e.Hits, &last)
	e.Created, e.Expires, e.LastHit = fromMicros(created), fromMicros(expires), fromMicros(last)
	return e, err
}
