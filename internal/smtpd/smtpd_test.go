package smtpd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/door"
	"gatepost/internal/mail"
)

// A machine is a Receiver that writes down what it is asked. What it answers
// depends on the words it gets: see verdictFor.
type machine struct {
	mu     sync.Mutex
	events []string

	strict  bool
	connect func(c mail.Client) mail.Verdict
	abort   func()
	data    func(ctx context.Context, m *mail.Message) mail.Verdict
}

func (m *machine) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, fmt.Sprintf(format, args...))
}

// log returns the events, one a line.
func (m *machine) log() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.events, "\n")
}

func (m *machine) Connect(_ context.Context, c mail.Client) (Conversation, mail.Verdict) {
	if m.connect != nil {
		if v := m.connect(c); v.Answer != mail.OK {
			return nil, v
		}
	}
	return &talk{machine: m}, mail.Verdict{}
}

type talk struct {
	*machine
	calls sync.Mutex // held while a call is under way
	n     int
}

// serial fails loudly where two calls of a connection overlap.
func (t *talk) serial() func() {
	if !t.calls.TryLock() {
		panic("two calls at the same time")
	}
	return t.calls.Unlock
}

func (t *talk) Helo(_ context.Context, c mail.Client) mail.Verdict {
	defer t.serial()()
	verb := "helo"
	if c.ESMTP {
		verb = "ehlo"
	}
	t.note("%s %s", verb, c.Helo)
	t.impatient(c)
	return verdictFor(c.Helo)
}

func (t *talk) Mail(_ context.Context, c mail.Client, from mail.Path, p mail.Params) (Transaction, mail.Verdict) {
	defer t.serial()()
	line := fmt.Sprintf("mail <%s>", from)
	if p.Size > 0 {
		line += fmt.Sprintf(" size=%d", p.Size)
	}
	if p.Body != "" {
		line += " body=" + p.Body
	}
	if p.RequireTLS {
		line += " requiretls"
	}
	if p.SMTPUTF8 {
		line += " utf8"
	}
	if p.Return != "" || p.EnvelopeID != "" {
		line += " ret=" + p.Return + " envid=" + p.EnvelopeID
	}
	if c.Login != "" {
		line += " login=" + c.Login.String()
	}
	t.note("%s", line)
	t.impatient(c)
	if v := verdictFor(from.Local()); v.Answer != mail.OK {
		return nil, v
	}
	t.n++
	return &transaction{talk: t, id: fmt.Sprintf("id%d", t.n)}, mail.Verdict{}
}

// impatient notes what the client could not wait for.
func (t *talk) impatient(c mail.Client) {
	if t.strict && c.Pipelined != "" {
		t.note("pipelined behind %s", c.Pipelined)
	}
}

func (t *talk) Close() { defer t.serial()() }

type transaction struct {
	*talk
	id   string
	over bool
}

func (t *transaction) ID() string { return t.id }

func (t *transaction) Rcpt(_ context.Context, to mail.Path, p mail.RcptParams) mail.Verdict {
	defer t.serial()()
	line := fmt.Sprintf("rcpt <%s>", to)
	if p != (mail.RcptParams{}) {
		line += fmt.Sprintf(" notify=%d original=%s", p.Notify, p.Original)
	}
	t.note("%s", line)
	return verdictFor(to.Local())
}

func (t *transaction) Data(ctx context.Context, m *mail.Message, received []byte) mail.Verdict {
	defer t.serial()()
	t.end()
	content, err := io.ReadAll(m.Reader())
	if err != nil {
		panic(err)
	}
	if len(content) > 1000 {
		t.note("data %d octets", len(content))
	} else {
		t.note("data %q", content)
	}
	if t.data != nil {
		return t.data(ctx, m)
	}
	return mail.Verdict{ID: t.id}
}

func (t *transaction) Abort(_ mail.Answer, cause string) {
	defer t.serial()()
	t.end()
	t.note("abort %s", cause)
	if t.abort != nil {
		t.abort()
	}
}

func (t *transaction) end() {
	if t.over {
		panic("transaction ended twice")
	}
	t.over = true
}

// verdictFor lets a test choose the answer by a local part or a HELO name.
func verdictFor(word string) mail.Verdict {
	switch word {
	case "nobody":
		return mail.Verdict{Answer: mail.NoSuchMailbox, ID: "id1"}
	case "full":
		return mail.Verdict{Answer: mail.MailboxFull}
	case "shut":
		return mail.Verdict{Answer: mail.Shut, Reason: "go away\r\n250 ok"}
	case "busy":
		return mail.Verdict{Answer: mail.Busy}
	case "own":
		return mail.Verdict{Answer: mail.Refused, Reply: mail.Reply{Code: 450, Enhanced: "4.7.9", Text: "not today"}}
	case "own421":
		return mail.Verdict{Answer: mail.Refused, Reply: mail.Reply{Code: 421}}
	case "panic":
		panic("by request")
	}
	return mail.Verdict{}
}

// logins knows ann, and a server that is down.
type logins struct{}

func (logins) Login(_ context.Context, user, password string, _ netip.Addr) (int64, string, error) {
	switch {
	case user == "down":
		return 0, "", errors.New("no store")
	case user == "late":
		return 0, "", door.ErrLater
	case user == "shut":
		return 0, "", door.ErrShut
	case user == "ann" && password == "secret":
		return 1, "ann@test.example", nil
	}
	return 0, "", door.ErrLogin
}

// testTLS makes a certificate for the test and both sides' settings.
var testTLS = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.test.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, InsecureSkipVerify: true}
})

func testConfig() Config {
	return Config{
		Hostname: "mx.test.example",
		TLS:      testTLS(),
		Now:      func() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) },
	}
}

// start serves m on a loopback port until the test ends, and returns the
// address and a function that stops the server and waits for it.
func start(t testing.TB, c Config, m *machine) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), startOn(t, l, c, m)
}

func startOn(t testing.TB, l net.Listener, c Config, m *machine) (stop func()) {
	t.Helper()
	s, err := New(c, m, logins{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// thinkFor makes a machine that takes its time after the end of content, but
// no longer than it is given.
func thinkFor(d time.Duration) func(context.Context, *mail.Message) mail.Verdict {
	return func(ctx context.Context, _ *mail.Message) mail.Verdict {
		select {
		case <-time.After(d):
			return mail.Verdict{}
		case <-ctx.Done():
			return mail.Verdict{Answer: mail.Failed}
		}
	}
}
