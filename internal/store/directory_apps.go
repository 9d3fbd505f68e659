package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/directory"
)

// joinApps writes one password of a program a line: no name has a line end in it.
func joinApps(apps []directory.AppPassword) string {
	list := make([]string, len(apps))
	for i, a := range apps {
		list[i] = fmt.Sprintf("%d\t%d\t%s\t%s", a.ID, toMicros(a.Created), a.SCRAM, a.Name)
	}
	return strings.Join(list, "\n")
}

// splitApps reads what joinApps wrote.
func splitApps(text string) (apps []directory.AppPassword, err error) {
	for _, line := range lines(text) {
		fields := strings.SplitN(line, "\t", 4)
		if len(fields) != 4 {
			return nil, fmt.Errorf("application password: %d fields", len(fields))
		}
		id, err1 := strconv.ParseInt(fields[0], 10, 64)
		created, err2 := strconv.ParseInt(fields[1], 10, 64)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("application password: %q, %q", fields[0], fields[1])
		}
		apps = append(apps, directory.AppPassword{ID: id, Created: fromMicros(created), SCRAM: fields[2], Name: fields[3]})
	}
	return apps, nil
}

// forgetUses removes what is kept of passwords that a mailbox has no more.
func (w *directoryWriter) forgetUses(m *directory.Mailbox) error {
	ids := make([]string, len(m.Apps))
	for i, a := range m.Apps {
		ids[i] = strconv.FormatInt(a.ID, 10)
	}
	but := ""
	if len(ids) > 0 {
		but = " AND app NOT IN (" + strings.Join(ids, ", ") + ")"
	}
	_, err := w.tx.Exec(`DELETE FROM mailbox_app_use WHERE box = ?`+but, m.ID)
	return err
}

var _ directory.Uses = Directory{}

// PutUses implements directory.Uses.
func (d Directory) PutUses(ctx context.Context, list []directory.Use) error {
	list = slices.SortedFunc(slices.Values(list), func(a, b directory.Use) int { return cmp.Or(cmp.Compare(a.Box, b.Box), cmp.Compare(a.App, b.App)) })
	err := d.db.Update(ctx, func(tx *Tx) error {
		for _, u := range list { // in one order, since nodes write at once
			_, err := tx.Exec(`INSERT INTO mailbox_app_use (box, app, used) SELECT id, CAST(? AS BIGINT), CAST(? AS BIGINT) FROM mailbox WHERE id = ?
				ON CONFLICT (box, app) DO UPDATE SET used = excluded.used WHERE mailbox_app_use.used < excluded.used`, u.App, toMicros(u.Last), u.Box)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: uses of passwords: %w", err)
	}
	return nil
}

// Uses implements directory.Uses.
func (d Directory) Uses(ctx context.Context, box int64) (map[int64]time.Time, error) {
	used := map[int64]time.Time{}
	err := d.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT app, used FROM mailbox_app_use WHERE box = ?`, box)
		return each(rows, err, func(rows *sql.Rows) error {
			var app, last int64
			err := rows.Scan(&app, &last)
			used[app] = fromMicros(last)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: uses of passwords of %d: %w", box, err)
	}
	return used, nil
}
