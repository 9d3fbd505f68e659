package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Schema changes: NNNN_name.sql, applied once each in order of NNNN. A file that
// has been released is never edited.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies what the store has not seen yet, each file in a transaction of
// its own. A store that is newer than the program is refused: an older program
// can't know what the newer one relies on.
func migrate(ctx context.Context, c *sql.Conn) error {
	if _, err := c.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, name TEXT NOT NULL)`); err != nil {
		return err
	}
	done := map[int]bool{}
	rows, err := c.QueryContext(ctx, `SELECT version FROM schema_version`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var v int
		if err := rows.Scan(&v); err != nil {
			return err
		}
		done[v] = true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	for _, name := range names { // Glob sorts
		v, err := strconv.Atoi(strings.TrimPrefix(name, "migrations/")[:4])
		if err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
		if done[v] {
			delete(done, v)
			continue
		}
		if err := apply(ctx, c, name, v); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	for v := range done {
		return fmt.Errorf("schema version %d is newer than this program; start the program that made it", v)
	}
	return nil
}

func apply(ctx context.Context, c *sql.Conn, name string, version int) error {
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO schema_version (version, name) VALUES (?, ?)`, version, name); err != nil {
		return err
	}
	return tx.Commit()
}
