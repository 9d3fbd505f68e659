package app

import (
	"strings"
	"testing"

	"gatepost/internal/config"
)

// A look-up by which the node would not start is told before.
func TestCheckLookups(t *testing.T) {
	const query = "SELECT 1 FROM users WHERE address = ?"
	sql := config.Lookup{Name: "people", SQL: "/nowhere/people.db", Query: query, PasswordQuery: "SELECT hash FROM users WHERE address = ?"}
	ldap := config.Lookup{Name: "staff", LDAP: "ldaps://nowhere.example", Base: "dc=a", Filter: "(mail=%s)"}
	with := func(l config.Lookup, change func(*config.Lookup)) config.Lookup {
		change(&l)
		return l
	}
	for _, c := range []struct {
		lookup config.Lookup
		want   string // "": none
	}{
		{sql, ""},
		{ldap, ""},
		{with(sql, func(l *config.Lookup) { l.Query = "SELECT 1 FROM users WHERE address = '?'" }), "people: the query has no ?"},
		{with(sql, func(l *config.Lookup) { l.PasswordQuery = "SELECT hash FROM users" }), "people: password_query has no ?"},
		{with(sql, func(l *config.Lookup) { l.SQL = "postgres://me:secret@[::1/x" }), "people: sql is not a valid"},
		{with(ldap, func(l *config.Lookup) { l.Filter = "(mail=bob)" }), "staff: the filter has neither"},
		{with(ldap, func(l *config.Lookup) { l.LDAP = "https://nowhere.example" }), "staff: "},
	} {
		err := Check(&config.Config{Lookups: []config.Lookup{c.lookup}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%+v: got %v, want %q", c.lookup, err, c.want)
		}
	}
}
