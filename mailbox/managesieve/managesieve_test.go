package managesieve_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/door/doortest"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/managesieve"
)

// start serves ann, whose box is 3, and bobby, whose box is 5.
func start(t *testing.T, change func(*managesieve.Server)) string {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := directory.New(t.Context(), directory.Config{Rows: db.Directory(), Entries: db.Directory()})
	if err == nil {
		_, err = dir.AddDomain(t.Context(), directory.Domain{Name: "example.org"})
	}
	for i := range 5 {
		if err == nil {
			_, err = dir.AddMailbox(t.Context(), directory.Mailbox{Address: mail.Path(fmt.Sprintf("box%d@example.org", i+1))}, "")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &managesieve.Server{
		Boxes: db.Mailboxes(), Scripts: db.Scripts(), Auth: doortest.Users{"ann": {"secret", "kite-rope"}, "bobby": {"secret"}},
		Log: slog.New(slog.DiscardHandler), Limits: managesieve.Limits{FailedLogin: time.Nanosecond},
	}
	if change != nil {
		change(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served, db.Close()); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// A client says lines and hears answers.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

// dial comes in and hears the capabilities.
func dial(t *testing.T, addr string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(2 * time.Minute))
	c := &client{t, nc, bufio.NewReader(nc)}
	c.until("greeting")
	return c
}

// until reads up to a status and returns all of it.
func (c *client) until(what string) string {
	c.t.Helper()
	var all strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("%s: %v behind %q", what, err, all.String())
		}
		all.WriteString(strings.TrimSuffix(line, "\r\n") + "\n")
		for _, status := range []string{"OK", "NO", "BYE"} {
			if strings.HasPrefix(line, status+" ") {
				return all.String()
			}
		}
	}
}

func (c *client) line() string {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return strings.TrimSuffix(line, "\r\n")
}

// say sends lines; want is the answer, of several lines where it has more.
func (c *client) say(said, want string) {
	c.t.Helper()
	io.WriteString(c, strings.ReplaceAll(said, "\n", "\r\n")+"\r\n")
	for i, w := range strings.Split(want, "\n") {
		if got := c.line(); got != w {
			c.t.Fatalf("%.200s\nline %d is %q, want %q", said, i, got, w)
		}
	}
}

const annIn = "AUTHENTICATE \"PLAIN\" \"AGFubgBzZWNyZXQ=\""

func in(t *testing.T, addr string) *client {
	t.Helper()
	c := dial(t, addr)
	c.say(annIn, `OK "Logged in"`)
	return c
}

// put is PUTSCRIPT with a literal.
func put(name, content string) string {
	content = strings.ReplaceAll(content, "\n", "\r\n")
	return fmt.Sprintf("PUTSCRIPT %q {%d+}\n%s", name, len(content), strings.ReplaceAll(content, "\r\n", "\n"))
}

// TestSession: RFC 5804, command by command.
func TestSession(t *testing.T) {
	c := dial(t, start(t, nil))
	for _, tt := range []struct{ say, want string }{
		{"LISTSCRIPTS", `NO "Log in first"`},
		{"STARTTLS", `NO "TLS is not offered"`},
		{`NOOP "STARTTLS-SYNC-42"`, `OK (TAG "STARTTLS-SYNC-42") "Here"`},
		{"NOOP {5+}\na\"b\\c", `OK (TAG "a\"b\\c") "Here"`},
		{"noop", `OK "Here"`},
		{annIn, `OK "Logged in"`},
		{annIn, `NO "Already logged in"`},
		{"LISTSCRIPTS", `OK "0 scripts"`},
		{`HAVESPACE "main" 262144`, `OK "There is room"`},
		{`HAVESPACE "main" 262145`, `NO (QUOTA/MAXSIZE) "A script has 262144 octets at most"`},
		{`HAVESPACE "" 1`, `NO "That is no name for a script"`},
		{`HAVESPACE "main"`, `NO "Wrong arguments"`},
		{`HAVESPACE "main" "1"`, `NO "Wrong arguments"`},
		{`GETSCRIPT "main"`, `NO (NONEXISTENT) "There is no script of that name"`},
		{`PUTSCRIPT "main" "keep;"`, `OK "Stored"`},
		{put("main", "require \"fileinto\";\nfileinto \"Ünter\";\n"), `OK "Stored"`},
		{`GETSCRIPT "main"`, "{41}\nrequire \"fileinto\";\nfileinto \"Ünter\";\n\nOK \"That is it\""},
		{put("broken", "keep;\nkep;\ndiscard \"x\";"), "NO {73}\nline 2: the command \"kep\" is not known\nline 3: discard takes no argument"},
		{`CHECKSCRIPT "kep;"`, `NO "line 1: the command \"kep\" is not known"`},
		{`CHECKSCRIPT "keep;"`, `OK "It can run"`},
		{put("", "keep;"), `NO "That is no name for a script"`},
		{put("with", "require \"include\";\ninclude \"other\";\ninclude :optional \"third\";"), `OK (WARNINGS) "there is no script \"other\" to include yet"`},
		{put("self", "require \"include\";\ninclude \"self\";"), `OK (WARNINGS) "the script includes itself, \"self\""`},
		{`DELETESCRIPT "self"`, `OK "Deleted"`},
		{`SETACTIVE "nobody"`, `NO (NONEXISTENT) "There is no script of that name"`},
		{`SETACTIVE "main"`, `OK "Done"`},
		{"LISTSCRIPTS", "\"main\" ACTIVE\n\"with\"\nOK \"2 scripts\""},
		{`DELETESCRIPT "main"`, `NO (ACTIVE) "The script is active: deactivate it first"`},
		{`RENAMESCRIPT "main" "with"`, `NO (ALREADYEXISTS) "There is a script of that name"`},
		{`RENAMESCRIPT "none" "new"`, `NO (NONEXISTENT) "There is no script of that name"`},
		{`RENAMESCRIPT "main" "Règles"`, `OK "Renamed"`},
		{"LISTSCRIPTS", "\"Règles\" ACTIVE\n\"with\"\nOK \"2 scripts\""},
		{`SETACTIVE ""`, `OK "Done"`},
		{`DELETESCRIPT "Règles"`, `OK "Deleted"`},
		{`DELETESCRIPT "Règles"`, `NO (NONEXISTENT) "There is no script of that name"`},
		{"UNAUTHENTICATE", `OK "Nobody is logged in"`},
		{"LISTSCRIPTS", `NO "Log in first"`},
		{`AUTHENTICATE "PLAIN" "AGJvYmJ5AHNlY3JldA=="`, `OK "Logged in"`},
		{"LISTSCRIPTS", `OK "0 scripts"`},
		{"LOGOUT", "OK \"Good-bye\"\n(EOF)"},
	} {
		c.say(tt.say, tt.want)
	}
}

// TestCapabilities: RFC 5804 §1.7.
func TestCapabilities(t *testing.T) {
	config := certificate(t)
	addr := start(t, func(s *managesieve.Server) { s.TLS = config })
	c := dial(t, addr)
	caps := func(say string) string {
		io.WriteString(c, say+"\r\n")
		return c.until(say)
	}
	has := func(got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, "\n"+w+"\n") {
				t.Errorf("%q has no %s", got, w)
			}
		}
	}
	got := caps("CAPABILITY")
	if !strings.HasPrefix(got, "\"IMPLEMENTATION\" \"gatepost\"\n\"SIEVE\" \"body comparator-") || strings.Contains(got, "NOTIFY") || strings.Contains(got, "OWNER") {
		t.Errorf("capabilities: %q", got)
	}
	has(got, `"SASL" "SCRAM-SHA-256 PLAIN"`, `"STARTTLS"`, `"VERSION" "1.0"`, `"MAXREDIRECTS" "4"`, `"LANGUAGE" "en"`)
	c.say("STARTTLS", `OK "Begin TLS negotiation now"`)
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	c.Conn, c.r = secure, bufio.NewReader(secure)
	got = c.until("after the handshake") // told without having been asked
	has(got, `"SASL" "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN"`, `OK "TLS is in use"`)
	if strings.Contains(got, "STARTTLS") {
		t.Errorf("TLS is offered twice: %q", got)
	}
	c.say(annIn, `OK "Logged in"`)
	has(caps("CAPABILITY"), `"OWNER" "ann"`, `"SASL" ""`, `"UNAUTHENTICATE"`)
}

// TestLogin: who may come in, and what the others hear (RFC 5804 §2.1).
func TestLogin(t *testing.T) {
	addr := start(t, nil)
	c := dial(t, addr)
	c.say(`AUTHENTICATE "GSSAPI"`, `NO "There is no such mechanism"`)
	c.say(`AUTHENTICATE "PLAIN"`, `""`)
	c.say(`"*"`, `NO "Cancelled"`)
	c.say(`AUTHENTICATE "PLAIN"`, `""`)
	c.say("{16+}\nAGFubgBzZWNyZXQ=", `OK "Logged in"`)
	c = dial(t, addr)
	c.say(`AUTHENTICATE "PLAIN" "?"`, `NO "The response can't be read"`)
	c.say(`AUTHENTICATE "PLAIN" "Ym9iYnkAYW5uAHNlY3JldA=="`, `NO "Acting for somebody else is not allowed"`)
	c.say(`AUTHENTICATE "PLAIN" "AGxhdGVyAHg="`, `NO (TRYLATER) "Can't log in now, try later"`)
	c.say(`AUTHENTICATE "PLAIN" "AGJyb2tlbgB4"`, `NO (TRYLATER) "Not possible now, try later"`)
	c.say(`AUTHENTICATE "PLAIN" "AHNodXQAeA=="`, `NO "This service is not open to the mailbox, ask your administrator"`)
	for range 2 {
		c.say(`AUTHENTICATE "PLAIN" "AGFubgB4"`, `NO "Wrong user or password"`)
	}
	c.say(`AUTHENTICATE "PLAIN" "AGFubgB4"`, "NO \"Wrong user or password\"\n(EOF)")
}

// TestPerLogin: a mailbox has so many connections, and who is nobody any more gives his place back.
func TestPerLogin(t *testing.T) {
	const ann, bobby = `AUTHENTICATE "PLAIN" "AGFubgBzZWNyZXQ="`, `AUTHENTICATE "PLAIN" "AGJvYmJ5AHNlY3JldA=="`
	addr := start(t, func(s *managesieve.Server) { s.Limits.PerLogin = 1 })
	first, second := dial(t, addr), dial(t, addr)
	first.say(ann, `OK "Logged in"`)
	second.say(ann, `NO (TRYLATER) "Too many connections of this user"`)
	second.say("LISTSCRIPTS", `NO "Log in first"`)
	first.say("UNAUTHENTICATE", `OK "Nobody is logged in"`)
	second.say(ann, `OK "Logged in"`)
	first.say(bobby, `OK "Logged in"`)
	second.say(`LOGOUT`, "OK \"Good-bye\"\n(EOF)")
}

// TestSCRAM: the server's proof comes with the OK (RFC 5804 §2.1).
func TestSCRAM(t *testing.T) {
	addr := start(t, nil)
	for password, want := range map[string]string{"secret": `OK (SASL "`, "kite-rope": `OK (SASL "`, "Secret": "NO \"Wrong user or password\"\n"} {
		c := dial(t, addr)
		s := doortest.Client{User: "ann", Password: password}
		fmt.Fprintf(c, "AUTHENTICATE \"SCRAM-SHA-256\" %q\r\n", s.First())
		final, err := s.Final(strings.Trim(c.line(), `"`))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "%q\r\n", final)
		got := c.until("SCRAM")
		proof, ok := strings.CutPrefix(got, want)
		if !ok {
			t.Errorf("%s: got %q, want %q", password, got, want)
		} else if proof, _, _ = strings.Cut(proof, `"`); strings.HasPrefix(want, "OK") {
			if err := s.Check(proof); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestBearer: RFC 7628. The error is told, and then fails as a wrong password does.
func TestBearer(t *testing.T) {
	addr := start(t, func(s *managesieve.Server) { s.Auth = doortest.Users{"ann": {"secret"}, "tokens": {}} })
	c := dial(t, addr)
	shown := func(user, token string) string {
		return `AUTHENTICATE "OAUTHBEARER" "` + doortest.Shown(user, token) + `"`
	}
	c.say(shown("ann", "wrong"), `"`+doortest.Told+`"`)
	c.say(`"`+doortest.Heard+`"`, `NO "Wrong user or password"`)
	c.say(shown("later", "x"), `NO (TRYLATER) "Can't log in now, try later"`)
	c.say(shown("broken", "x"), `NO (TRYLATER) "Not possible now, try later"`)
	long := doortest.Shown("ann", strings.Repeat("long", 2000))
	c.say(fmt.Sprintf("AUTHENTICATE \"OAUTHBEARER\" {%d+}\n%s", len(long), long), `"`+doortest.Told+`"`)
	c.say(`"*"`, `NO "Wrong user or password"`)
	c.say(shown("ann", "secret"), `OK "Logged in"`)
}

// TestPrivacy: a strange address is asked to use TLS before it says a password.
func TestPrivacy(t *testing.T) {
	config := certificate(t)
	addr := start(t, func(s *managesieve.Server) {
		s.TLS, s.ProxyTrusted = config, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(2 * time.Minute))
	io.WriteString(nc, "PROXY TCP4 192.0.2.7 192.0.2.1 4711 4190\r\n")
	c := &client{t, nc, bufio.NewReader(nc)}
	if caps := c.until("greeting"); !strings.Contains(caps, "\n\"SASL\" \"\"\n") {
		t.Errorf("capabilities: %q", caps)
	}
	c.say(annIn, `NO (ENCRYPT-NEEDED) "Use TLS first"`)
	c.say("STARTTLS\nNOOP", "NO \"Nothing may follow STARTTLS\"\n(EOF)")
}

// TestInStep: what is in a command that can't be read is never taken for a command.
func TestInStep(t *testing.T) {
	addr := start(t, nil)
	c := in(t, addr)
	for _, tt := range []struct{ say, want string }{
		{"PUTSCRIPT bare {9+}\nLOGOUT\n1", `NO "An argument is a string or a number"`},
		{"PUTSCRIPT \"a\" \"b\" \"c\" \"d\" {9+}\nLOGOUT\n2", `NO "Too many arguments"`},
		{"PUTSCRIPT \"a\\n\" {9+}\nLOGOUT\n3", `NO "Only quotes and backslashes are escaped"`},
		{"PUTSCRIPT \"" + strings.Repeat("a", 1025) + "\" {9+}\nLOGOUT\n4", `NO "A quoted string has 1024 octets at most; use a literal"`},
		{"PUTSCRIPT \"open", `NO "A quoted string ends on its line"`},
		{"PUTSCRIPT \"a\" {5}", `NO "A literal is written {n+}"`},
		{"PUTSCRIPT \"a\"  \"b\"", `NO "An argument is a string or a number"`},
		{"PUTSCRIPT\t\"a\"", `NO "A space or the end of the line is missing"`},
		{"HAVESPACE \"a\" 99999999999", `NO "A number has 32 bits"`},
	} {
		c.say(tt.say, tt.want)
		c.say(`NOOP "x"`, `OK (TAG "x") "Here"`)
	}
	big := strings.Repeat("LOGOUT\n", 1<<20/8+1)
	c.say(fmt.Sprintf("PUTSCRIPT \"a\" {%d+}\n%s", len(strings.ReplaceAll(big, "\n", "\r\n")), big), `NO (QUOTA/MAXSIZE) "A string has 1048576 octets at most"`)
	c.say("PUTSCRIPT \"a\" {4294967295+}", "BYE \"That is too long\"\n(EOF)")
	c = dial(t, addr)
	c.say("NOOP {16385+}\n"+strings.Repeat("x", 16385), `NO (QUOTA/MAXSIZE) "A string has 16384 octets at most"`)
	c = dial(t, addr)
	for range 9 {
		c.say("XYZ", `NO "Unknown command"`)
	}
	c.say("123", "NO \"That is no command\"\nBYE \"Too many commands that are wrong\"\n(EOF)")
}

// TestQuota: which of the bounds it is (RFC 5804 §1.3).
func TestQuota(t *testing.T) {
	c := in(t, start(t, nil))
	quarter := "#" + strings.Repeat("x", mailbox.MaxScript/4-1)
	for _, name := range []string{"a", "b", "b2", "b3"} {
		c.say(put(name, quarter), `OK "Stored"`)
	}
	c.say(put("a", quarter+"x"), `NO "line 1: the script has 262145 octets; 262144 are allowed"`)
	c.say(`PUTSCRIPT "c" "keep;"`, `NO (QUOTA/MAXSIZE) "Scripts have 1048576 octets in all at most"`)
	c.say(`HAVESPACE "c" 1`, `NO (QUOTA/MAXSIZE) "Scripts have 1048576 octets in all at most"`)
	c.say(`PUTSCRIPT "a" ""`, `OK "Stored"`)
	for i := range mailbox.MaxScripts - 4 {
		c.say(fmt.Sprintf(`PUTSCRIPT "s%d" "keep;"`, i), `OK "Stored"`)
	}
	c.say(`PUTSCRIPT "c" "keep;"`, `NO (QUOTA/MAXSCRIPTS) "There are 64 scripts at most"`)
	c.say(`HAVESPACE "c" 1`, `NO (QUOTA/MAXSCRIPTS) "There are 64 scripts at most"`)
	c.say(`PUTSCRIPT "b" "keep;"`, `OK "Stored"`)
}

// TestShutdown: who is connected hears of it.
func TestShutdown(t *testing.T) {
	var s *managesieve.Server
	c := in(t, start(t, func(x *managesieve.Server) { s = x }))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if got := c.line(); got != `BYE (TRYLATER) "Shutting down"` {
		t.Errorf("got %q", got)
	}
}

func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// TestExpired: who has another password since hears that, and not that he may come again later.
func TestExpired(t *testing.T) {
	var over atomic.Bool
	c := in(t, start(t, func(s *managesieve.Server) {
		s.Ended = func() func(int64, []uint64) bool { return func(int64, []uint64) bool { return over.Load() } }
	}))
	over.Store(true)
	if got := c.line(); got != `BYE "Log in again: the password is another one, or the mailbox is not served here any more"` {
		t.Errorf("got %q", got)
	}
}
