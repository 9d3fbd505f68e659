package smtpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
)

// heardOf makes a machine whose Connect does what listen says.
func heardOf(listen func(c mail.Client) mail.Verdict) *machine { return &machine{connect: listen} }

// A client that waits is greeted when the time is over, and a server that drains, or a
// machine that gives up, waits no longer.
func TestListening(t *testing.T) {
	for name, test := range map[string]struct {
		listen func(t *testing.T, c mail.Client) mail.Verdict
		drain  bool
		after  time.Duration
		want   string
	}{
		"in time": {func(t *testing.T, c mail.Client) mail.Verdict {
			if early, err := c.Ear.Early(t.Context(), 3*time.Second); early || err != nil {
				t.Errorf("got %t, %v", early, err)
			}
			return mail.Verdict{}
		}, false, 3 * time.Second, "220 mx.test.example ESMTP"},
		"given up": {func(t *testing.T, c mail.Client) mail.Verdict {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if early, err := c.Ear.Early(ctx, 3*time.Second); early || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %t, %v", early, err)
			}
			return mail.Verdict{}
		}, false, time.Second, "220 mx.test.example ESMTP"},
		"left alone": {func(t *testing.T, c mail.Client) mail.Verdict { // as by a walk that no longer cares
			go c.Ear.Early(t.Context(), time.Hour)
			time.Sleep(time.Second)
			return mail.Verdict{}
		}, false, time.Second, "220 mx.test.example ESMTP"},
		"draining": {func(t *testing.T, c mail.Client) mail.Verdict {
			if early, err := c.Ear.Early(t.Context(), time.Minute); early || err != nil {
				t.Errorf("got %t, %v", early, err)
			}
			return mail.Verdict{}
		}, true, time.Second, "220 mx.test.example ESMTP"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				c := testConfig()
				c.TLS = nil
				stop := startOn(t, l, c, heardOf(func(c mail.Client) mail.Verdict { return test.listen(t, c) }))
				p := l.dialFrom(t, "192.0.2.7:1025")
				begin := time.Now()
				if test.drain {
					go func() { time.Sleep(time.Second); stop() }()
				}
				p.exchange("S: " + test.want)
				if got := time.Since(begin); got != test.after {
					t.Errorf("greeted after %s, want %s", got, test.after)
				}
				if !test.drain {
					p.exchange("C: HELO client.example", "S: 250 *")
				}
				p.conn.Close()
				stop()
			})
		})
	}
}

// Nobody listens where TLS comes first, nor is anybody told of users' programs.
func TestNoEar(t *testing.T) {
	c := testConfig()
	c.ImplicitTLS, c.Submission = true, true
	told := new(offences)
	c.Abuser = told
	var ear mail.Ear
	submission := false
	addr, stop := start(t, c, heardOf(func(c mail.Client) mail.Verdict { ear, submission = c.Ear, c.Users; return mail.Verdict{} }))
	p := dialTLS(t, addr)
	p.exchange("S: 220 *", "C: GET / HTTP/1.0", "S: 500 *", "E:")
	stop()
	if ear != nil || !submission || len(told.list) != 0 {
		t.Errorf("ear %v, submission %t, told %v", ear, submission, told.list)
	}
}

// offences is an Abuser that writes down what it hears.
type offences struct {
	mu   sync.Mutex
	list []string
}

func (o *offences) Abuse(client netip.Addr, what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, fmt.Sprint(client, " ", what))
}

func TestAbuse(t *testing.T) {
	unknown := slices.Repeat([]string{"C: RCPT TO:<nobody@test.example>", "S: 550 *"}, 20)
	tests := []struct {
		name     string
		dialogue []string
		want     []string
	}{
		{"http", []string{"C: GET / HTTP/1.1", "S: 500 *", "E:"}, []string{"127.0.0.1 protocol"}},
		{"no commands", append(slices.Repeat([]string{"C: XYZZY", "S: 500 *"}, 20), "C: XYZZY", "S: 500 *", "S: 421 4.7.0 *", "E:"), []string{"127.0.0.1 errors"}},
		{"bare line", []string{`c: "NOOP\n"`, "S: 500 *", "E:"}, []string{"127.0.0.1 smuggling"}},
		{"bare content", append(slices.Clone(begun), `c: "a\n.\nMAIL FROM:<evil@client.example>\r\n.\r\n"`, "S: 554 *"), nil}, // its author wrote it, not who sends it
		{"endless line", []string{`c: "x"*20000`, "S: 500 *", "E:"}, []string{"127.0.0.1 garbage"}},
		{"unknown recipients", append(append([]string{"C: MAIL FROM:<a@client.example>", "S: 250 *"}, unknown...), "C: RCPT TO:<nobody@test.example>", "S: 550 *", "S: 421 4.7.0 *", "E:"), nil},
		{"nothing", []string{"C: QUIT", "S: 221 *", "E:"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := testConfig()
			told := new(offences)
			c.Abuser = told
			addr, stop := start(t, c, new(machine))
			p := dial(t, addr)
			p.exchange("S: 220 *", "H: client.example")
			p.exchange(test.dialogue...)
			p.conn.Close()
			stop()
			if !slices.Equal(told.list, test.want) {
				t.Errorf("told %v, want %v", told.list, test.want)
			}
		})
	}
}

// What comes with the PROXY header came before the banner, however short we listen.
func TestEarlyBehindProxy(t *testing.T) {
	c := testConfig()
	c.ProxyTrusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	heard := make(chan bool, 1)
	addr, _ := start(t, c, heardOf(func(c mail.Client) mail.Verdict {
		early, _ := c.Ear.Early(t.Context(), 0)
		heard <- early
		return mail.Verdict{}
	}))
	p := dial(t, addr)
	io.WriteString(p.conn, "PROXY TCP4 192.0.2.7 198.51.100.25 1025 25\r\nHELO client.example\r\n")
	p.exchange("S: 220 *", "S: 250 *")
	if !<-heard {
		t.Error("it was not heard")
	}
}
