package lookup

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatepost/internal/mail"
)

// An ldapDirectory answers by a search (RFC 4511 §4.5) that returns an entry where the
// recipient exists. A connection serves one question at a time; those that are not in
// use wait for the next one.
type ldapDirectory struct {
	source Source
	url    *url.URL
	idle   chan *ldap.Conn
}

// keepOpen is how many connections wait for the next question.
const keepOpen = 2

func newLDAP(s Source) (*ldapDirectory, error) {
	u, err := url.Parse(s.LDAP)
	if err != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" && u.Scheme != "ldapi" {
		return nil, fmt.Errorf("%q is not of the form ldap://host, ldaps://host or ldapi:///socket", s.LDAP)
	}
	if _, err := ldap.CompileFilter(fill(s.Filter, "a@b.example")); err != nil {
		return nil, fmt.Errorf("filter %s: %w", s.Filter, err)
	}
	if fill(s.Filter, "a@b.example") == fill(s.Filter, "x@y.example") {
		return nil, errors.New("the filter has neither %s (address) nor %u (local part)")
	}
	return &ldapDirectory{source: s, url: u, idle: make(chan *ldap.Conn, keepOpen)}, nil
}

// fill puts an address into a filter; what could mean something there is escaped
// (RFC 4515 §3).
func fill(filter string, rcpt mail.Path) string {
	return strings.NewReplacer(
		"%s", ldap.EscapeFilter(string(rcpt)), "%u", ldap.EscapeFilter(rcpt.Local()), "%d", ldap.EscapeFilter(rcpt.Domain()), "%%", "%",
	).Replace(filter)
}

func (d *ldapDirectory) ask(ctx context.Context, rcpt mail.Path) (exists bool, err error) {
	err = d.with(ctx, func(c *ldap.Conn) error {
		found, err := d.find(ctx, c, rcpt, 1)
		exists = len(found) > 0
		return err
	})
	return exists, err
}

// with searches by a connection that is open, or a new one.
func (d *ldapDirectory) with(ctx context.Context, search func(*ldap.Conn) error) error {
	for {
		c, used, err := d.connection(ctx)
		if err != nil {
			return err
		}
		err = search(c)
		if err == nil {
			d.keep(c)
			return nil
		}
		c.Close()
		if used && ldap.IsErrorWithCode(err, ldap.ErrorNetwork) && ctx.Err() == nil {
			continue // the server had closed it in the meantime; the idle ones run out
		}
		return fmt.Errorf("search below %s: %w", d.source.Base, err)
	}
}

// find returns the entries of an address, so many at most.
func (d *ldapDirectory) find(ctx context.Context, c *ldap.Conn, rcpt mail.Path, most int) ([]*ldap.Entry, error) {
	// The library waits for an answer without a context: closing ends the wait.
	defer context.AfterFunc(ctx, func() { c.Close() })()
	seconds := max(int(d.source.Timeout/time.Second), 1)
	found, err := c.Search(ldap.NewSearchRequest(d.source.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, most, seconds, false,
		fill(d.source.Filter, rcpt), []string{"1.1"}, nil))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded): // there are more
		if found == nil || len(found.Entries) < most {
			return make([]*ldap.Entry, most), nil
		}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	return found.Entries, nil
}

// connection returns one that is open; used: it has served before.
func (d *ldapDirectory) connection(ctx context.Context) (c *ldap.Conn, used bool, err error) {
	select {
	case c = <-d.idle:
		return c, true, nil
	default:
	}
	c, err = d.dial(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", d.url.Redacted(), err)
	}
	return c, false, nil
}

func (d *ldapDirectory) keep(c *ldap.Conn) {
	select {
	case d.idle <- c:
	default:
		c.Close()
	}
}

func (d *ldapDirectory) dial(ctx context.Context) (*ldap.Conn, error) {
	c, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if d.source.User != "" {
		if err := d.bind(c); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// open connects, and binds as nobody yet.
func (d *ldapDirectory) open(ctx context.Context) (*ldap.Conn, error) {
	limit := d.source.Timeout
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end))
	}
	security := &tls.Config{ServerName: d.url.Hostname(), MinVersion: tls.VersionTLS12}
	c, err := ldap.DialURL(d.source.LDAP, ldap.DialWithDialer(&net.Dialer{Timeout: limit}), ldap.DialWithTLSConfig(security))
	if err != nil {
		return nil, err
	}
	c.SetTimeout(limit)
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if d.source.StartTLS {
		if err := c.StartTLS(security); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// bind proves who we are. The file is read each time: a password may change.
func (d *ldapDirectory) bind(c *ldap.Conn) error {
	password, err := os.ReadFile(d.source.PasswordFile)
	if err != nil {
		return fmt.Errorf("password_file: %w", err)
	}
	secret := strings.TrimRight(string(password), "\r\n")
	if secret == "" { // it would bind as nobody (RFC 4513 §5.1.2)
		return fmt.Errorf("password_file %s is empty", d.source.PasswordFile)
	}
	return c.Bind(d.source.User, secret)
}

func (d *ldapDirectory) close() error {
	for {
		select {
		case c := <-d.idle:
			c.Close()
		default:
			return nil
		}
	}
}
