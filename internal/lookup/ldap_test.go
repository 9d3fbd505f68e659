package lookup

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"gatepost/internal/mail"
	"gatepost/test/vacant"
)

// slapd is a private OpenLDAP server with two people.
type slapd struct {
	dir  string
	addr string
	cmd  *exec.Cmd
}

const (
	base    = "dc=a,dc=example"
	manager = "cn=manager," + base
	secret  = "open sesame"
)

func startSlapd(t *testing.T) *slapd {
	t.Helper()
	if _, err := os.Stat("/usr/sbin/slapd"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("Debian's package slapd is missing")
		}
		t.Skip("Debian's package slapd is missing")
	}
	s := &slapd{dir: t.TempDir()}
	config := fmt.Sprintf(`include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/pid
database mdb
maxsize 10485760
suffix "%[2]s"
rootdn "%[3]s"
rootpw "%[4]s"
directory %[1]s
access to * by dn="%[3]s" read by anonymous auth by * none
`, s.dir, base, manager, secret)
	if err := os.WriteFile(filepath.Join(s.dir, "slapd.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.addr, err = vacant.Addr(); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	t.Cleanup(s.stop)
	s.fill(t)
	return s
}

func (s *slapd) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command("/usr/sbin/slapd", "-f", filepath.Join(s.dir, "slapd.conf"), "-h", "ldap://"+s.addr+" ldapi://"+strings.ReplaceAll(s.dir+"/socket", "/", "%2f"), "-d", "0")
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", s.addr); err == nil {
			c.Close()
			return
		}
	}
	t.Fatal("slapd does not answer")
}

func (s *slapd) stop() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

func (s *slapd) fill(t *testing.T) {
	t.Helper()
	top := ldap.NewAddRequest(base, nil)
	top.Attribute("objectClass", []string{"dcObject", "organization"})
	top.Attribute("o", []string{"a"})
	top.Attribute("dc", []string{"a"})
	s.add(t, top)
	for name, addresses := range map[string][]string{"ann": {"ann@a.example", "anna@a.example"}, "star": {"a*b@a.example"}, "twin": {"ann@a.example"}} {
		s.person(t, name, "", addresses...)
	}
}

// add adds an entry as the manager.
func (s *slapd) add(t *testing.T, entry *ldap.AddRequest) {
	t.Helper()
	c, err := ldap.DialURL("ldap://" + s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(manager, secret); err != nil {
		t.Fatal(err)
	}
	if err := c.Add(entry); err != nil {
		t.Fatal(err)
	}
}

// person adds somebody with a password; "": without.
func (s *slapd) person(t *testing.T, name, password string, addresses ...string) {
	t.Helper()
	p := ldap.NewAddRequest("cn="+name+","+base, nil)
	p.Attribute("objectClass", []string{"inetOrgPerson"})
	p.Attribute("sn", []string{name})
	p.Attribute("mail", addresses)
	if password != "" {
		p.Attribute("userPassword", []string{password})
	}
	s.add(t, p)
}

func (s *slapd) source(t *testing.T, change func(*Source)) *Lookups {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	src := people(Source{LDAP: "ldap://" + s.addr, Base: base, Filter: "(mail=%s)", User: manager, PasswordFile: file})
	if change != nil {
		change(&src)
	}
	l, err := New(Config{Sources: []Source{src}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestLDAP(t *testing.T) {
	s := startSlapd(t)
	want := map[mail.Path]bool{
		"ann@a.example": true, "anna@a.example": true, "bob@a.example": false, "a*b@a.example": true,
		"*@a.example": false, "a*@a.example": false, `")(cn=*"@a.example`: false, // no pattern, no filter of a stranger's
	}
	exists(t, s.source(t, nil), want)
	exists(t, s.source(t, func(src *Source) { src.LDAP = "ldapi://" + s.dir + "/socket" }), want)
	exists(t, s.source(t, func(src *Source) { src.Filter = "(&(objectClass=person)(cn=%u))" }),
		map[mail.Path]bool{"ann@elsewhere.example": true, "anna@elsewhere.example": false})
}

// Wrong credentials and a server that is away are nobody's "does not exist".
func TestLDAPFails(t *testing.T) {
	s := startSlapd(t)
	wrong := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(wrong, []byte("guess"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Source){
		"password":    func(src *Source) { src.PasswordFile = wrong },
		"empty":       func(src *Source) { src.PasswordFile = empty },
		"no file":     func(src *Source) { src.PasswordFile = wrong + ".not" },
		"base":        func(src *Source) { src.Base = "dc=b,dc=example" },
		"no starttls": func(src *Source) { src.StartTLS = true },
		"away":        func(src *Source) { src.LDAP = "ldap://127.0.0.1:1" },
	} {
		if got, err := s.source(t, change).Exists(t.Context(), "people", "ann@a.example"); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

// A server that was started anew is asked again over a new connection.
func TestLDAPReconnects(t *testing.T) {
	s := startSlapd(t)
	l := s.source(t, nil)
	exists(t, l, map[mail.Path]bool{"ann@a.example": true})
	s.stop()
	s.start(t)
	exists(t, l, map[mail.Path]bool{"anna@a.example": true})
}

func TestLDAPRefused(t *testing.T) {
	for _, src := range []Source{
		{LDAP: "http://127.0.0.1", Base: base, Filter: "(mail=%s)"},
		{LDAP: "ldap://127.0.0.1", Base: base, Filter: "(mail=%s"},
		{LDAP: "ldap://127.0.0.1", Base: base, Filter: "(mail=*)"},
	} {
		if _, err := New(Config{Sources: []Source{people(src)}}); err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("%+v was taken", src)
		}
	}
}
