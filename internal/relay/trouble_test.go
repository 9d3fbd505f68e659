package relay

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"gatepost/internal/mtasts"
	"gatepost/internal/queue"
)

// Where nobody asks for TLS, TLS that does not come about stops no mail, however it
// fails; the domain hears that it did. Where somebody asks the mail waits.
func TestTLSTrouble(t *testing.T) {
	root := (*issuer)(nil).issue(t, time.Now().Add(time.Hour))
	good := root.issue(t, time.Now().Add(time.Hour), "mx1.a.example")
	demanding := func(version uint16) *tls.Config {
		c := good.server(root)
		c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, version
		return c
	}
	for name, c := range map[string]struct {
		starttls string
		tls      *tls.Config
		asked    string // what is told where MTA-STS asks for TLS
	}{
		"hangs up":           {"", good.server(root), "deferred 0 4.7.5 STARTTLS TLS: the server closed the connection"},
		"sends away":         {"421 not now", good.server(root), "deferred 421 4.0.0 STARTTLS not now (TLS is required by the MTA-STS policy of its domain (RFC 8461))"},
		"refuses":            {"454 4.7.0 not now", good.server(root), "deferred 454 4.7.0 STARTTLS not now (TLS is required by the MTA-STS policy of its domain (RFC 8461))"},
		"says more":          {"220 go\n250 x", good.server(root), "deferred 0 4.7.5 STARTTLS TLS: data came with the answer to STARTTLS"},
		"is no SMTP":         {"what?", good.server(root), "deferred 0 4.7.5 STARTTLS TLS: the server's answer is not SMTP"},
		"wants ours in 1.2":  {"220 go", demanding(tls.VersionTLS12), "deferred 0 4.7.5 STARTTLS TLS: "},
		"wants ours in 1.3":  {"220 go", demanding(tls.VersionTLS13), "deferred 0 4.4.2 EHLO TLS: "},
		"has no certificate": {"220 go", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }}, "deferred 0 4.7.5 STARTTLS TLS: "},
	} {
		t.Run(name, func(t *testing.T) {
			for _, asked := range []bool{false, true} {
				published, want, counts := policies{}, "carried", "a.example no-policy-found validation-failure; clear"
				if asked {
					published["a.example"] = mtasts.Policy{Mode: mtasts.Enforce, MX: []string{"mx1.a.example"}}
					want, counts = c.asked, "a.example sts validation-failure"
				}
				e := reach(t, Config{Policies: published, Roots: root.pool()}, servers, c.tls, nil)
				e.one.mu.Lock()
				e.one.script["STARTTLS"] = c.starttls
				e.one.mu.Unlock()
				got := told(e.Carry(t.Context(), job(queue.ByMX("a.example"), "ann@a.example")))
				if !strings.HasPrefix(got, want) || e.all() != counts {
					t.Errorf("asked %v: got %s, counted %s; want %s…, %s", asked, got, e.all(), want, counts)
				}
				for _, f := range e.failures {
					if f.MX != "mx1.a.example" || f.Receiving != e.one.addr.Addr().String() || !strings.HasPrefix(f.Sending, "127.") {
						t.Errorf("asked %v: of which connection it was is told as %+v", asked, f)
					}
				}
			}
		})
	}
}

// A server that says nothing to STARTTLS is not waited for as long as one at which no
// other way is left.
func TestSilentSTARTTLS(t *testing.T) {
	for asked, want := range map[security]time.Duration{may: dialTime, encrypt: commandTime} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer far.Close()
			go bufio.NewReader(far).ReadString('\n')
			c := &client{conn: near, r: bufio.NewReader(near), w: bufio.NewWriter(near), words: map[string]string{"STARTTLS": ""}, target: target{tls: asked}}
			c.bind(t.Context())
			defer c.close()
			began := time.Now()
			if err := c.secure(t.Context(), "gate.example"); !errors.Is(err, errHandshake) || time.Since(began) != want {
				t.Errorf("%v after %v, want %v", err, time.Since(began), want)
			}
		})
	}
}

// Whatever strangers write into certificates and policies, what is told is short.
func TestTextsBounded(t *testing.T) {
	long := strings.Repeat("ü", 3000)
	said := (&stop{command: "STARTTLS", err: errors.New(long)}).said(target{})
	b := newBatch(job(toA, "ann@a.example"))
	b.nowhere(&noWay{"4.7.5", "x" + long}, asPublished)
	for _, text := range []string{said.Text, b.results[0].Reply.Text} {
		if len(text) > maxReplyText+len("…") || !utf8.ValidString(text) || !strings.HasSuffix(text, "ü…") {
			t.Errorf("%d octets: %.40q", len(text), text)
		}
	}
}
