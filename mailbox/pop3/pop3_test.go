package pop3_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/door"
	"gatepost/internal/door/doortest"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/pop3"
	"gatepost/test/fresh"
)

// bodies keeps contents in memory.
type bodies struct {
	mu  sync.Mutex
	all map[blob.ID][]byte
}

func (b *bodies) Open(_ context.Context, id blob.ID) (blob.Content, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	content, ok := b.all[id]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", id, blob.ErrNotFound)
	}
	return memory{bytes.NewReader(content)}, nil
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// users know one password: "secret word".
type users map[string]int64

func (u users) Login(_ context.Context, user, password string, _ netip.Addr) (int64, string, error) {
	box, ok := u[user]
	switch {
	case user == "later":
		return 0, "", door.ErrLater
	case user == "shut":
		return 0, "", door.ErrShut
	case user == "broken":
		return 0, "", errors.New("no database")
	case !ok || password != "secret word":
		return 0, "", door.ErrLogin
	}
	return box, user, nil
}

type server struct {
	*pop3.Server
	addr   string
	db     *store.DB
	bodies *bodies
}

func start(t *testing.T, change func(*pop3.Server)) *server {
	t.Helper()
	db, err := store.Open(t.Context(), fresh.In(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	b := &bodies{all: map[blob.ID][]byte{}}
	s := &server{Server: &pop3.Server{
		Store: db.Mailboxes(), Bodies: b, Auth: users{"ann": 1, "bob": 2}, Changes: &mailbox.Changes{}, Log: slog.New(slog.DiscardHandler),
		Limits: pop3.Limits{FailedLogin: time.Nanosecond},
	}, db: db, bodies: b}
	if change != nil {
		change(s.Server)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served, db.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// deliver puts a message into ann's inbox.
func (s *server) deliver(t *testing.T, content string) {
	t.Helper()
	if err := s.Store.OpenBox(t.Context(), 1, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	content = strings.ReplaceAll(content, "\n", "\r\n")
	id := blob.ID(fmt.Sprintf("b%d", len(s.bodies.all)))
	s.bodies.all[id] = []byte(content)
	d := mailbox.Prepare(1, "", mail.NewMessage([]byte(content)), time.Now())
	d.Blob = string(id)
	if err := s.Store.Deliver(t.Context(), &d); err != nil {
		t.Fatal(err)
	}
}

// A client says lines and hears answers.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, s *server) *client {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(2 * time.Minute))
	c := &client{t, nc, bufio.NewReader(nc)}
	if got := c.line(); got != "+OK gatepost ready" {
		t.Fatalf("greeting %q", got)
	}
	return c
}

func (c *client) line() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return strings.TrimSuffix(line, "\r\n")
}

// say sends a line; want is the answer, of several lines where it has more.
func (c *client) say(line, want string) {
	c.t.Helper()
	io.WriteString(c, line+"\r\n")
	c.hear(line, want)
}

func (c *client) hear(line, want string) {
	c.t.Helper()
	for i, w := range strings.Split(want, "\n") {
		if got := c.line(); got != w {
			c.t.Fatalf("%s: line %d is %q, want %q", line, i, got, w)
		}
	}
}

func in(t *testing.T, s *server) *client {
	t.Helper()
	c := dial(t, s)
	c.say("USER ann", "+OK Send PASS")
	io.WriteString(c, "PASS secret word\r\n")
	if got := c.line(); !strings.HasPrefix(got, "+OK ") {
		t.Fatalf("PASS: %q", got)
	}
	return c
}

const first, second = "Subject: one\n\nhello\n.\n..dots\n", "Subject: two\nX: y\n\n1\n2\n3"

// TestSession: RFC 1939, command by command.
func TestSession(t *testing.T) {
	s := start(t, nil)
	s.deliver(t, first)
	s.deliver(t, second)
	c := in(t, s)
	validity := func() uint32 {
		f, err := s.Store.Folder(t.Context(), 1, "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		return f.UIDValidity
	}()
	for _, tt := range []struct{ say, want string }{
		{"STAT", "+OK 2 63"},
		{"LIST", "+OK 2 messages (63 octets)\n1 34\n2 29\n."},
		{"list 2", "+OK 2 29"},
		{"LIST 3", "-ERR No such message"},
		{"LIST x", "-ERR No such message"},
		{"UIDL", fmt.Sprintf("+OK 2 messages (63 octets)\n1 %d.1\n2 %d.2\n.", validity, validity)},
		{"UIDL 1", fmt.Sprintf("+OK 1 %d.1", validity)},
		{"RETR 1", "+OK 34 octets\nSubject: one\n\nhello\n..\n...dots\n."},
		{"RETR 2", "+OK 29 octets\nSubject: two\nX: y\n\n1\n2\n3\n."},
		{"TOP 2 0", "+OK 29 octets\nSubject: two\nX: y\n\n."},
		{"TOP 2 2", "+OK 29 octets\nSubject: two\nX: y\n\n1\n2\n."},
		{"TOP 2 99", "+OK 29 octets\nSubject: two\nX: y\n\n1\n2\n3\n."},
		{"TOP 2", "-ERR TOP needs a message and a number of lines"},
		{"TOP 9 1", "-ERR No such message"},
		{"DELE 1", "+OK Message 1 is deleted"},
		{"DELE 1", "-ERR That message is marked as deleted"},
		{"RETR 1", "-ERR That message is marked as deleted"},
		{"STAT", "+OK 1 29"},
		{"LIST", "+OK 1 messages (29 octets)\n2 29\n."},
		{"RSET", "+OK Nothing is marked"},
		{"STAT", "+OK 2 63"},
		{"NOOP", "+OK Here"},
		{"USER ann", "-ERR Already logged in"},
		{"XYZ", "-ERR Unknown command"},
		{"DELE 2", "+OK Message 2 is deleted"},
		{"QUIT", "+OK Good-bye\n(EOF)"},
	} {
		c.say(tt.say, tt.want)
	}
	c = in(t, s)
	c.say("UIDL", fmt.Sprintf("+OK 1 messages (34 octets)\n1 %d.1\n.", validity))
	f, err := s.Store.Folder(t.Context(), 1, "INBOX")
	if err != nil || f.Messages != 1 || f.Unseen != 0 {
		t.Errorf("the inbox has %d messages, %d unseen, %v; want 1, 0", f.Messages, f.Unseen, err)
	}
}

// TestLogin: who may come in, and what the others hear.
func TestLogin(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	c.say("STAT", "-ERR Log in first")
	c.say("USER ann", "+OK Send PASS")
	c.say("PASS wrong", "-ERR [AUTH] Wrong user or password")
	c.say("PASS secret word", "-ERR USER first")
	c.say("USER later", "+OK Send PASS")
	c.say("PASS x", "-ERR [SYS/TEMP] Can't log in now, try later")
	c.say("USER shut", "+OK Send PASS")
	c.say("PASS x", "-ERR [AUTH] This service is not open to the mailbox, ask your administrator")
	c.say("USER broken", "+OK Send PASS")
	c.say("PASS x", "-ERR [SYS/TEMP] Not possible now, try later")
	c.say("AUTH", "+OK Mechanisms\nPLAIN\n.")
	c.say("AUTH CRAM-MD5", "-ERR There is no such mechanism")
	c.say("AUTH PLAIN", "+ ")
	c.say("*", "-ERR Cancelled")
	c.say("AUTH PLAIN xyz", "-ERR The response can't be read, or asks for another identity")
	c.say("AUTH PLAIN", "+ ")
	c.say("AGFubgBzZWNyZXQgd29yZA==", "+OK 0 messages")
	c = dial(t, s)
	c.say("CAPA", "+OK Capabilities\nTOP\nUIDL\nPIPELINING\nRESP-CODES\nAUTH-RESP-CODE\nEXPIRE NEVER\nUTF8 USER\nUSER\nSASL PLAIN\nIMPLEMENTATION gatepost\n.")
	c.say("STLS", "-ERR TLS is not offered")
	c = dial(t, s)
	for range 4 {
		c.say("AUTH PLAIN AHgAeQ==", "-ERR [AUTH] Wrong user or password")
	}
	c.say("AUTH PLAIN AHgAeQ==", "-ERR [AUTH] Wrong user or password\n(EOF)")
}

// TestSCRAM: RFC 5034 §4. What the server proves is a challenge that is answered with nothing.
func TestSCRAM(t *testing.T) {
	s := start(t, func(s *pop3.Server) { s.Auth = doortest.Users{"ann": {"secret", "kite-rope"}} })
	for _, tt := range []struct{ password, want string }{{"secret", "+OK 0 messages"}, {"kite-rope", "+OK 0 messages"}, {"Secret", "-ERR [AUTH] Wrong user or password"}} {
		c := dial(t, s)
		proof := doortest.Client{User: "ann", Password: tt.password}
		io.WriteString(c, "AUTH SCRAM-SHA-256 "+proof.First()+"\r\n")
		final, err := proof.Final(strings.TrimPrefix(c.line(), "+ "))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, final+"\r\n")
		got := c.line()
		if said, ok := strings.CutPrefix(got, "+ "); ok {
			if err := proof.Check(said); err != nil {
				t.Error(err)
			}
			io.WriteString(c, "\r\n")
			got = c.line()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.password, got, tt.want)
		}
	}
	c := dial(t, s)
	c.say("AUTH", "+OK Mechanisms\nSCRAM-SHA-256\nPLAIN\n.")
}

// TestBearer: RFC 7628 by RFC 5034. The error is told, and then fails as a wrong password does.
func TestBearer(t *testing.T) {
	s := start(t, func(s *pop3.Server) { s.Auth = doortest.Users{"ann": {"secret"}, "tokens": {}} })
	c := dial(t, s)
	c.say("AUTH", "+OK Mechanisms\nSCRAM-SHA-256\nOAUTHBEARER\nXOAUTH2\nPLAIN\n.")
	c.say("AUTH OAUTHBEARER", "+ ")
	c.say(doortest.Shown("ann", "wrong"), "+ "+doortest.Told)
	c.say(doortest.Heard, "-ERR [AUTH] Wrong user or password")
	c.say("AUTH OAUTHBEARER "+doortest.Shown("later", "x"), "-ERR [SYS/TEMP] Can't log in now, try later")
	c.say("AUTH OAUTHBEARER "+doortest.Shown("broken", "x"), "-ERR [SYS/TEMP] Not possible now, try later")
	c.say("AUTH OAUTHBEARER", "+ ")
	c.say(doortest.Shown("ann", strings.Repeat("long", 2000)), "+ "+doortest.Told)
	c.say("*", "-ERR [AUTH] Wrong user or password")
	c.say("AUTH OAUTHBEARER "+doortest.Shown("ann", strings.Repeat("long", 2000)), "+ "+doortest.Told) // also in the command
	c.say("*", "-ERR [AUTH] Wrong user or password")
	c.say("AUTH OAUTHBEARER "+doortest.Shown("ann", "secret"), "+OK 0 messages")
}

// TestLongLine: who says more than a command can have hears why the connection ends.
func TestLongLine(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	c.say(strings.Repeat("x", 12_400), "-ERR Line too long\n(EOF)")
	c = in(t, s)
	c.say(strings.Repeat("x", 600), "-ERR Line too long\n(EOF)")
}

// TestTwoSessions: both see the inbox as it was, nobody is locked out, and neither is misled.
func TestTwoSessions(t *testing.T) {
	s := start(t, nil)
	s.deliver(t, first)
	s.deliver(t, second)
	a, b := in(t, s), in(t, s)
	a.say("DELE 1", "+OK Message 1 is deleted")
	b.say("STAT", "+OK 2 63")
	b.say("DELE 1", "+OK Message 1 is deleted")
	a.say("QUIT", "+OK Good-bye")
	s.deliver(t, "Subject: three\n\n")
	b.say("STAT", "+OK 1 29")
	b.say("RSET", "+OK Nothing is marked")
	b.say("RETR 1", "-ERR That message was removed by another session")
	b.say("RETR 2", "+OK 29 octets\nSubject: two\nX: y\n\n1\n2\n3\n.")
	b.say("DELE 1", "+OK Message 1 is deleted")
	b.say("QUIT", "+OK Good-bye")
	in(t, s).say("LIST", "+OK 2 messages (47 octets)\n1 29\n2 18\n.")
}

// TestPipelining: RFC 2449 §6.6. And what is not said QUIT to deletes nothing.
func TestPipelining(t *testing.T) {
	s := start(t, nil)
	s.deliver(t, first)
	c := dial(t, s)
	io.WriteString(c, "USER ann\r\nPASS secret word\r\nSTAT\r\nDELE 1\r\nNOOP\r\n")
	c.hear("all", "+OK Send PASS\n+OK 1 messages\n+OK 1 34\n+OK Message 1 is deleted\n+OK Here")
	c.Close()
	in(t, s).say("STAT", "+OK 1 34")
}

// TestUnreadable: a message whose octets can't be had is an error, and the next one is served.
func TestUnreadable(t *testing.T) {
	s := start(t, nil)
	s.deliver(t, first)
	s.deliver(t, second)
	delete(s.bodies.all, "b0")
	c := in(t, s)
	c.say("RETR 1", "-ERR [SYS/TEMP] Not possible now, try later")
	c.say("TOP 2 0", "+OK 29 octets\nSubject: two\nX: y\n\n.")
}

// TestManyMessages: more than one read of rows, and a bound.
func TestManyMessages(t *testing.T) {
	s := start(t, func(s *pop3.Server) { s.Limits.Messages = 700 })
	for range 720 {
		s.deliver(t, "Subject: x\n\n")
	}
	in(t, s).say("STAT", "+OK 700 9800")
}

// TestShutdown: a session that waits hears why it ends.
func TestShutdown(t *testing.T) {
	s := start(t, nil)
	c := in(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	c.hear("shutdown", "-ERR [SYS/TEMP] Shutting down\n(EOF)")
}

// TestExpired: a session whose password is another one hears that, and not that it may come again later.
func TestExpired(t *testing.T) {
	var over atomic.Bool
	s := start(t, func(s *pop3.Server) {
		s.Ended = func() func(int64, []uint64) bool { return func(int64, []uint64) bool { return over.Load() } }
	})
	c := in(t, s)
	c.say("NOOP", "+OK Here")
	over.Store(true)
	c.hear("expired", "-ERR [AUTH] Log in again: the password is another one, or the mailbox is not served here any more\n(EOF)")
}
