package test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/blob/s3/s3test"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/machine"
	peers "gatepost/test/peer"
	"gatepost/test/vacant"
)

// acmeZone has names that lead to the node, and none that does not.
const acmeZone = strangersZone + `
mx.test.example.       A 127.0.0.1
mail.customer.example. A 127.0.0.1
imap.test.example.     A 127.0.0.1
`

// An acme is an authority, a DNS server and a node that is to have certificates.
type acme struct {
	t         *testing.T
	dns       *resolvetest.Server
	authority *peers.Pebble
	webs      string
	m         *machine.Machine
}

// vacantAddr is an address that nobody listens at.
func vacantAddr(t *testing.T) string {
	t.Helper()
	addr, err := vacant.Addr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// pebble starts an authority; without the program the test is skipped.
func pebble(t *testing.T, c peers.PebbleConfig) *peers.Pebble {
	t.Helper()
	p, err := peers.StartPebble(t.TempDir(), c)
	if errors.Is(err, peers.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("the authority said:\n%s", p.Said())
		}
	})
	return p
}

// acmeNode prepares a node and an authority that finds its ports where c says, or else at its own.
func acmeNode(t *testing.T, c peers.PebbleConfig, sets ...string) *acme {
	t.Helper()
	dns, err := resolvetest.Serve(acmeZone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dns.Close() })
	m, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := &acme{t: t, dns: dns, m: m, webs: vacantAddr(t)}
	c.DNS = dns.Addr
	if c.HTTP == "" {
		c.HTTP = m.Web
	}
	if c.TLS == "" {
		c.TLS = a.webs
	}
	a.authority = pebble(t, c)
	m.Sets = append(append([]string{"resolver.servers=" + dns.Addr, "listen.webs=" + a.webs}, a.sets()...), sets...)
	run(t, m, "", "domain", "add", "test.example")
	run(t, m, password, "mailbox", "add", address, "--password-stdin")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the node said:\n%s", m.Output.String())
		}
	})
	return a
}

// sets are what a node is told of the authority.
func (a *acme) sets() []string {
	return []string{
		"hostname=mx.test.example", "tls.acme.directory=" + a.authority.Directory, "tls.acme.ca=" + a.authority.CA,
		"tls.acme.accept_terms=true", "tls.acme.contact=hostmaster@test.example",
	}
}

// shown is the certificate that an address shows to who asks for a name, as far as the authority vouches for it.
func (a *acme) shown(addr, name string) (*x509.Certificate, error) {
	return handshake(addr, &tls.Config{ServerName: name, RootCAs: a.authority.Roots})
}

// handshake opens a TLS connection, after STARTTLS where the server greets in the clear.
func handshake(addr string, c *tls.Config) (*x509.Certificate, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	client := tls.Client(conn, c)
	if err := client.Handshake(); err != nil {
		return nil, err
	}
	return client.ConnectionState().PeerCertificates[0], nil
}

// started has a server in the clear begin TLS; say is what it is told, a line each, and is answered by one line or, in
// SMTP, by several.
func (a *acme) started(addr, name string, say ...string) (*x509.Certificate, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	line := func() error {
		var b []byte
		for one := make([]byte, 1); ; {
			if _, err := conn.Read(one); err != nil {
				return err
			}
			if b = append(b, one[0]); one[0] != '\n' {
				continue
			}
			if len(b) > 3 && b[3] == '-' {
				b = b[:0]
				continue
			}
			return nil
		}
	}
	if err := line(); err != nil {
		return nil, err
	}
	for _, s := range say {
		fmt.Fprintf(conn, "%s\r\n", s)
		if err := line(); err != nil {
			return nil, err
		}
	}
	client := tls.Client(conn, &tls.Config{ServerName: name, RootCAs: a.authority.Roots})
	if err := client.Handshake(); err != nil {
		return nil, err
	}
	return client.ConnectionState().PeerCertificates[0], nil
}

// comes waits until the HTTPS port shows a name's certificate of the authority that is not before.
func (a *acme) comes(addr, name string, before *x509.Certificate) (cert *x509.Certificate) {
	a.t.Helper()
	until(a.t, 2*time.Minute, "a new certificate for "+name, func() bool {
		got, err := a.shown(addr, name)
		if err != nil || before != nil && got.Equal(before) {
			return false
		}
		cert = got
		return true
	})
	return cert
}

// listed is what certificate list says of what the authority is asked for a name.
func (a *acme) listed(name string) (problem string) {
	a.t.Helper()
	for _, c := range asked[[]struct {
		Names         []string
		From, Problem string
	}](a.t, a.m, "certificate", "list") {
		if c.From == "acme" && slices.Contains(c.Names, name) {
			return c.Problem
		}
	}
	return ""
}

// An authority gives certificates for the node's name and for a customer's, each by an order of its own: one whose DNS
// leads nowhere keeps nobody from theirs, and is told. They are shown by SMTP, IMAP, POP3, ManageSieve and HTTPS to who
// asks for the name, renewed with the key that they have, and there after a restart.
func TestACME(t *testing.T) {
	t.Parallel()
	const mac = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	dir := t.TempDir()
	write(t, dir, "eab", mac+"\n")
	a := acmeNode(t, peers.PebbleConfig{Key: mac}, "tls.acme.eab_key_id=us", "tls.acme.eab_key_file="+dir+"/eab", "tls.acme.names=imap.test.example")
	own := a.comes(a.webs, "mx.test.example", nil)
	run(t, a.m, "", "domain", "set", "test.example", "--mail-name", "mail.customer.example", "--mail-name", "none.customer.example")
	customer, imap := a.comes(a.webs, "mail.customer.example", nil), a.comes(a.webs, "imap.test.example", nil)
	for _, c := range []struct {
		protocol, addr string
		say            []string
	}{
		{"smtp", a.m.SMTP, []string{"EHLO friend.example", "STARTTLS"}},
		{"imap", a.m.IMAP, []string{"a STARTTLS"}},
		{"pop3", a.m.POP3, []string{"STLS"}},
	} {
		for name, want := range map[string]*x509.Certificate{"mx.test.example": own, "mail.customer.example": customer} {
			if got, err := a.started(c.addr, name, c.say...); err != nil || !got.Equal(want) {
				t.Errorf("%s for %s: %v, another certificate than over HTTPS: %v", c.protocol, name, err, err == nil)
			}
		}
	}
	if _, err := a.shown(a.webs, "other.example"); !errors.As(err, new(x509.HostnameError)) {
		t.Errorf("a name that nothing is for: got %v, want the node's own certificate", err)
	}

	until(t, time.Minute, "the order that can't be filled is told", func() bool {
		problem := a.listed("none.customer.example")
		return strings.Contains(problem, "port 80 of none.customer.example does not lead to listen.web")
	})
	if problem := a.listed("mail.customer.example"); problem != "" {
		t.Errorf("mail.customer.example has a problem: %s", problem)
	}
	if status, says := ready(t, a.m); status != 200 || !strings.Contains(says, "note: certificate none.customer.example (acme): port 80 of none.customer.example") {
		t.Errorf("readyz: %d %s", status, says)
	}
	if err := a.dns.Set(acmeZone + "none.customer.example. A 127.0.0.1\n"); err != nil {
		t.Fatal(err)
	}
	run(t, a.m, "", "certificate", "renew", "none.customer.example")
	a.comes(a.webs, "none.customer.example", nil)
	if status, says := ready(t, a.m); status != 200 || says != "ok\n" {
		t.Errorf("readyz: %d %s", status, says)
	}

	run(t, a.m, "", "certificate", "renew", "mail.customer.example")
	renewed := a.comes(a.webs, "mail.customer.example", customer)
	if !publicEqual(renewed, customer) {
		t.Error("a renewed certificate has another key: TLSA records would be wrong")
	}
	if got := a.comes(a.webs, "mx.test.example", nil); !got.Equal(own) {
		t.Error("the certificate of another name was renewed, too")
	}
	before := run(t, a.m, "", "certificate", "show", "mail.customer.example")
	both := run(t, a.m, "", "certificate", "rekey", "mail.customer.example", "--now")
	if strings.Count(before, " TLSA 3 1 1 ") != 1 || strings.Count(both, " TLSA 3 1 1 ") != 2 {
		t.Errorf("TLSA records before a new key:\n%s\nand with it:\n%s", before, both)
	}
	if got := a.comes(a.webs, "mail.customer.example", renewed); publicEqual(got, renewed) {
		t.Error("the new key is not taken")
	}

	if err := a.m.Stop(); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	if err := a.authority.Suggest(imap, past.Add(-time.Hour), past); err != nil { // as it does of one that was revoked
		t.Fatal(err)
	}
	if err := a.m.Start(); err != nil {
		t.Fatal(err)
	}
	a.comes(a.webs, "imap.test.example", imap)
	if err := a.m.Stop(); err != nil {
		t.Fatal(err)
	}
	a.authority.Stop()
	if err := a.m.Start(); err != nil {
		t.Fatal(err)
	}
	if got, err := a.started(a.m.SMTP, "mx.test.example", "EHLO friend.example", "STARTTLS"); err != nil || !got.Equal(own) {
		t.Errorf("after a restart: %v", err)
	}
	if _, errs, status := a.m.Try("", "certificate", "renew", "stranger.example"); status == 0 || !strings.Contains(errs, "--mail-name") {
		t.Errorf("a name that is not ours: status %d, %s", status, errs)
	}
}

func publicEqual(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

// What is shown over HTTP leads to another server: the authority says so, and the next order is proved over TLS.
func TestACMEOtherChallenge(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	a := acmeNode(t, peers.PebbleConfig{HTTP: strings.TrimPrefix(other.URL, "http://")})
	until(t, time.Minute, "the order that failed is told", func() bool {
		problem := a.listed("mx.test.example")
		return strings.Contains(problem, "mx.test.example is answered by another server")
	})
	if cert, err := handshake(a.webs, &tls.Config{ServerName: "mx.test.example", InsecureSkipVerify: true}); err != nil || cert.Issuer.CommonName != "mx.test.example" {
		t.Errorf("without a certificate of the authority's: %v, %v; want the self-signed one", cert, err)
	}
	run(t, a.m, "", "certificate", "renew", "mx.test.example")
	a.comes(a.webs, "mx.test.example", nil)
	if problem := a.listed("mx.test.example"); problem != "" {
		t.Errorf("it has a problem still: %s", problem)
	}
}

// A certificate that lives shortly is renewed by itself, again and again.
func TestACMERenewal(t *testing.T) {
	t.Parallel()
	a := acmeNode(t, peers.PebbleConfig{Validity: 30 * time.Second})
	var last *x509.Certificate
	for range 3 {
		last = a.comes(a.webs, "mx.test.example", last)
	}
}

// A node that is killed while the authority asks for the proof begins the order anew, with the account and the key that
// it has.
func TestACMEKill(t *testing.T) {
	t.Parallel()
	gate := &gate{held: make(chan struct{}, 100)}
	front := httptest.NewServer(gate)
	t.Cleanup(front.Close)
	gate.shut.Store(true)
	a := acmeNode(t, peers.PebbleConfig{HTTP: strings.TrimPrefix(front.URL, "http://")}, "tls.acme.challenges=http-01")
	gate.to = "http://" + a.m.Web
	select {
	case <-gate.held:
	case <-time.After(2 * time.Minute):
		t.Fatal("the authority does not ask for the proof")
	}
	a.m.Kill()
	gate.shut.Store(false)
	if err := a.m.Start(); err != nil {
		t.Fatal(err)
	}
	a.comes(a.webs, "mx.test.example", nil)
	if strings.Contains(a.m.Output.String(), "this system has an account") {
		t.Error("another account was made")
	}
}

// A gate is a proxy that holds what comes while it is shut.
type gate struct {
	to   string
	shut atomic.Bool
	held chan struct{}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.shut.Load() {
		g.held <- struct{}{}
		<-r.Context().Done()
		return
	}
	res, err := http.Get(g.to + r.URL.Path)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	w.WriteHeader(res.StatusCode)
	io.Copy(w, res.Body)
}

// Of two nodes one orders, either answers the authority, and both show what it gave.
func TestACMENodes(t *testing.T) {
	t.Parallel()
	_, dsn := postgres(t)
	bucket := httptest.NewServer(s3test.New("mail"))
	t.Cleanup(bucket.Close)
	second, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secondWebs := vacantAddr(t)
	shared := bucketSets(dsn, bucket.URL)
	// The authority finds the second node, while the first one orders, which has the lease.
	a := acmeNode(t, peers.PebbleConfig{HTTP: second.Web, TLS: secondWebs}, append(shared, "tls.acme.names=imap.test.example", "tls.acme.challenges=http-01")...)
	second.Sets = append(append([]string{"resolver.servers=" + a.dns.Addr, "listen.webs=" + secondWebs}, a.sets()...), append(shared, "tls.acme.names=imap.test.example", "tls.acme.challenges=http-01")...)
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(second.Kill)
	for _, name := range []string{"mx.test.example", "imap.test.example"} {
		run(t, a.m, "", "certificate", "renew", name) // where it was ordered before the second node was there
		if first, other := a.comes(a.webs, name, nil), a.comes(secondWebs, name, nil); !first.Equal(other) {
			t.Errorf("%s: the nodes show different certificates", name)
		}
	}
	if strings.Contains(second.Output.String(), "acme: a new certificate") || !strings.Contains(a.m.Output.String(), "acme: a new certificate") {
		t.Errorf("the node without the lease ordered:\n%s", second.Output.String())
	}

	// tls-alpn-01 is answered by the second node, too; and it goes on when the first one dies.
	before := a.comes(secondWebs, "mx.test.example", nil)
	a.m.Kill()
	second.Kill()
	second.Sets = append(second.Sets, "tls.acme.challenges=tls-alpn-01")
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := second.Run("", "certificate", "renew", "mx.test.example"); err != nil {
		t.Fatal(err, out)
	}
	a.comes(secondWebs, "mx.test.example", before)
}
