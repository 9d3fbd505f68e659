package smtpd

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/door"
	"gatepost/internal/door/doortest"
)

// startFor is start for who is known to auth.
func startFor(t *testing.T, auth door.Authenticator) *player {
	t.Helper()
	c := testConfig()
	c.Submission = true
	s, err := New(c, new(machine), auth)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(ctx, l) })
	t.Cleanup(func() { cancel(); serving.Wait() })
	return dial(t, l.Addr().String())
}

// said reads a 334 and returns the challenge.
func (p *player) said() string {
	p.t.Helper()
	p.flush()
	line := p.line()
	challenge, ok := strings.CutPrefix(line, "334 ")
	if !ok {
		p.t.Fatalf("got %q, want a challenge", line)
	}
	return challenge
}

// SCRAM at SMTP (RFC 4954, RFC 5802): what the server says last is a challenge, which the
// client answers with nothing.
func TestSCRAM(t *testing.T) {
	users := doortest.Users{"ann": {"secret", "app-password"}}
	begin := func(t *testing.T) *player {
		p := startFor(t, users)
		p.exchange("S: 220 *", "C: EHLO client.example", "S: 250-*", "S: 250-PIPELINING", "S: 250-SIZE *", "S: 250-8BITMIME", "S: 250-SMTPUTF8", "S: 250-CHUNKING",
			"S: 250-ENHANCEDSTATUSCODES", "S: 250-DSN", "S: 250-LIMITS RCPTMAX=1000", "S: 250-STARTTLS", "S: 250 AUTH SCRAM-SHA-256 PLAIN LOGIN")
		return p
	}
	proof := func(t *testing.T, p *player, c *doortest.Client, mechanism string) {
		t.Helper()
		p.exchange("C: " + "AUTH " + mechanism + " " + c.First())
		final, err := c.Final(p.said())
		if err != nil {
			t.Fatal(err)
		}
		p.exchange("C: " + final)
	}
	for _, password := range []string{"secret", "app-password"} {
		t.Run(password, func(t *testing.T) {
			p, c := begin(t), &doortest.Client{User: "ann", Password: password}
			proof(t, p, c, "SCRAM-SHA-256")
			if err := c.Check(p.said()); err != nil {
				t.Error(err)
			}
			p.exchange("C: ", "S: 235 2.7.0 authenticated", "C: MAIL FROM:<ann@test.example>", "S: 250 *", "C: QUIT", "S: 221 *")
		})
	}
	t.Run("without an initial response", func(t *testing.T) {
		p, c := begin(t), &doortest.Client{User: "ann", Password: "secret"}
		p.exchange("C: AUTH SCRAM-SHA-256", "S: 334 ")
		p.exchange("C: " + c.First())
		final, err := c.Final(p.said())
		if err != nil {
			t.Fatal(err)
		}
		p.exchange("C: " + final)
		if err := c.Check(p.said()); err != nil {
			t.Error(err)
		}
		p.exchange("C: ", "S: 235 *")
	})
	t.Run("a wrong password", func(t *testing.T) {
		p := begin(t)
		proof(t, p, &doortest.Client{User: "ann", Password: "guess"}, "SCRAM-SHA-256")
		p.exchange("S: 535 5.7.8 *", "C: MAIL FROM:<ann@test.example>", "S: 530 *")
	})
	t.Run("something instead of nothing", func(t *testing.T) {
		p := begin(t)
		proof(t, p, &doortest.Client{User: "ann", Password: "secret"}, "SCRAM-SHA-256")
		p.said()
		p.exchange("C: eA==", "S: 501 5.5.2 *", "C: MAIL FROM:<ann@test.example>", "S: 530 *")
	})
	t.Run("given up", func(t *testing.T) {
		p := begin(t)
		proof(t, p, &doortest.Client{User: "ann", Password: "secret"}, "SCRAM-SHA-256")
		p.said()
		p.exchange("C: *", "S: 501 5.7.0 *", "C: MAIL FROM:<ann@test.example>", "S: 530 *")
	})
	t.Run("nonsense", func(t *testing.T) {
		p := begin(t)
		p.exchange("C: AUTH SCRAM-SHA-256 eA==", "S: 501 5.5.2 *")
	})
	t.Run("too many failures", func(t *testing.T) {
		p := begin(t)
		p.exchange("C: AUTH PLAIN AGxhdGVyAHg=", "S: 454 4.7.0 *") // later, x
	})
	t.Run("bound where there is no TLS", func(t *testing.T) {
		p := begin(t)
		p.exchange("C: AUTH SCRAM-SHA-256-PLUS", "S: 504 *")
	})
	t.Run("bound to TLS", func(t *testing.T) {
		p := begin(t)
		p.exchange("C: STARTTLS", "S: 220 *")
		secured := tls.Client(p.conn, testTLS())
		p.conn = secured
		p.in.Reset(secured)
		p.exchange("C: EHLO client.example", "S: 250-*", "S: 250-PIPELINING", "S: 250-SIZE *", "S: 250-8BITMIME", "S: 250-SMTPUTF8", "S: 250-CHUNKING",
			"S: 250-ENHANCEDSTATUSCODES", "S: 250-DSN", "S: 250-LIMITS RCPTMAX=1000", "S: 250-REQUIRETLS", "S: 250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN")
		c := &doortest.Client{User: "ann", Password: "secret", GS2: "p=tls-exporter,,", Binding: door.Binding(secured)}
		proof(t, p, c, "SCRAM-SHA-256-PLUS")
		if err := c.Check(p.said()); err != nil {
			t.Error(err)
		}
		p.exchange("C: ", "S: 235 *")
	})
	t.Run("bound to another connection", func(t *testing.T) {
		p := begin(t)
		p.exchange("C: STARTTLS", "S: 220 *")
		secured := tls.Client(p.conn, testTLS())
		p.conn = secured
		p.in.Reset(secured)
		p.exchange("H: client.example")
		proof(t, p, &doortest.Client{User: "ann", Password: "secret", GS2: "p=tls-exporter,,", Binding: []byte("another")}, "SCRAM-SHA-256-PLUS")
		p.exchange("S: 535 *")
	})
}

// Tokens by OAUTHBEARER (RFC 7628) at SMTP: the error is told, and then fails as a wrong password does.
func TestBearer(t *testing.T) {
	users := doortest.Users{"ann": {"secret"}, "tokens": {}}
	begin := func(t *testing.T) *player {
		p := startFor(t, users)
		p.exchange("S: 220 *", "C: EHLO client.example", "S: 250-*", "S: 250-PIPELINING", "S: 250-SIZE *", "S: 250-8BITMIME", "S: 250-SMTPUTF8", "S: 250-CHUNKING",
			"S: 250-ENHANCEDSTATUSCODES", "S: 250-DSN", "S: 250-LIMITS RCPTMAX=1000", "S: 250-STARTTLS", "S: 250 AUTH SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN")
		return p
	}
	for name, dialogue := range map[string][]string{
		"right":             {"C: AUTH OAUTHBEARER " + doortest.Shown("ann", "secret"), "S: 235 2.7.0 authenticated", "C: MAIL FROM:<ann@test.example>", "S: 250 *"},
		"right, when asked": {"C: AUTH OAUTHBEARER", "S: 334 ", "C: " + doortest.Shown("ann", "secret"), "S: 235 *"},
		"the old way":       {"C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0AQE=", "S: 235 *"},
		"wrong":             {"C: AUTH OAUTHBEARER " + doortest.Shown("ann", "wrong"), "S: 334 " + doortest.Told, "C: " + doortest.Heard, "S: 535 5.7.8 *", "C: MAIL FROM:<ann@test.example>", "S: 530 *"},
		"wrong, long":       {"C: AUTH OAUTHBEARER", "S: 334 ", "C: " + doortest.Shown("ann", strings.Repeat("long", 2000)), "S: 334 " + doortest.Told, "C: ", "S: 535 5.7.8 *"},
		"given up":          {"C: AUTH OAUTHBEARER " + doortest.Shown("ann", "wrong"), "S: 334 " + doortest.Told, "C: *", "S: 501 *", "C: MAIL FROM:<ann@test.example>", "S: 530 *"},
		"malformed":         {"C: AUTH OAUTHBEARER AQ==", "S: 334 eyJzdGF0dXMiOiJpbnZhbGlkX3JlcXVlc3QifQ==", "C: " + doortest.Heard, "S: 501 5.5.2 *"},
		"later":             {"C: AUTH OAUTHBEARER " + doortest.Shown("later", "x"), "S: 454 4.7.0 *"},
		"nobody can tell":   {"C: AUTH OAUTHBEARER " + doortest.Shown("broken", "x"), "S: 454 4.7.0 *"},
	} {
		t.Run(name, func(t *testing.T) { begin(t).exchange(dialogue...) })
	}
}
