package lookup

import (
	"context"
	"errors"
	"testing"

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

// SQL knows no passwords.
func TestVerifySQL(t *testing.T) {
	l, err := New(Config{Sources: []Source{people(Source{SQL: t.TempDir() + "/people.db", Query: "SELECT 1 WHERE ? = ''"})}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got, err := l.Verify(t.Context(), "people", "bob@a.example", "x"); got || !errors.Is(err, ErrNoPasswords) {
		t.Errorf("got %v, %v", got, err)
	}
}
