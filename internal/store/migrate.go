package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
)

// Schema changes: NNNN_name.sql, applied once each in order of NNNN. A file that
// has been released is never edited. A file only adds: tables, indexes, columns with
// a default; so that a program that does not know it can go on. Where that is so it
// says from which version on, in a line of its own:
//
//	-- compatible from 0011
//
//go:embed migrations/*.sql
var migrations embed.FS

// A schema is the changes that a program knows.
type schema struct{ files fs.FS }

func ownSchema() schema { return schema{migrations} }

// A change is one file. compatible is the lowest version that a program may be of
// (the highest number that it knows) to work with a store that has seen the change;
// 0: it must know it.
type change struct {
	version, compatible int
	name, text          string
}

// bootstrap makes the tables that tell which changes a store has seen. What a program
// does not know itself it knows from schema_compatible: a row stands for the mark in the
// change's file.
var bootstrap = [...]string{
	`CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, name TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS schema_compatible (version BIGINT PRIMARY KEY, since BIGINT NOT NULL)`,
}

// migrate applies what the store has not seen yet, each change in a transaction of
// its own. On a server nodes take turns. A store that has seen what the program does
// not know is refused, unless the change was marked compatible: an older program
// can't know what a newer one relies on.
func (s schema) migrate(ctx context.Context, c *sql.Conn, d *dialect) error {
	if d.migrating[0] != "" {
		if _, err := c.ExecContext(ctx, d.migrating[0]); err != nil {
			return err
		}
		defer c.ExecContext(context.WithoutCancel(ctx), d.migrating[1])
	}
	for _, text := range bootstrap {
		if _, err := c.ExecContext(ctx, d.types.Replace(text)); err != nil {
			return err
		}
	}
	seen, err := seenChanges(ctx, c)
	if err != nil {
		return err
	}
	changes, err := s.changes()
	if err != nil {
		return err
	}
	if err := bearable(changes, seen); err != nil {
		return err
	}
	for _, ch := range changes {
		if _, done := seen[ch.version]; done {
			continue
		}
		if err := ch.apply(ctx, c, d); err != nil {
			return fmt.Errorf("migration %s: %w", ch.name, err)
		}
	}
	return nil
}

// changes reads the files, in order.
func (s schema) changes() (list []change, err error) {
	names, err := fs.Glob(s.files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	mark := regexp.MustCompile(`(?m)^-- compatible from (\d+)$`)
	for _, name := range names { // Glob sorts
		text, err := fs.ReadFile(s.files, name)
		if err != nil {
			return nil, err
		}
		ch := change{name: name, text: string(text)}
		if ch.version, err = strconv.Atoi(name[len("migrations/"):][:4]); err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		if m := mark.FindStringSubmatch(ch.text); m != nil {
			if ch.compatible, err = strconv.Atoi(m[1]); err != nil {
				return nil, fmt.Errorf("migration %s: %w", name, err)
			}
		}
		list = append(list, ch)
	}
	return list, nil
}

// seenChanges returns the versions that a store has seen and, for each, from which
// version on a program can bear it; 0: it must know it.
func seenChanges(ctx context.Context, c *sql.Conn) (map[int]int, error) {
	seen := map[int]int{}
	rows, err := c.QueryContext(ctx, `SELECT v.version, COALESCE(c.since, 0) FROM schema_version v LEFT JOIN schema_compatible c ON c.version = v.version`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var version, since int
		err := rows.Scan(&version, &since)
		seen[version] = since
		return err
	})
	return seen, err
}

// bearable fails where a program that knows changes can't work with what was seen, and names
// the newest of that.
func bearable(changes []change, seen map[int]int) error {
	known, newest := map[int]bool{}, 0
	for _, ch := range changes {
		known[ch.version], newest = true, max(newest, ch.version)
	}
	unbearable := 0
	for version, since := range seen {
		if !known[version] && (since == 0 || since > newest) {
			unbearable = max(unbearable, version)
		}
	}
	if unbearable == 0 {
		return nil
	}
	return fmt.Errorf("schema version %d is newer than this program, which knows %d; start the program that made it", unbearable, newest)
}

func (ch change) apply(ctx context.Context, c *sql.Conn, d *dialect) error {
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if d.patience != "" {
		if _, err := tx.ExecContext(ctx, d.patience); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, d.types.Replace(ch.text)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, d.marks(`INSERT INTO schema_version (version, name) VALUES (?, ?)`), ch.version, ch.name); err != nil {
		return err
	}
	if ch.compatible != 0 {
		_, err := tx.ExecContext(ctx, d.marks(`INSERT INTO schema_compatible (version, since) VALUES (?, ?)`), ch.version, ch.compatible)
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}
