package lookup

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// A password is right where the one entry of the address can bind by it.
func TestVerify(t *testing.T) {
	s := startSlapd(t)
	s.person(t, "bob", "kite-rope", "bob@a.example")
	s.person(t, "eve", "", "eve@a.example")
	l := s.source(t, nil)
	for what, c := range map[string]struct {
		address  mail.Path
		password string
		want     bool
		fails    bool
	}{
		"right":                   {"bob@a.example", "kite-rope", true, false},
		"in capitals":             {"Bob@A.example", "kite-rope", true, false},
		"wrong":                   {"bob@a.example", "kite", false, false},
		"empty, bound as nobody":  {"bob@a.example", "", false, false},
		"who has none":            {"eve@a.example", "kite-rope", false, false},
		"unknown":                 {"nobody@a.example", "kite-rope", false, false},
		"a pattern":               {"b*@a.example", "kite-rope", false, false},
		"two entries, whose then": {"ann@a.example", "kite-rope", false, true},
	} {
		if got, err := l.Verify(t.Context(), "people", c.address, c.password); got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: got %v, %v", what, got, err)
		}
	}
	// Neither one address's entries nor who goes away is the source's fault: it would rest for all.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range tolerated {
		l.Verify(t.Context(), "people", "ann@a.example", "kite-rope")
		l.Verify(gone, "people", "bob@a.example", "kite-rope")
	}
	if got, err := l.Verify(t.Context(), "people", "bob@a.example", "kite-rope"); !got || err != nil || l.Health()[0].Err != nil {
		t.Errorf("after others' faults: %v, %v, health %+v", got, err, l.Health())
	}
	// The connection that searches is still the manager's.
	exists(t, l, map[mail.Path]bool{"bob@a.example": true, "nobody@a.example": false})
	s.stop()
	if got, err := l.Verify(t.Context(), "people", "bob@a.example", "kite-rope"); got || err == nil {
		t.Errorf("while it is away: %v, %v", got, err)
	}
	if _, err := l.Verify(t.Context(), "others", "bob@a.example", "x"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// A password is right where its hash is in the one row of the address.
func TestVerifySQL(t *testing.T) {
	const bob, eve = "{SSHA}vVmFtA28og/HGjc/mnB67MGyk0jg865Z", "{PLAIN}kite-rope" // "kite-rope é"
	file := t.TempDir() + "/people.db"
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE people (address TEXT, hash TEXT);
		INSERT INTO people VALUES ('bob@a.example', ?), ('eve@a.example', ?), ('ida@a.example', NULL), ('joe@a.example', ''), ('ann@a.example', ?), ('ann@a.example', ?)`, bob, eve, bob, bob); err != nil {
		t.Fatal(err)
	}
	l, err := New(Config{Sources: []Source{
		people(Source{SQL: file, Query: `SELECT 1 FROM people WHERE address = ?`, PasswordQuery: `SELECT hash FROM people WHERE address = ? AND '?' <> ?`}),
		{Name: "busy", SQL: file, Query: `SELECT 1 WHERE ? = ''`, PasswordQuery: `SELECT hash FROM people WHERE address = ?`, Timeout: 100 * time.Millisecond},
		{Name: "unasked", SQL: file, Query: `SELECT 1 WHERE ? = ''`, Timeout: 5 * time.Second},
		{Name: "broken", SQL: file, Query: `SELECT 1 WHERE ? = ''`, PasswordQuery: `SELECT hash, 1 FROM people WHERE address = ?`, Timeout: 5 * time.Second},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for what, c := range map[string]struct {
		address  mail.Path
		password string
		want     bool
		fails    bool
	}{
		"right":                        {"bob@a.example", "kite-rope é", true, false},
		"in capitals":                  {"BOB@a.Example", "kite-rope é", true, false},
		"wrong":                        {"bob@a.example", "kite-rope", false, false},
		"the hash itself":              {"bob@a.example", bob, false, false},
		"empty":                        {"bob@a.example", "", false, false},
		"unknown":                      {"nobody@a.example", "kite-rope é", false, false},
		"NULL":                         {"ida@a.example", "", false, false},
		"an empty hash":                {"joe@a.example", "", false, false},
		"a statement":                  {"x' OR '1'='1@a.example", "kite-rope é", false, false},
		"in clear, which is not taken": {"eve@a.example", "kite-rope", false, true},
		"two rows, whose then":         {"ann@a.example", "kite-rope é", false, true},
	} {
		got, err := l.Verify(t.Context(), "people", c.address, c.password)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: got %v, %v", what, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), "kite") || strings.Contains(err.Error(), "vVmF")) {
			t.Errorf("%s: it is told: %v", what, err)
		}
	}
	for range tolerated + 1 { // rows of one address are not the source's fault
		l.Verify(t.Context(), "people", "ann@a.example", "kite-rope é")
		l.Verify(t.Context(), "people", "eve@a.example", "kite-rope")
	}
	if got, err := l.Verify(t.Context(), "people", "bob@a.example", "kite-rope é"); !got || err != nil {
		t.Errorf("after others' faults: %v, %v", got, err)
	}
	computing := l.sources["busy"].asker.(*database).computing
	for range hashesAtOnce {
		computing <- struct{}{}
	}
	for range tolerated + 1 { // a flood of log-ins is not the source's fault either
		if got, err := l.Verify(t.Context(), "busy", "bob@a.example", "kite-rope é"); got || err == nil || errors.Is(err, ErrResting) {
			t.Errorf("while others compute: %v, %v", got, err)
		}
	}
	<-computing
	l.sources["busy"].timeout = 30 * time.Second
	if got, err := l.Verify(t.Context(), "busy", "bob@a.example", "kite-rope é"); !got || err != nil {
		t.Errorf("after a flood: %v, %v", got, err)
	}
	if got, err := l.Verify(t.Context(), "unasked", "bob@a.example", "x"); got || !errors.Is(err, ErrNoPasswords) {
		t.Errorf("without a password_query: %v, %v", got, err)
	}
	if got, err := l.Verify(t.Context(), "broken", "bob@a.example", "x"); got || err == nil || !strings.Contains(err.Error(), "one column") {
		t.Errorf("two columns: %v, %v", got, err)
	}
}
