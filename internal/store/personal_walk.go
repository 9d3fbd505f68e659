package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/internal/privacy"
)

// Privacy is what the store knows of people.
type Privacy struct {
	db    *DB
	slice int // rows that are looked at by one statement
}

var _ privacy.Rows = Privacy{}

// Privacy returns the store's.
func (db *DB) Privacy() Privacy { return Privacy{db, sliceRows} }

// Tables are walked through in slices, since few have an index on all columns with addresses: one would cost each
// message more than a person's rare question is worth.
const (
	sliceRows = 5000
	pageRows  = 500             // after so many that were found a page ends,
	pageTime  = 2 * time.Second // or after that
	eraseSome = 100             // by one commit
)

// A place is where a page begins.
type place struct {
	Table int   `json:"t"`
	About int   `json:"a"`
	After []any `json:"k,omitempty"` // the last values of what is walked by; none: at the beginning
}

func parsePlace(text string) (p place, err error) {
	if text == "" {
		return p, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("%q is no place to go on from: %w", text, err)
	}
	for i, v := range p.After {
		if n, ok := v.(json.Number); ok {
			if p.After[i], err = n.Int64(); err != nil {
				return p, fmt.Errorf("%q is no place to go on from: %w", text, err)
			}
		}
	}
	return p, nil
}

// Find implements privacy.Rows.
func (p Privacy) Find(ctx context.Context, s privacy.Subject, after string) (privacy.Page, error) {
	return p.page(ctx, &s, after, func(context.Context, *personal, *about, []map[string]any) error { return nil })
}

// Erase implements privacy.Rows.
func (p Privacy) Erase(ctx context.Context, s privacy.Subject, after string) (privacy.Page, error) {
	return p.page(ctx, &s, after, func(ctx context.Context, t *personal, a *about, rows []map[string]any) error {
		if fate, _ := a.fateFor(&s); fate == privacy.Kept {
			return nil
		}
		for some := range slices.Chunk(rows, eraseSome) {
			if err := p.db.Update(ctx, func(tx *Tx) error { return t.erase(tx, &s, a, some) }); err != nil {
				return fmt.Errorf("store: erase from %s: %w", t.table, err)
			}
		}
		return nil
	})
}

// page walks on, and hands over what it found.
func (p Privacy) page(ctx context.Context, s *privacy.Subject, after string, do func(context.Context, *personal, *about, []map[string]any) error) (page privacy.Page, err error) {
	at, err := parsePlace(after)
	if err != nil {
		return page, err
	}
	tables := personalTables()
	began, found := time.Now(), 0
	for ; at.Table < len(tables); at = (place{Table: at.Table + 1}) {
		t := &tables[at.Table]
		for at.About < len(t.about) {
			if found >= pageRows || time.Since(began) > pageTime {
				next, err := json.Marshal(at)
				page.Next = string(next)
				return page, err
			}
			a := &t.about[at.About]
			rows, last, err := p.read(ctx, s, t, a, at.After)
			if err != nil {
				return page, fmt.Errorf("store: what is known of a person: %s: %w", t.table, err)
			}
			if err := do(ctx, t, a, rows); err != nil {
				return page, err
			}
			found += len(rows)
			addPart(&page, s, t, a, rows)
			if at.After = last; last == nil {
				at.About++
			}
		}
	}
	return page, nil
}

// read returns what is found in a slice of a table, all columns of it, and where the slice ends; nil: with the table.
func (p Privacy) read(ctx context.Context, s *privacy.Subject, t *personal, a *about, after []any) (found []map[string]any, last []any, err error) {
	columns := columnsOf(t.columns)
	keys := t.walkedBy(columns)
	order := strings.Join(keys, ", ")
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	text, args := a.where(s)
	from := ""
	if len(after) > 0 {
		if len(after) != len(keys) {
			return nil, nil, errors.New("no place to go on from")
		}
		from = ` AND (` + order + `) > (` + marks(len(keys)) + `)`
		args = append(args, after...)
	}
	err = p.db.View(ctx, func(tx *Tx) error {
		found, last = nil, nil
		rows, err := tx.Query(`SELECT `+order+` FROM `+t.table+` WHERE 1 = 1`+from+` ORDER BY `+order+` LIMIT 1 OFFSET `+strconv.Itoa(p.slice-1), after...)
		err = each(rows, err, func(rows *sql.Rows) (err error) { last, err = values(rows, len(keys)); return err })
		if err != nil {
			return err
		}
		until := ""
		if last != nil {
			until = ` AND (` + order + `) <= (` + marks(len(keys)) + `)`
		}
		rows, err = tx.Query(`SELECT `+strings.Join(names, ", ")+` FROM `+t.table+` WHERE `+text+from+until+` ORDER BY `+order, append(args[:len(args):len(args)], last...)...)
		return each(rows, err, func(rows *sql.Rows) error {
			list, err := values(rows, len(columns))
			row := map[string]any{}
			for i, v := range list {
				row[names[i]] = v
			}
			found = append(found, row)
			return err
		})
	})
	return found, last, err
}

// walkedBy are the columns by which a table is walked through.
func (t *personal) walkedBy(columns []trait) (keys []string) {
	if t.walk != "" {
		return []string{t.walk}
	}
	for _, c := range columns {
		if c.key {
			keys = append(keys, c.name)
		}
	}
	return keys
}

func values(rows *sql.Rows, n int) ([]any, error) {
	list, to := make([]any, n), make([]any, n)
	for i := range list {
		to[i] = &list[i]
	}
	err := rows.Scan(to...)
	return list, err
}

// erase does to rows what their fate says, with one commit.
func (t *personal) erase(tx *Tx, s *privacy.Subject, a *about, rows []map[string]any) error {
	if a.before != "" {
		if _, err := tx.Exec(a.before); err != nil {
			return err
		}
	}
	for _, row := range rows {
		var err error
		if a.does != nil {
			err = a.does(tx, row)
		} else {
			err = t.end(tx, s, a, row)
		}
		if err != nil {
			return err
		}
	}
	if a.after != "" {
		_, err := tx.Exec(a.after)
		return err
	}
	return nil
}

// end removes a row, or blanks it, if it is about the person still.
func (t *personal) end(tx *Tx, s *privacy.Subject, a *about, row map[string]any) error {
	query, args := `DELETE FROM `+t.table, []any{}
	if a.set != "" {
		query = `UPDATE ` + t.table + ` SET ` + a.set
	}
	word := ` WHERE `
	for _, c := range columnsOf(t.columns) {
		if c.key {
			query += word + c.name + ` = ?`
			args, word = append(args, row[c.name]), ` AND `
		}
	}
	text, more := a.where(s)
	_, err := tx.Exec(query+` AND `+text, append(args, more...)...)
	return err
}

// addPart adds what is shown of rows to the page.
func addPart(page *privacy.Page, s *privacy.Subject, t *personal, a *about, rows []map[string]any) {
	if len(rows) == 0 {
		return
	}
	fate, why := a.fateFor(s)
	n := len(page.Parts)
	if n == 0 || page.Parts[n-1].Table != t.table || page.Parts[n-1].About != a.what {
		page.Parts = append(page.Parts, privacy.Part{Table: t.table, About: a.what, Fate: fate, Why: why})
		n++
	}
	part := &page.Parts[n-1]
	part.Count += len(rows)
	if a.bare {
		return
	}
	hide, also := strings.Fields(a.hide), strings.Fields(a.also)
	for _, row := range rows {
		shown := map[string]any{}
		for _, c := range columnsOf(t.columns) {
			if c.hidden && !slices.Contains(also, c.name) || slices.Contains(hide, c.name) {
				continue
			}
			if v, ok := a.show(c, row[c.name]); ok {
				shown[c.name] = v
			}
		}
		part.Rows = append(part.Rows, shown)
	}
}

// show is a value as a person is shown it; one that is empty is left out.
func (a *about) show(c trait, v any) (any, bool) {
	switch v := v.(type) {
	case int64:
		if c.time {
			return fromMicros(v).UTC(), v != 0
		}
	case []byte:
		if utf8.Valid(v) {
			return string(v), len(v) > 0
		}
	case string:
		if f := a.shown[c.name]; f != nil {
			return f(v), v != ""
		}
		return v, v != ""
	}
	return v, v != nil
}
