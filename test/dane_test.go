package test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
	peers "gatepost/test/peer"
)

// tlsPostfix starts a Postfix that offers TLS, and returns it with the TLSA record of
// its key.
func tlsPostfix(t *testing.T, domains ...string) (*peers.Postfix, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"whatever.example"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "postfix.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := peers.StartPostfix(t.TempDir(), peers.PostfixConfig{Domains: domains, Main: []string{
		"smtpd_tls_security_level = may", "smtpd_tls_chain_files = " + file, "smtpd_tls_received_header = yes", "smtpd_tls_loglevel = 1",
	}})
	skipMissing(t, err)
	t.Cleanup(p.Stop)
	sum := sha256.Sum256(public)
	return p, fmt.Sprintf("3 1 1 %x", sum)
}

// skipMissing ends the test where a peer is not to be had, but on machines that have
// to have it.
func skipMissing(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, peers.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// One Postfix is the server of several domains, and unbound says which of their
// records are to be believed. Mail goes where DANE allows it, over TLS; what it
// forbids waits, and the queue says why.
func TestDANE(t *testing.T) {
	t.Parallel()
	const wrong = "3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	postfix, right := tlsPostfix(t, "signed.example", "plain.example", "open.example", "wrong.example", "forged.example", "bogus.example")
	_, port, _ := net.SplitHostPort(postfix.SMTP)
	zone := func(tlsa string) string {
		text := "@ MX 10 mx\nmx A 127.0.0.1\n"
		if tlsa != "" {
			text += "_" + port + "._tcp.mx TLSA " + tlsa + "\n"
		}
		return text
	}
	replace := func(what, by string) func(string) string {
		return func(s string) string { return strings.Replace(s, what, by, 1) }
	}
	dns, err := peers.StartDNSSEC(t.TempDir(), []peers.Zone{
		{Name: "signed.example", Text: zone(right)},
		{Name: "open.example", Text: zone("")},
		{Name: "plain.example", Text: zone(wrong), Unsigned: true},
		{Name: "wrong.example", Text: zone(wrong)},
		{Name: "forged.example", Text: zone(wrong), Forge: replace(wrong[6:], right[6:])},
		{Name: "bogus.example", Text: zone(right), Forge: replace("MX\t10", "MX\t20")},
	})
	skipMissing(t, err)
	t.Cleanup(dns.Stop)
	submission := freePort(t)
	m := serve(t, releaseConfig, "", "listen.submission="+submission, "resolver.servers="+dns.Resolver, "resolver.validates=true",
		"relay.port="+port, "relay.ipv6=false")
	ann := domain(t, m, "test.example")

	p := dialAt(t, submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("235", p.say(plain(ann, password)))
	p.send(ann, noteBy(ann, "by DANE", "x"), "to@signed.example", "to@open.example", "to@plain.example", "to@wrong.example", "to@forged.example", "to@bogus.example").id(t)

	for recipient, want := range map[string]string{
		"to@wrong.example":  "4.7.5 the certificate of mx.wrong.example does not match its TLSA record (3 1 1 0011223344556677…): DANE (RFC 7672) forbids to send there",
		"to@forged.example": "4.7.5 looking up the TLSA records _" + port + "._tcp.mx.forged.example of the server mx.forged.example (DANE, RFC 7672): ",
		"to@bogus.example":  "4.4.3 looking up the mail servers of bogus.example: ",
	} {
		var got []waiting
		until(t, 20*time.Second, "a first attempt at "+recipient, func() bool {
			got = asked[[]waiting](t, m, "queue", "list", "--recipient", recipient)
			return len(got) == 1 && got[0].Attempts > 0
		})
		if said := got[0].Status + " " + got[0].Reply; !strings.HasPrefix(said, want) {
			t.Errorf("%s waits with %q, want %q", recipient, said, want)
		}
	}
	var arrived []string
	until(t, 20*time.Second, "three mails at Postfix", func() bool { arrived = delivered(t, postfix); return len(arrived) >= 3 })
	if want := []string{"to@open.example TLS", "to@plain.example TLS", "to@signed.example TLS"}; !slices.Equal(arrived, want) {
		t.Errorf("Postfix has %q, want %q", arrived, want)
	}
	numbers := metrics(t, m)
	for _, line := range []string{
		`gatepost_relay_recipients_total{security="dane"} 1`, `gatepost_relay_recipients_total{security="opportunistic"} 2`,
		`gatepost_relay_tls_failures_total{result="validation-failure"} 1`, `gatepost_relay_tls_failures_total{result="dnssec-invalid"} 1`,
	} {
		if !strings.Contains(numbers, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

// A waiting is a line of `queue list --json`: what is looked at.
type waiting struct {
	Status, Reply string
	Attempts      int
}

// delivered lists the recipients of what Postfix keeps, and whether it came over TLS.
func delivered(t *testing.T, p *peers.Postfix) (list []string) {
	t.Helper()
	err := p.Mails(func(content []byte) {
		header, _, _ := bytes.Cut(content, []byte("\n\n"))
		to, _, _ := strings.Cut(string(bytes.SplitAfter(header, []byte("Delivered-To: "))[1]), "\n")
		if bytes.Contains(header, []byte("(using TLSv1.3 ")) {
			to += " TLS"
		}
		list = append(list, to)
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// metrics is what /metrics says.
func metrics(t *testing.T, m *machine.Machine) string {
	t.Helper()
	answer, err := http.Get("http://" + m.Web + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
