package store

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// An outline is beside the rows of an export: what tables they are of. The rows of each are in
// a file of its name, in the text form of COPY
// (https://www.postgresql.org/docs/current/sql-copy.html), which any PostgreSQL reads.
type outline struct {
	Versions []int    `json:"versions"` // of the schema
	Tables   []*table `json:"tables"`
}

type table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

// Names beneath an export's directory.
const (
	rowsDir     = "rows"
	outlineName = rowsDir + "/outline.json"
)

func (t *table) file() string { return rowsDir + "/" + t.Name + ".copy" }

// columns in the words of SQL.
func (t *table) list() string { return `"` + strings.Join(t.Columns, `", "`) + `"` }

// isName reports whether a name may stand in a statement: an outline comes from a file.
var isName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`).MatchString

func (s *server) name() string { return "postgresql" }

func (s *server) export(ctx context.Context, dir string) (names []string, err error) {
	done, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := s.untilClosed(ctx)
	defer cancel()
	leave, err := s.enterView(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, stop := context.WithTimeout(ctx, exportLimit)
	defer stop()
	c, tx, err := s.transaction(ctx, ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer tx.Rollback()
	err = raw(c, func(conn *pgx.Conn) (err error) {
		names, err = exportRows(ctx, conn, dir)
		return err
	})
	return names, err
}

// raw lends the driver's own connection.
func raw(c *sql.Conn, f func(*pgx.Conn) error) error {
	return c.Raw(func(driver any) error { return f(driver.(*stdlib.Conn).Conn()) })
}

func exportRows(ctx context.Context, c *pgx.Conn, dir string) ([]string, error) {
	o, err := outlineOf(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, rowsDir), 0o700); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		return nil, err
	}
	names := []string{outlineName}
	if err := os.WriteFile(filepath.Join(dir, outlineName), b, 0o600); err != nil {
		return nil, err
	}
	for _, t := range o.Tables {
		if err := t.export(ctx, c, filepath.Join(dir, t.file())); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		names = append(names, t.file())
	}
	return names, nil
}

func (t *table) export(ctx context.Context, c *pgx.Conn, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	_, err = c.PgConn().CopyTo(ctx, w, `COPY "`+t.Name+`" (`+t.list()+`) TO STDOUT`)
	return errors.Join(err, w.Flush(), f.Close())
}

// nodeTable is who has the database: not the next one's business.
const nodeTable = "store_node"

func outlineOf(ctx context.Context, c *pgx.Conn) (*outline, error) {
	o := &outline{}
	var err error
	if o.Versions, err = column[int](ctx, c, `SELECT version FROM schema_version ORDER BY version`); err != nil {
		return nil, err
	}
	names, err := column[string](ctx, c, `SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name == nodeTable {
			continue
		}
		t := &table{Name: name}
		t.Columns, err = column[string](ctx, c, `SELECT column_name::text FROM information_schema.columns
			WHERE table_schema = current_schema() AND table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position`, name)
		if err != nil {
			return nil, err
		}
		o.Tables = append(o.Tables, t)
	}
	return o, nil
}

// column returns the one column of a query.
func column[T any](ctx context.Context, c *pgx.Conn, query string, args ...any) ([]T, error) {
	rows, err := c.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

// unfinished is a table that is there while an import is: a database with it is not opened.
const unfinished = "restore_unfinished"

// ErrNotEmpty: there are rows already where others were to be put.
var ErrNotEmpty = errors.New("the database is not empty")

// Import puts the rows that Export wrote below dir into the PostgreSQL database dsn, which
// is to be empty (ErrNotEmpty), and makes them fit for clients (see DB.Restored). A program
// reads exports of older ones. Where it ends before its time the database is not opened any more:
// it is to be dropped and made anew.
func Import(ctx context.Context, dsn string, who Node, dir string) error {
	if err := importRows(ctx, dsn, who, dir); err != nil {
		return fmt.Errorf("store: import: %w", err)
	}
	return nil
}

func importRows(ctx context.Context, dsn string, who Node, dir string) error {
	o, err := readOutline(dir)
	if err != nil {
		return err
	}
	config, _, err := parseDSN(dsn)
	if err != nil {
		return err
	}
	delete(config.RuntimeParams, "idle_in_transaction_session_timeout") // rows are read from disk meanwhile
	n, err := claimNode(ctx, config, who, nil)
	if err != nil {
		return err
	}
	defer n.release()
	pool := stdlib.OpenDB(*config)
	defer pool.Close()
	c, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	steps := []func(*pgx.Conn) error{
		func(c *pgx.Conn) error { return begin(ctx, c) },
		func(c *pgx.Conn) error { return o.fill(ctx, c, dir) },
		func(c *pgx.Conn) error { return finish(ctx, c) },
	}
	for i, step := range steps {
		if i > 0 { // the schema that the rows are of, and then this program's
			if err := ownSchema().only(i == 1, o.Versions).migrate(ctx, c, postgresDialect); err != nil {
				return err
			}
		}
		if err := raw(c, step); err != nil {
			return err
		}
	}
	return nil
}

func readOutline(dir string) (*outline, error) {
	b, err := os.ReadFile(filepath.Join(dir, outlineName))
	if err != nil {
		return nil, err
	}
	o := &outline{}
	if err := json.Unmarshal(b, o); err != nil {
		return nil, fmt.Errorf("%s: %w", outlineName, err)
	}
	for _, t := range o.Tables {
		for _, name := range append([]string{t.Name}, t.Columns...) {
			if !isName(name) {
				return nil, fmt.Errorf("%s: %.80q is no name", outlineName, name)
			}
		}
	}
	return o, nil
}

// only is the schema as far as some versions go, where limited.
func (s schema) only(limited bool, versions []int) schema {
	if limited {
		s.files = someFiles{s.files, versions}
	}
	return s
}

// someFiles are the migrations of some versions.
type someFiles struct {
	fs.FS
	versions []int
}

// Glob implements fs.GlobFS.
func (f someFiles) Glob(pattern string) (names []string, err error) {
	all, err := fs.Glob(f.FS, pattern)
	for _, name := range all {
		if slices.ContainsFunc(f.versions, func(v int) bool { return strings.HasPrefix(name, fmt.Sprintf("migrations/%04d_", v)) }) {
			names = append(names, name)
		}
	}
	return names, err
}

// begin marks the database as one in which an import is, where it is empty.
func begin(ctx context.Context, c *pgx.Conn) error {
	names, err := column[string](ctx, c, `SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() LIMIT 1`)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("%w: it has a table %s", ErrNotEmpty, names[0])
	}
	if err == nil {
		_, err = c.Exec(ctx, `CREATE TABLE `+unfinished+` ()`)
	}
	return err
}

// fill puts all rows into their tables, in one transaction.
func (o *outline) fill(ctx context.Context, c *pgx.Conn, dir string) error {
	known, err := column[int](ctx, c, `SELECT version FROM schema_version ORDER BY version`)
	if err != nil {
		return err
	}
	if !slices.Equal(known, o.Versions) {
		return fmt.Errorf("the rows are of schema %d, this program knows %d; use the program that made them", last(o.Versions), last(known))
	}
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		ordered, err := o.inOrder(ctx, c)
		if err != nil {
			return err
		}
		names := make([]string, len(ordered))
		for i, t := range ordered {
			names[i] = `"` + t.Name + `"`
		}
		if _, err := tx.Exec(ctx, `TRUNCATE `+strings.Join(names, ", ")); err != nil { // migrations put rows, too
			return err
		}
		for _, t := range ordered {
			if err := t.fill(ctx, c, filepath.Join(dir, t.file())); err != nil {
				return fmt.Errorf("table %s: %w", t.Name, err)
			}
		}
		return nil
	})
}

func last(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1]
}

// inOrder puts tables behind those that they refer to.
func (o *outline) inOrder(ctx context.Context, c *pgx.Conn) (list []*table, err error) {
	refers, err := column[string](ctx, c, `SELECT DISTINCT conrelid::regclass::text || ' ' || confrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid`)
	if err != nil {
		return nil, err
	}
	left := slices.Clone(o.Tables)
	for len(left) > 0 {
		n := len(left)
		left = slices.DeleteFunc(left, func(t *table) bool {
			waits := slices.ContainsFunc(o.Tables, func(other *table) bool {
				return slices.Contains(refers, t.Name+" "+other.Name) && !slices.Contains(list, other)
			})
			if !waits {
				list = append(list, t)
			}
			return !waits
		})
		if len(left) == n {
			return nil, fmt.Errorf("table %s refers to itself in a circle", left[0].Name)
		}
	}
	return list, nil
}

func (t *table) fill(ctx context.Context, c *pgx.Conn, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := c.PgConn().CopyFrom(ctx, f, `COPY "`+t.Name+`" (`+t.list()+`) FROM STDIN`); err != nil {
		return err
	}
	for _, name := range t.Columns {
		// Numbers that the table gives by itself go on behind those that are there.
		var sequence *string
		if err := c.QueryRow(ctx, `SELECT pg_get_serial_sequence($1, $2)`, t.Name, name).Scan(&sequence); err != nil {
			return err
		}
		if sequence == nil {
			continue
		}
		_, err := c.Exec(ctx, `SELECT setval($1::regclass, (SELECT COALESCE(MAX("`+name+`"), 0) + 1 FROM "`+t.Name+`"), false)`, *sequence)
		if err != nil {
			return err
		}
	}
	return nil
}

// finish makes the rows fit, and lets the database be opened.
func finish(ctx context.Context, c *pgx.Conn) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		for _, query := range append(restored[:], `DROP TABLE `+unfinished) {
			if _, err := tx.Exec(ctx, query); err != nil {
				return err
			}
		}
		return nil
	})
}

// finished fails where an import of the database did not come to its end.
func finished(ctx context.Context, c *sql.Conn) error {
	var there bool
	if err := c.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, unfinished).Scan(&there); err != nil {
		return err
	}
	if there {
		return errors.New("a restore into this database did not come to its end: drop the database, make it anew and restore again")
	}
	return nil
}
