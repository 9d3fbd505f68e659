package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// hostnameNoted is how old a note of a node's name may be before it is written anew.
	hostnameNoted = time.Hour
	// maxHostnames bounds the names that are read, those seen last first.
	maxHostnames = 1000
)

// Hostnames notes that at now a node has a name, lower case, and returns all names that nodes have or had, that one
// among them. A name that nobody has had since before is forgotten; before may be zero.
func (db *DB) Hostnames(ctx context.Context, name string, now, before time.Time) (names []string, err error) {
	fresh := false
	read := func(tx *Tx) error {
		names, fresh = nil, false
		rows, err := tx.Query(`SELECT name, seen FROM node_hostname ORDER BY seen DESC, name LIMIT ?`, maxHostnames)
		return each(rows, err, func(rows *sql.Rows) error {
			var n string
			var seen int64
			if err := rows.Scan(&n, &seen); err != nil {
				return err
			}
			names = append(names, n)
			age := now.Sub(fromMicros(seen))
			fresh = fresh || n == name && age < hostnameNoted && age > -hostnameNoted
			return nil
		})
	}
	if err = db.View(ctx, read); err == nil && !fresh {
		err = db.Update(ctx, func(tx *Tx) error {
			if _, err := tx.Exec(`DELETE FROM node_hostname WHERE seen < ? AND name <> ?`, toMicros(before), name); err != nil {
				return err
			}
			_, err := tx.Exec(`INSERT INTO node_hostname (name, seen) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seen = excluded.seen`, name, toMicros(now))
			if err != nil {
				return err
			}
			return read(tx)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("store: names of nodes: %w", err)
	}
	return names, nil
}
