package lookup

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

func users(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "with space?.db")
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(strings.ReplaceAll(path, "?", "%3f"), " ", "%20"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{`CREATE TABLE users (address TEXT)`, `INSERT INTO users VALUES ('ann@a.example'), ('o''neil@a.example')`} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func people(s Source) Source {
	s.Name, s.Timeout, s.Cache, s.CacheNo = "people", 5*time.Second, time.Hour, time.Minute
	return s
}

func exists(t *testing.T, l *Lookups, want map[mail.Path]bool) {
	t.Helper()
	for p, want := range want {
		if got, err := l.Exists(t.Context(), "people", p); got != want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", p, got, err, want)
		}
	}
}

func TestSQL(t *testing.T) {
	l, err := New(Config{Sources: []Source{people(Source{SQL: users(t), Query: `SELECT 'what?' FROM users WHERE address = ? AND ? <> ''`})}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	exists(t, l, map[mail.Path]bool{"ann@a.example": true, "bob@a.example": false, "o'neil@a.example": true, "x'or'1'='1@a.example": false})
}

// The database is for reading.
func TestSQLReadsOnly(t *testing.T) {
	path := users(t)
	l, err := New(Config{Sources: []Source{people(Source{SQL: path, Query: `DELETE FROM users WHERE address = ? RETURNING 1`})}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Exists(t.Context(), "people", "ann@a.example"); err == nil {
		t.Error("a row was deleted")
	}
}

func TestSQLRefused(t *testing.T) {
	for _, s := range []Source{
		{SQL: "users.db", Query: `SELECT 1 FROM users WHERE address = '?'`},
		{SQL: "postgres://me:secret@[::1/x", Query: `SELECT ?`},
	} {
		_, err := New(Config{Sources: []Source{people(s)}})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	for query, want := range map[string]string{
		`SELECT 1 WHERE a = ?`:                     `SELECT 1 WHERE a = $1`,
		`SELECT '?', "a?" WHERE a = ? OR b LIKE ?`: `SELECT '?', "a?" WHERE a = $1 OR b LIKE $2`,
		`SELECT 'it''s ?' WHERE ?=1`:               `SELECT 'it''s ?' WHERE $1=1`,
	} {
		if got := questionOf(query, true).text; got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
		if got := questionOf(query, false).text; got != query {
			t.Errorf("%s: got %s", query, got)
		}
	}
}
