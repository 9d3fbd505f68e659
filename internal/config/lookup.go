package config

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"gatepost/pipeline"
)

// A Lookup says where recipients are looked up: in an LDAP directory, or by a
// query to an SQL database. Exactly one of LDAP and SQL is set.
type Lookup struct {
	Name         string
	LDAP         string // ldap://, ldaps:// or ldapi://
	StartTLS     bool   // of LDAP
	Base         string // of LDAP: where the search begins
	Filter       string // of LDAP: %s is the address, escaped
	User         string // of LDAP: who binds, "" for nobody
	PasswordFile string // of LDAP: holds the password alone
	SQL          string // postgres://… or the path of an SQLite file
	Query        string // of SQL: ? is the address
	// PasswordQuery, of SQL, returns the hash of an address's password; "": it knows none.
	PasswordQuery string
	Timeout       time.Duration
	Cache         time.Duration // for which "exists" is believed
	CacheNo       time.Duration // for which "does not exist" is believed
	Line          int           // where it stands
}

// KnowsPasswords reports whether people may log in by it.
func (u Lookup) KnowsPasswords() bool { return u.LDAP != "" || u.PasswordQuery != "" }

// bare reports whether it goes by plain LDAP to another machine.
func (u Lookup) bare() bool {
	at, err := url.Parse(u.LDAP)
	if err != nil || at.Scheme != "ldap" || u.StartTLS {
		return false
	}
	return away(at.Hostname())
}

// away reports whether a host is another machine.
func away(host string) bool {
	here, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !here.IsLoopback())
}

// exposed returns the other machines at which a PostgreSQL is asked without TLS that is verified, and what its address says of
// that; nil: there are none.
func (u Lookup) exposed() (hosts []string, mode string) {
	at, err := url.Parse(u.SQL)
	if err != nil || at.Scheme != "postgres" && at.Scheme != "postgresql" {
		return nil, ""
	}
	asked := at.Query()
	mode = cmp.Or(asked.Get("sslmode"), "prefer")
	if strings.HasPrefix(mode, "verify-") || mode == "require" && asked.Get("sslrootcert") != "" {
		return nil, ""
	}
	for named := range strings.SplitSeq(cmp.Or(asked.Get("host"), at.Host), ",") {
		host, _, err := net.SplitHostPort(named)
		if err != nil {
			host = strings.Trim(named, "[]") // it has no port
		}
		if host != "" && !strings.HasPrefix(host, "/") && away(host) { // a path is of a socket here
			hosts = append(hosts, host)
		}
	}
	return hosts, mode
}

// Callout is the look-up that is always there.
const Callout = "callout"

// lookups reads the list; what is wrong is told with its line.
func (l *loader) lookups(file string, n *yaml.Node) (list []Lookup) {
	names := []string{Callout}
	for _, item := range l.items(file, "lookups", n) {
		if item.Kind != yaml.MappingNode {
			l.problems.add(place{file, item.Line}, "a look-up is a mapping with name and ldap or sql")
			continue
		}
		u := l.lookup(file, item)
		if slices.Contains(names, u.Name) {
			l.problems.add(place{file, item.Line}, "a look-up named %q is there already", u.Name)
		}
		names = append(names, u.Name)
		list = append(list, u)
	}
	return list
}

func (l *loader) lookup(file string, n *yaml.Node) Lookup {
	u := Lookup{Line: n.Line, Timeout: 5 * time.Second, Cache: time.Hour, CacheNo: 5 * time.Minute}
	texts := map[string]*string{
		"name": &u.Name, "ldap": &u.LDAP, "base": &u.Base, "filter": &u.Filter, "user": &u.User,
		"password_file": &u.PasswordFile, "sql": &u.SQL, "query": &u.Query, "password_query": &u.PasswordQuery,
	}
	times := map[string]*time.Duration{"timeout": &u.Timeout, "cache": &u.Cache, "cache_no": &u.CacheNo}
	known := []string{"starttls"}
	for name := range texts {
		known = append(known, name)
	}
	for name := range times {
		known = append(known, name)
	}
	slices.Sort(known)
	for key, value := range l.pairs(file, "a look-up", n) {
		at := place{file, key.Line}
		switch {
		case texts[key.Value] != nil:
			*texts[key.Value] = l.text(at, key.Value, value)
		case times[key.Value] != nil:
			*times[key.Value] = convert(l, at, key.Value, value, ParseDuration)
		case key.Value == "starttls":
			u.StartTLS = convert(l, at, key.Value, value, parseBool)
		default:
			l.problems.add(at, "unknown key %q in a look-up%s", key.Value, pipeline.Suggest(key.Value, known))
		}
	}
	l.checkLookup(place{file, n.Line}, u)
	return u
}

func (l *loader) checkLookup(at place, u Lookup) {
	switch {
	case u.Name == "":
		l.problems.add(at, "a look-up needs a name")
	case (u.LDAP == "") == (u.SQL == ""):
		l.problems.add(at, "look-up %s: name one of ldap and sql", u.Name)
	case u.LDAP != "" && (u.Base == "" || u.Filter == ""):
		l.problems.add(at, "look-up %s: ldap needs base and filter", u.Name)
	case u.LDAP != "" && u.PasswordQuery != "":
		l.problems.add(at, "look-up %s: password_query is of sql; ldap knows passwords by itself", u.Name)
	case u.SQL != "" && u.Query == "":
		l.problems.add(at, "look-up %s: sql needs query", u.Name)
	case u.Timeout < 100*time.Millisecond || u.Timeout > time.Minute:
		l.problems.add(at, "look-up %s: timeout %v is not between 100ms and 1m", u.Name, u.Timeout)
	case u.Cache < 0 || u.CacheNo < 0 || u.Cache > 24*time.Hour || u.CacheNo > 24*time.Hour:
		l.problems.add(at, "look-up %s: cache and cache_no are between 0s and 24h", u.Name)
	}
}
