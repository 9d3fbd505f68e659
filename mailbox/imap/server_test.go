package imap_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

func login(t testing.TB, s *server) *client {
	t.Helper()
	c := s.dial(t)
	c.must("LOGIN ann@example.org secret")
	return c
}

func last(lines []string) string { return lines[len(lines)-1] }

func wantPrefix(t testing.TB, what, got, want string) {
	t.Helper()
	if !strings.HasPrefix(got, want) {
		t.Errorf("%s: got %q, want %q...", what, got, want)
	}
}

// Many commands in one segment are answered in order.
func TestPipelining(t *testing.T) {
	c := login(t, start(t))
	c.send("a1 APPEND INBOX {5+}\r\nhello\r\na2 SELECT INBOX\r\na3 FETCH 1 BODY[]\r\na4 NOPE\r\na5 NOOP")
	var tagged []string
	for len(tagged) < 5 {
		if line := c.line(); line[0] == 'a' {
			tagged = append(tagged, line[:5])
		}
	}
	if got, want := strings.Join(tagged, ","), "a1 OK,a2 OK,a3 OK,a4 BA,a5 OK"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A message beyond what is kept in memory goes through a file, and comes back.
func TestAppendLarge(t *testing.T) {
	s := start(t)
	c := login(t, s)
	text := "Subject: big\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 10_000)
	c.send(fmt.Sprintf("a1 APPEND {5+}\r\nINBOX (\\Seen) {%d}", len(text)))
	wantPrefix(t, "literal", c.line(), "+ ")
	c.send(text)
	wantPrefix(t, "append", c.line(), "a1 OK [APPENDUID ")
	c.must("SELECT INBOX")
	c.send("a2 FETCH 1 (RFC822.SIZE BODY[])")
	wantPrefix(t, "fetch", c.line(), fmt.Sprintf("* 1 FETCH (RFC822.SIZE %d BODY[] {%d}", len(text), len(text)))
	got := make([]byte, len(text))
	for n := 0; n < len(got); {
		m, err := c.r.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if string(got) != text {
		t.Error("the message came back changed")
	}
}

// What is too big is read to its end, so that nothing in it is taken for a command.
func TestTooBigKeepsInStep(t *testing.T) {
	tests := map[string]struct{ send, want string }{
		"line":                        {"a1 NOOP " + strings.Repeat("x", 100_000), "a1 BAD [TOOBIG]"},
		"line with literal":           {"a1 NOOP " + strings.Repeat("x", 100_000) + " {9+}\r\nz9 LOGOUT\r\n tail", "a1 BAD [TOOBIG]"},
		"literal":                     {"a1 SELECT {70000+}\r\n" + strings.Repeat("z9 LOGOUT\r\n\r\n", 70_000/13)[:69_992] + "xxxxxxxx", "a1 BAD [TOOBIG]"},
		"message":                     {"a1 APPEND INBOX {200001+}\r\n" + strings.Repeat("z9 LOGOUT\r\n", 20_000)[:200_001], "a1 NO [TOOBIG]"},
		"second literal after it":     {"a1 SELECT {70000+}\r\n" + strings.Repeat("z", 70_000) + " {3+}\r\nabc", "a1 BAD [TOOBIG]"},
		"more messages than may be":   {"a1 APPEND INBOX" + strings.Repeat(" {200000+}\r\n"+strings.Repeat("z9 LOGOUT\r\n", 20_000)[:200_000], 5), "a1 NO [TOOBIG]"},
		"too many messages":           {"a1 APPEND INBOX" + strings.Repeat(" {1+}\r\nz", 501), "a1 NO [LIMIT]"},
		"name beside messages":        {"a1 APPEND {70000+}\r\n" + strings.Repeat("z9 LOGOUT\r\n", 7_000)[:70_000] + " {1+}\r\nz", "a1 BAD "},
		"many literals":               {"a1 LIST {60000+}\r\n" + strings.Repeat(strings.Repeat("z", 60_000)+" {60000+}\r\n", 9) + strings.Repeat("z", 60_000), "a1 BAD [TOOBIG]"},
		"literal announced at no end": {"a1 NOOP {5", "a1 BAD "},
	}
	s := start(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := login(t, s)
			c.send(test.send)
			wantPrefix(t, "answer", c.line(), test.want)
			c.must("NOOP")
		})
	}
}

// RFC 3502: some are kept in memory and some in a file, and each comes back as it was.
func TestManyMessages(t *testing.T) {
	var sent []string
	command := "a1 APPEND INBOX"
	for i, size := range []int{10, 70_000, 60_000, 60_000, 60_000, 5, 150_000, 60_000} {
		sent = append(sent, strings.Repeat(string(rune('a'+i)), size))
		command += fmt.Sprintf(" (k%d) {%d+}\r\n%s", i, size, sent[i])
	}
	c := login(t, start(t))
	c.send(command)
	wantPrefix(t, "answer", c.line(), "a1 OK [APPENDUID 1772600768 1:8]")
	c.must("SELECT INBOX")
	for i, want := range sent {
		got := strings.Join(c.must(fmt.Sprintf("FETCH %d (FLAGS BODY.PEEK[])", i+1)), "\r\n")
		if !strings.Contains(got, fmt.Sprintf("k%d", i)) || !strings.Contains(got, want) || strings.Contains(got, want+want[:1]) {
			t.Errorf("message %d of %d octets came back as %d, beginning with %.60q", i+1, len(want), len(got), got)
		}
	}
}

func TestFloodEndsTheConnection(t *testing.T) {
	c := login(t, start(t))
	c.send("a1 NOOP {999999999999+}")
	wantPrefix(t, "answer", c.line(), "* BYE [TOOBIG]")
	wantPrefix(t, "then", c.line(), "<closed>")
}

func TestBadCommandBudget(t *testing.T) {
	c := login(t, start(t, func(s *imap.Server) { s.Limits.BadCommands = 3 }))
	c.do("NOPE")
	c.do("NOPE")
	c.must("NOOP") // starts the count anew
	c.do("NOPE")
	c.do("NOPE")
	wantPrefix(t, "third", last(c.do("NOPE")), "x1 BAD")
	wantPrefix(t, "then", c.line(), "* BYE")
	wantPrefix(t, "then", c.line(), "<closed>")
}

func TestFailedLoginsEndTheConnection(t *testing.T) {
	c := start(t).dial(t)
	var lines []string
	for range 5 {
		lines = c.do("LOGIN ann@example.org wrong")
		wantPrefix(t, "answer", last(lines), "x1 NO [AUTHENTICATIONFAILED]")
	}
	wantPrefix(t, "the last time", lines[0], "* BYE")
	wantPrefix(t, "then", c.line(), "<closed>")
}

func TestConnectionLimits(t *testing.T) {
	for name, limits := range map[string]imap.Limits{"all": {Connections: 1}, "one address": {PerIP: 1}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(s *imap.Server) { s.Limits = limits })
			c := s.dial(t)
			nc, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			line, _ := bufio.NewReader(nc).ReadString('\n')
			wantPrefix(t, "second connection", line, "* BYE [UNAVAILABLE] Too many")
			c.must("NOOP")
		})
	}
}

func TestLoginTimeOut(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.Login = 50 * time.Millisecond })
	c := s.dial(t)
	wantPrefix(t, "silence", c.line(), "* BYE [INACTIVE]")
	wantPrefix(t, "then", c.line(), "<closed>")
}

func TestIdleTimeOut(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.Idle = 50 * time.Millisecond })
	c := login(t, s)
	wantPrefix(t, "silence", c.line(), "* BYE [INACTIVE]")
	c = login(t, s)
	c.send("a1 IDLE")
	wantPrefix(t, "idle", c.line(), "+ ")
	wantPrefix(t, "silence during IDLE", c.line(), "* BYE [INACTIVE]")
}

// A strange address is asked to use TLS before it shows a password.
func TestLoginNeedsPrivacy(t *testing.T) {
	config := certificate(t)
	s := start(t, func(s *imap.Server) { s.TLS = config })
	here, there := net.Pipe()
	defer here.Close()
	l := &oneConn{conn: fromAfar{there}, closed: make(chan struct{})}
	go s.Serve(t.Context(), l)
	c := &client{t: t, c: here, r: bufio.NewReader(here)}
	if greeting := c.line(); strings.Contains(greeting, "AUTH=") || !strings.Contains(greeting, " LOGINDISABLED STARTTLS]") {
		t.Errorf("greeting: %s", greeting)
	}
	wantPrefix(t, "LOGIN", last(c.do("LOGIN ann@example.org secret")), "x1 NO [PRIVACYREQUIRED]")
	wantPrefix(t, "AUTHENTICATE", last(c.do("AUTHENTICATE PLAIN")), "x1 NO [PRIVACYREQUIRED]")
	c.must("STARTTLS")
	secure := tls.Client(here, &tls.Config{InsecureSkipVerify: true})
	c.c, c.r = secure, bufio.NewReader(secure)
	if caps := c.must("CAPABILITY")[0]; !strings.Contains(caps, "AUTH=PLAIN") || strings.Contains(caps, "STARTTLS") {
		t.Errorf("capabilities after STARTTLS: %s", caps)
	}
	c.must("LOGIN ann@example.org secret")
}

// oneConn is a listener with one connection to give.
type oneConn struct {
	conn   net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// fromAfar is a connection whose peer is no neighbour.
type fromAfar struct{ net.Conn }

func (fromAfar) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:5"))
}

// What is sent in the clear together with STARTTLS is never executed.
func TestStartTLSInjection(t *testing.T) {
	config := certificate(t)
	s := start(t, func(s *imap.Server) { s.TLS = config })
	c := s.dial(t)
	c.send("a1 STARTTLS\r\na2 NOOP")
	wantPrefix(t, "answer", c.line(), "a1 BAD")
	wantPrefix(t, "then", c.line(), "<closed>")
}

func TestImplicitTLS(t *testing.T) {
	s := start(t)
	addr := s.listen(t, certificate(t))
	nc, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := &client{t: t, c: nc, r: bufio.NewReader(nc)}
	wantPrefix(t, "greeting", c.line(), "* OK [CAPABILITY ")
	c.must("LOGIN ann@example.org secret")
}

// Shutdown ends waiting and idling sessions with a BYE.
func TestShutdown(t *testing.T) {
	s := start(t)
	waiting, idling, stranger := login(t, s), login(t, s), s.dial(t)
	idling.must("SELECT INBOX")
	idling.send("a1 IDLE")
	wantPrefix(t, "idle", idling.line(), "+ ")
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{waiting, idling, stranger} {
		wantPrefix(t, "answer", c.line(), "* BYE [UNAVAILABLE] Shutting down")
		wantPrefix(t, "then", c.line(), "<closed>")
	}
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("the port still answers")
	}
}

// A client that does not read can't hold up Shutdown for longer than it was given.
func TestShutdownIsBounded(t *testing.T) {
	s := start(t)
	c := login(t, s)
	c.send(fmt.Sprintf("a1 APPEND INBOX {190000+}\r\n%s", strings.Repeat("x", 190_000)))
	c.line()
	c.must("SELECT INBOX")
	c.send("a2" + strings.Repeat(" FETCH 1 BODY[]\r\na2", 100) + " NOOP")
	c.line() // it has begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that time was up", err)
	}
}

// IDLE tells at once what others do: the hint wakes it, not the clock.
func TestIdleIsWoken(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.Poll = time.Hour })
	c := login(t, s)
	c.must("SELECT INBOX")
	c.send("a1 IDLE")
	wantPrefix(t, "idle", c.line(), "+ ")
	d := mailbox.Delivery{Box: 1, Blob: "b", Size: 1, Time: now}
	if err := s.Store.Deliver(t.Context(), &d); err != nil {
		t.Fatal(err)
	}
	s.Changes.Notify(1)
	wantPrefix(t, "news", c.line(), "* 1 EXISTS")
	c.send("DONE")
	wantPrefix(t, "done", c.line(), "a1 OK")
}

// Without a hint, as from another node, IDLE finds out by itself.
func TestIdlePolls(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.Poll = 10 * time.Millisecond })
	c := login(t, s)
	c.must("SELECT INBOX")
	c.send("a1 IDLE")
	wantPrefix(t, "idle", c.line(), "+ ")
	d := mailbox.Delivery{Box: 1, Blob: "b", Size: 1, Time: now}
	if err := s.Store.Deliver(t.Context(), &d); err != nil {
		t.Fatal(err)
	}
	wantPrefix(t, "news", c.line(), "* 1 EXISTS")
}

// Content that is lost is one message's trouble.
func TestLostContent(t *testing.T) {
	s := start(t)
	c := login(t, s)
	d := mailbox.Delivery{Box: 1, Blob: "lost", Size: 1, Time: now}
	if err := s.Store.Deliver(t.Context(), &d); err != nil {
		t.Fatal(err)
	}
	c.must("APPEND INBOX {1+}\r\nx")
	c.must("SELECT INBOX")
	lines := c.do("FETCH 1:2 BODY.PEEK[]")
	wantPrefix(t, "the other one", lines[0], "* 2 FETCH (BODY[] {1}")
	wantPrefix(t, "answer", last(lines), "x1 NO [SERVERBUG]")
	wantPrefix(t, "search", last(c.do("SEARCH TEXT x")), "x1 NO [SERVERBUG]")
	c.must("FETCH 1:2 (FLAGS RFC822.SIZE)")
}

// Octets that were promised and can't be read end the connection: nothing else
// could be told from them.
func TestContentBreaksOff(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Bodies = shortBodies{s.Bodies} })
	c := login(t, s)
	c.must(fmt.Sprintf("APPEND INBOX {20008+}\r\nA: b\r\n\r\n%020000d", 0))
	c.must("SELECT INBOX")
	lines := c.do("FETCH 1 BODY.PEEK[]")
	if last(lines) != "<closed>" || strings.Contains(strings.Join(lines, ""), "x1 ") {
		t.Errorf("got %.200q, want the end", lines)
	}
}

// shortBodies say that each content is an octet longer than it is.
type shortBodies struct{ imap.Bodies }

func (b shortBodies) Open(ctx context.Context, id blob.ID) (blob.Content, error) {
	c, err := b.Bodies.Open(ctx, id)
	return shortContent{c}, err
}

type shortContent struct{ blob.Content }

func (c shortContent) Size() int64 { return c.Content.Size() + 1 }

// An Authenticator that can't tell is no wrong password.
func TestLoginUnavailable(t *testing.T) {
	c := start(t, func(s *imap.Server) { s.Auth = broken{} }).dial(t)
	wantPrefix(t, "answer", last(c.do("LOGIN ann@example.org secret")), "x1 NO [UNAVAILABLE]")
}

type broken struct{}

func (broken) Login(context.Context, string, string, netip.Addr) (int64, string, error) {
	return 0, "", errors.New("no directory")
}

// Too many wrong passwords cost time and the connection, as a wrong one does, and tell
// nothing about this one.
func TestLoginLater(t *testing.T) {
	c := start(t, func(s *imap.Server) { s.Auth = later{} }).dial(t)
	var lines []string
	for range 5 {
		lines = c.do("LOGIN ann@example.org secret")
		wantPrefix(t, "answer", last(lines), "x1 NO [UNAVAILABLE]")
	}
	wantPrefix(t, "the last time", lines[0], "* BYE")
	wantPrefix(t, "then", c.line(), "<closed>")
}

// A mailbox to which the service is shut hears that, and not that it may try again.
func TestLoginShut(t *testing.T) {
	c := start(t, func(s *imap.Server) { s.Auth = doortest.Users{} }).dial(t)
	wantPrefix(t, "LOGIN", last(c.do("LOGIN shut x")), "x1 NO [CONTACTADMIN] This service is not open")
	wantPrefix(t, "AUTHENTICATE", last(c.do("AUTHENTICATE PLAIN AHNodXQAeA==")), "x1 NO [CONTACTADMIN] This service is not open")
}

type later struct{}

func (later) Login(context.Context, string, string, netip.Addr) (int64, string, error) {
	return 0, "", fmt.Errorf("shut: %w", door.ErrLater)
}

// Tokens by OAUTHBEARER (RFC 7628): the error is told, and then fails as a wrong password does.
func TestBearer(t *testing.T) {
	c := start(t, func(s *imap.Server) { s.Auth = doortest.Users{"ann": {"secret"}, "tokens": {}} }).dial(t)
	if caps := c.must("CAPABILITY")[0]; !strings.Contains(caps, " AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN") {
		t.Errorf("capabilities: %s", caps)
	}
	say := func(line, want string) {
		t.Helper()
		io.WriteString(c.c, line+"\r\n")
		wantPrefix(t, line, c.line(), want)
	}
	say("a AUTHENTICATE OAUTHBEARER", "+ ")
	say(doortest.Shown("ann", "wrong"), "+ "+doortest.Told)
	say(doortest.Heard, "a NO [AUTHENTICATIONFAILED] Wrong user or password")
	say("b AUTHENTICATE OAUTHBEARER "+doortest.Shown("ann", strings.Repeat("long", 2000)), "+ "+doortest.Told)
	say("*", "b NO [AUTHENTICATIONFAILED] Wrong user or password")
	say("c AUTHENTICATE OAUTHBEARER "+doortest.Shown("later", "x"), "c NO [UNAVAILABLE]")
	say("d AUTHENTICATE OAUTHBEARER "+doortest.Shown("broken", "x"), "d NO [UNAVAILABLE]")
	say("e AUTHENTICATE OAUTHBEARER "+doortest.Shown("ann", "secret"), "e OK [CAPABILITY ")
}

// Who may not connect is told why; a session that was open goes on.
func TestRefuse(t *testing.T) {
	var why atomic.Pointer[string]
	none := ""
	why.Store(&none)
	s := start(t, func(s *imap.Server) { s.Refuse = func(netip.Addr) string { return *why.Load() } })
	c := login(t, s)
	banned := "127.0.0.1 is banned until 12:00 UTC"
	why.Store(&banned)
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	line, _ := bufio.NewReader(nc).ReadString('\n')
	wantPrefix(t, "greeting", line, "* BYE [CONTACTADMIN] "+banned+"\r\n")
	c.must("NOOP")
}
