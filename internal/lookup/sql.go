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

// A database answers by a query that returns a row where the recipient exists, and by one that returns the hash of somebody's
// password. It is opened for reading only.
type database struct {
	db        *sql.DB
	query     question
	passwords question      // "": it is not asked for any
	computing chan struct{} // held by who computes a hash
}

// A question is a query; each of its placeholders is the address.
type question struct {
	text  string
	marks int
}

func (q question) args(address mail.Path) []any {
	args := make([]any, q.marks)
	for i := range args {
		args[i] = string(address)
	}
	return args
}

// hashesAtOnce is how many hashes are computed at once: each may take maxHashMemory.
const hashesAtOnce = 2

func openSQL(s Source) (*database, error) {
	d := &database{computing: make(chan struct{}, hashesAtOnce)}
	numbered := strings.HasPrefix(s.SQL, "postgres://") || strings.HasPrefix(s.SQL, "postgresql://")
	d.query, d.passwords = questionOf(s.Query, numbered), questionOf(s.PasswordQuery, numbered)
	if d.query.marks == 0 {
		return nil, errors.New("the query has no ? for the address")
	}
	if d.passwords.text != "" && d.passwords.marks == 0 {
		return nil, errors.New("password_query has no ? for the address")
	}
	if numbered {
		c, err := pgx.ParseConfig(s.SQL)
		if err != nil { // pgx hides the password, not the rest
			return nil, errors.New("sql is not a valid PostgreSQL address")
		}
		c.RuntimeParams["default_transaction_read_only"] = "on"
		c.RuntimeParams["application_name"] = "gatepost"
		c.ConnectTimeout = s.Timeout
		d.db = stdlib.OpenDB(*c)
	} else {
		// Who writes to it is waited for, as long as anybody waits for an answer.
		db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(%d)", (&url.URL{Path: s.SQL}).EscapedPath(), s.Timeout.Milliseconds()))
		if err != nil {
			return nil, fmt.Errorf("sql: %w", err)
		}
		d.db = db
	}
	d.db.SetMaxOpenConns(maxAsked)
	d.db.SetMaxIdleConns(2)
	return d, nil
}

func (d *database) ask(ctx context.Context, rcpt mail.Path) (bool, error) {
	rows, err := d.db.QueryContext(ctx, d.query.text, d.query.args(rcpt)...)
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

// verify implements verifier. Who has no row, or no hash in it, has no password.
func (d *database) verify(ctx context.Context, address mail.Path, password string) (verdict, error) {
	if d.passwords.text == "" {
		return nil, &oneError{ErrNoPasswords}
	}
	text, err := d.hash(ctx, address)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return plain(false), nil
	}
	return func(ctx context.Context) (bool, error) { return d.match(ctx, text, password) }, nil
}

// match computes whether a password is that of a hash, once it is its turn.
func (d *database) match(ctx context.Context, text, password string) (bool, error) {
	m, err := hashOf(text)
	if err != nil {
		return false, err
	}
	select {
	case d.computing <- struct{}{}:
		defer func() { <-d.computing }()
	case <-ctx.Done():
		return false, fmt.Errorf("%d hashes are being computed: %w", hashesAtOnce, ctx.Err())
	}
	right, err := m.MatchBytesAdvanced([]byte(password))
	if err != nil {
		return false, fmt.Errorf("%w: %w", errHash, err)
	}
	return right, nil
}

// hash asks for the hash of an address; "": there is none.
func (d *database) hash(ctx context.Context, address mail.Path) (string, error) {
	rows, err := d.db.QueryContext(ctx, d.passwords.text, d.passwords.args(address)...)
	if err != nil {
		return "", fmt.Errorf("password_query: %w", err)
	}
	defer rows.Close()
	var text sql.NullString
	for n := 0; rows.Next(); n++ {
		if n > 0 {
			return "", errSeveral
		}
		if err := rows.Scan(&text); err != nil {
			return "", fmt.Errorf("password_query: it is to return one column: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("password_query: %w", err)
	}
	return text.String, nil
}

func (d *database) close() error { return d.db.Close() }

// questionOf counts the question marks outside of quotes in a query, and writes them as
// PostgreSQL wants them where they are numbered.
func questionOf(query string, numbered bool) question {
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
	return question{b.String(), n}
}
