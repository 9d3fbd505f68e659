package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// With relay_inline what a customer's server says is what the client hears.
func TestRelayInline(t *testing.T) {
	t.Parallel()
	f := newFar(t, relayConfig+"relay_inline: true\n")
	f.say("refused", "550 5.7.1 we have fallen out with you")
	f.say("later", "450 4.2.1 the mailbox rests")
	t.Run("refused", func(t *testing.T) {
		sent := mailFrom(t, f.m, goodClient, sender, note("no", "x"), "refused@far.example")
		if !strings.HasPrefix(sent.rcpt[0], "250") || !strings.HasPrefix(sent.data, "550 5.7.1 ") || !strings.Contains(sent.data, "we have fallen out with you") {
			t.Errorf("got %+v", sent)
		}
		followed(t, f.m, refusedID(t, sent.data), "refused@far.example refused")
	})
	t.Run("taken", func(t *testing.T) {
		id := mailFrom(t, f.m, goodClient, sender, note("yes", "x"), "a@far.example", "b@far.example").id(t)
		followed(t, f.m, id, "a@far.example relayed", "b@far.example relayed") // before the answer
		landed(t, f.postfix, "yes", 2)
	})
	t.Run("one refused of two is reported", func(t *testing.T) {
		id := mailFrom(t, f.m, goodClient, reported, note("half", "x"), "a@far.example", "refused@far.example").id(t)
		settled(t, f.m, id)
		followed(t, f.m, id, "a@far.example relayed", "refused@far.example bounced")
		sees(t, "the report", f.report(t, "Undelivered / Non remis : refused@far.example"), "we have fallen out with you")
		landed(t, f.postfix, "half", 1)
	})
	t.Run("deferred is queued", func(t *testing.T) {
		id := mailFrom(t, f.m, goodClient, sender, note("later", "x"), "later@far.example").id(t)
		if len(queued(t, f.m, "--tx", id)) != 1 {
			t.Error("it is not in the queue")
		}
		f.say("later", "")
		settled(t, f.m, id)
		landed(t, f.postfix, "later", 1)
	})
	t.Run("with a mailbox here it is queued as ever", func(t *testing.T) {
		id := mailFrom(t, f.m, goodClient, reported, note("both", "x"), "ann@test.example", "refused@far.example").id(t)
		settled(t, f.m, id)
		followed(t, f.m, id, "ann@test.example delivered", "refused@far.example bounced")
	})
	t.Run("a server that is down", func(t *testing.T) {
		away(t, f.m, "down.example", freePort(t))
		id := mailFrom(t, f.m, goodClient, sender, note("down", "x"), "a@down.example").id(t)
		followed(t, f.m, id, "a@down.example queued")
	})
}

// Who does not exist on a customer's server is refused at RCPT, whoever knows that.
func TestRelayLookups(t *testing.T) {
	t.Parallel()
	people := filepath.Join(t.TempDir(), "people.db")
	if out, err := runs(t, "sqlite3", people, "CREATE TABLE people (address TEXT, hash TEXT); INSERT INTO people VALUES ('ann@sql.example', NULL), ('eve@people.example', '"+sqlHash+"')").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	directory, stop := slapd(t, "ann@ldap.example", "bob@people.example")
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFar(t, relayConfig+fmt.Sprintf(`
lookups:
  - {name: sql, sql: "%s", query: "SELECT 1 FROM people WHERE address = ?"}
  - {name: hashes, sql: "%[1]s", query: "SELECT 1 FROM people WHERE address = ?", password_query: "SELECT hash FROM people WHERE address = ?"}
  - {name: ldap, ldap: "ldap://%[2]s", base: "dc=example", filter: "(mail=%%s)", user: "cn=manager,dc=example", password_file: "%[3]s", cache: 0s, cache_no: 0s}
`, people, directory, secret))
	f.say("ann", "")
	f.say("*", "550 5.1.1 no such user")
	f.say("unsure", "450 4.3.2 ask again")
	run(t, f.m, "", "domain", "set", "far.example", "--lookup", "callout")
	away(t, f.m, "down.example", freePort(t))
	run(t, f.m, "", "domain", "set", "down.example", "--lookup", "callout")
	for _, name := range []string{"sql", "ldap"} {
		away(t, f.m, name+".example", f.wire.Addr)
		run(t, f.m, "", "domain", "set", name+".example", "--lookup", name)
	}
	ask := func(rcpt, want string) {
		t.Helper()
		p := connect(t, f.m, goodClient)
		p.want("250", p.say("MAIL FROM:<"+sender+">"))
		if got := p.say("RCPT TO:<" + rcpt + ">"); !strings.HasPrefix(got, want) {
			t.Errorf("RCPT TO:<%s>: got %q, want %s", rcpt, got, want)
		}
		p.say("QUIT")
	}
	ask("ann@far.example", "250")
	ask("nobody@far.example", "550 5.1.1")
	ask("unsure@far.example", "451 4.4.3")
	ask("ann@down.example", "451 4.4.3")
	ask("postmaster@far.example", "250") // which exists, whatever others say
	ask("ann@sql.example", "250")
	ask("Ann@SQL.example", "250")
	ask("nobody@sql.example", "550 5.1.1")
	ask("' OR 1=1 --@sql.example", "5")
	ask(`"' OR ''='"@sql.example`, "550 5.1.1")
	ask("ann@ldap.example", "250")
	ask("nobody@ldap.example", "550 5.1.1")
	ask("*@ldap.example", "550 5.1.1")

	// People log in by the passwords that it knows; nobody is offered a mechanism that those can't use.
	run(t, f.m, "", "domain", "add", "people.example")
	run(t, f.m, "", "mailbox", "add", "bob@people.example")
	login := func(password, want string) {
		t.Helper()
		if got := imapLogin(t, f.m.IMAP, "127.0.0.1", "bob@people.example", password); !strings.HasPrefix(got, want) {
			t.Errorf("log-in by %s: %s, want %s", password, got, want)
		}
	}
	login(ldapPassword, "NO [AUTHENTICATIONFAILED]")
	sees(t, "a look-up that knows none", fails(t, f.m, "domain", "set", "people.example", "--login", "sql"), "has no password_query")
	run(t, f.m, "", "domain", "set", "people.example", "--login", "hashes")
	login(ldapPassword, "NO [AUTHENTICATIONFAILED]")
	run(t, f.m, "", "mailbox", "add", "eve@people.example")
	for password, want := range map[string]string{sqlPassword: "OK", "kite": "NO [AUTHENTICATIONFAILED]"} {
		if got := imapLogin(t, f.m.IMAP, "127.0.0.1", "eve@people.example", password); !strings.HasPrefix(got, want) {
			t.Errorf("log-in by a hash, with %s: %s", password, got)
		}
	}
	run(t, f.m, "", "domain", "set", "people.example", "--login", "ldap")
	login(ldapPassword, "OK")
	login("wrong", "NO [AUTHENTICATIONFAILED]")
	if out, errs, code := f.m.Try("another password\n", "mailbox", "set", "bob@people.example", "--password-stdin"); code == 0 || !strings.Contains(errs, "kept by another directory") {
		t.Errorf("a password set here: %s%s", out, errs)
	}
	stop()
	login(ldapPassword, "OK") // for some minutes
	login("other", "NO [UNAVAILABLE]")
	_, says := get(t, f.m, "/readyz")
	sees(t, "health", says, "look-up ldap does not answer")
	ask("bob@ldap.example", "451 4.4.3")
	ask("ann@ldap.example", "250") // what was known is known still
	if n := len(f.wire.Passages()); n != 0 {
		t.Errorf("%d questions became messages", n)
	}
}

const ldapPassword = "kite-rope"

// sqlHash is sqlPassword's, by doveadm pw -s SHA512-CRYPT.
const (
	sqlPassword = "x"
	sqlHash     = "{SHA512-CRYPT}$6$lcV.7o4RkaRZjGXs$yAEaFXntgi41d1Z0epR7kkg6MStVgWX6oCZxoGwxmnjpmqHIGJooq5YjcMI5LLowYRaxD3gzJ2MJ9h1QyGqHU0"
)

// slapd starts an LDAP server that knows people by their addresses, all of one password, and returns
// where it listens and what stops it.
func slapd(t *testing.T, people ...string) (addr string, stop func()) {
	t.Helper()
	if _, err := os.Stat("/usr/sbin/slapd"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("Debian's package slapd is missing")
		}
		t.Skip("Debian's package slapd is missing")
	}
	dir, addr := t.TempDir(), freePort(t)
	config := "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\ninclude /etc/ldap/schema/inetorgperson.schema\n" +
		"modulepath /usr/lib/ldap\nmoduleload back_mdb\ndatabase mdb\nmaxsize 10485760\nsuffix dc=example\nrootdn cn=manager,dc=example\nrootpw \"open sesame\"\n" +
		"directory " + dir + "\naccess to * by anonymous auth by * none\n"
	if err := os.WriteFile(filepath.Join(dir, "slapd.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/sbin/slapd", "-f", filepath.Join(dir, "slapd.conf"), "-h", "ldap://"+addr, "-d", "0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	t.Cleanup(stop)
	var c *ldap.Conn
	until(t, 20*time.Second, "slapd answers", func() (ok bool) {
		var err error
		c, err = ldap.DialURL("ldap://" + addr)
		return err == nil
	})
	defer c.Close()
	if err := c.Bind("cn=manager,dc=example", "open sesame"); err != nil {
		t.Fatal(err)
	}
	add := func(name string, attributes map[string][]string) {
		r := ldap.NewAddRequest(name, nil)
		for k, v := range attributes {
			r.Attribute(k, v)
		}
		if err := c.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	add("dc=example", map[string][]string{"objectClass": {"dcObject", "organization"}, "o": {"x"}, "dc": {"example"}})
	for i, p := range people {
		add(fmt.Sprintf("cn=p%d,dc=example", i), map[string][]string{"objectClass": {"inetOrgPerson"}, "sn": {"x"}, "mail": {p}, "userPassword": {ldapPassword}})
	}
	return addr, stop
}
