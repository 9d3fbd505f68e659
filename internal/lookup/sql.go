package lookup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"gatepost/internal/mail"
)

// A database answers by a query that returns a row where the recipient exists. It
// is opened for reading only.
type database struct {
	db    *sql.DB
	query string
	marks int // placeholders, each of which is the address
}

func openSQL(s Source) (*database, error) {
	d := &database{}
	if strings.HasPrefix(s.SQL, "postgres://") || strings.HasPrefix(s.SQL, "postgresql://") {
		c, err := pgx.ParseConfig(s.SQL)
		if err != nil { // pgx hides the password, not the rest
			return nil, errors.New("sql is not a valid PostgreSQL address")
		}
		c.RuntimeParams["default_transaction_read_only"] = "on"
		c.RuntimeParams["application_name"] = "gatepost"
		c.ConnectTimeout = s.Timeout
		d.db = stdlib.OpenDB(*c)
		d.query, d.marks = placeholders(s.Query, true)
	} else {
		db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: s.SQL}).EscapedPath()+"?mode=ro&_pragma=query_only(1)")
		if err != nil {
			return nil, fmt.Errorf("sql: %w", err)
		}
		d.db = db
		d.query, d.marks = placeholders(s.Query, false)
	}
	if d.marks == 0 {
		d.db.Close()
		return nil, errors.New("the query has no ? for the address")
	}
	d.db.SetMaxOpenConns(maxAsked)
	d.db.SetMaxIdleConns(2)
	return d, nil
}

func (d *database) ask(ctx context.Context, rcpt mail.Path) (bool, error) {
	args := make([]any, d.marks)
	for i := range args {
		args[i] = string(rcpt)
	}
	rows, err := d.db.QueryContext(ctx, d.query, args...)
	if err != nil {
		return false, fmt.Errorf("query: %w", err)
	}
	defer rows.Close()
	exists := rows.Next()
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("query: %w", err)
	}
	return exists, nil
}

func (d *database) close() error { return d.db.Close() }

// placeholders counts the question marks outside of quotes, and writes them as
// PostgreSQL wants them.
func placeholders(query string, numbered bool) (string, int) {
	var b strings.Builder
	n, quote := 0, rune(0)
	for _, c := range query {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '?':
			n++
			if numbered {
				b.WriteString("$" + strconv.Itoa(n))
				continue
			}
		}
		b.WriteRune(c)
	}
	return b.String(), n
}
