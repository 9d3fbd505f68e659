package test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/srs"
	"gatepost/test/machine"
)

// listedHere is the address by which a sender is listed in these tests.
const listedHere = "198.51.100.77"

// A sending is a machine with domains of a customer and of another, whose mail for elsewhere comes to a sink.
type sending struct {
	m                 *machine.Machine
	there             *sink
	submission, smtps string
}

func newSending(t *testing.T) sending {
	t.Helper()
	list, on := sinks(t, "127.0.0.5")
	s := sending{there: list[0], submission: freePort(t), smtps: freePort(t)}
	s.m = serve(t, relayConfig+"submission: {per_minute: 0, per_hour: 0}\n", flowZone+"elsewhere.example. A 127.0.0.5\n",
		"relay.port="+on, "listen.submission="+s.submission, "listen.smtps="+s.smtps)
	for _, name := range []string{"test.example", "second.example", "other.example"} {
		domain(t, s.m, name)
	}
	return s
}

// hello is a peer on a port that has said EHLO.
func hello(t *testing.T, addr, client string) *peer {
	t.Helper()
	p := dialAt(t, addr, client)
	p.want("220", p.answer())
	p.want("250", p.say("EHLO device.example"))
	return p
}

// fails runs a command that is to fail, and returns what it says.
func fails(t *testing.T, m *machine.Machine, args ...string) string {
	t.Helper()
	out, err := m.Run("", args...)
	if err == nil {
		t.Errorf("%q succeeded: %s", args, out)
		return ""
	}
	return err.Error()
}

// certificate makes a certificate that nobody signed, and a file of it.
func certificate(t *testing.T) (c tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"}, NotAfter: time.Now().Add(-time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "device.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// secureWith turns the connection into one over TLS, with a certificate.
func (p *peer) secureWith(c tls.Certificate) {
	p.t.Helper()
	t := tls.Client(p.conn, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{c}})
	p.conn.SetDeadline(time.Now().Add(time.Minute))
	if err := t.Handshake(); err != nil {
		p.t.Fatal(err)
	}
	p.conn, p.r = t, bufio.NewReader(t)
}

// A device sends as its domains, to anybody, by its log-in, its certificate or its address; and as
// nobody else.
func TestSenders(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	t.Run("a log-in", func(t *testing.T) { senderLogin(t, s) })
	t.Run("an address", func(t *testing.T) { senderAddress(t, s) })
	t.Run("a certificate", func(t *testing.T) { senderCertificate(t, s) })
	t.Run("limits", func(t *testing.T) { senderLimits(t, s) })
	t.Run("what is refused", func(t *testing.T) { senderRefused(t, s) })
}

// asItself sends one message as the sender's domains, and sees it arrive; then as others.
func (s sending) asItself(t *testing.T, p *peer, name, subject string) {
	t.Helper()
	sent := p.send("it@second.example", noteBy("It <it@test.example>", subject, "x"), "friend@elsewhere.example")
	followed(t, s.m, sent.id(t), "friend@elsewhere.example relayed")
	if got := s.there.content(t, subject); strings.Contains(got, "\r\nSender:") || !strings.Contains(got, "\r\nMessage-ID: <") {
		t.Errorf("what arrived:\n%s", got)
	}
	rows := asked[[]struct{ ID, Login string }](t, s.m, "journal", "search", "--login", name)
	if len(rows) == 0 || rows[0].ID != sent.id(t) || rows[0].Login != name {
		t.Errorf("the journal has %+v of %s", rows, name)
	}
	p.want("250", p.say("MAIL FROM:<it@test.example>"))
	p.want("250", p.say("RCPT TO:<friend@elsewhere.example>"))
	p.want("354", p.say("DATA"))
	p.write(noteBy("ann@other.example", subject, "forged") + ".\r\n")
	p.want("550 5.7.1 "+name+" may not send as ann@other.example", p.answer())
}

func senderLogin(t *testing.T, s sending) {
	const name = "scanner@test.example"
	made := asked[struct{ Password string }](t, s.m, "sender", "add", name, "--login", "--also", "second.example")
	for _, proven := range []string{"PLAIN", "LOGIN"} {
		p := hello(t, s.submission, "")
		p.want("530", p.say("MAIL FROM:<it@test.example>"))
		p.want("535", p.say(plain(name, "aaaaa-bbbbb-ccccc-ddddd")))
		if proven == "PLAIN" {
			p.want("235", p.say(plain(name, made.Password)))
		} else {
			p.want("334", p.say("AUTH LOGIN"))
			p.want("334", p.say(b64(name)))
			p.want("235", p.say(b64(made.Password)))
		}
		p.want("550 5.7.1 "+name+" may not send as it@other.example", p.say("MAIL FROM:<it@other.example>"))
		p.want("550 5.7.1", p.say("MAIL FROM:<it@elsewhere.example>"))
		s.asItself(t, p, name, "by log-in "+proven)
	}
	if got := fails(t, s.m, "mailbox", "add", name); !strings.Contains(got, "as a sender") {
		t.Errorf("a mailbox of its name: %s", got)
	}
	run(t, s.m, "", "mailbox", "remove", "ann@second.example")
	if got := fails(t, s.m, "domain", "remove", "second.example"); !strings.Contains(got, name) {
		t.Errorf("its domain removed: %s", got)
	}
	old := hello(t, s.submission, "")
	old.want("235", old.say(plain(name, made.Password)))
	again := asked[struct{ Password string }](t, s.m, "sender", "set", name, "--login")
	p := hello(t, s.submission, "")
	p.want("535", p.say(plain(name, made.Password)))
	p.want("235", p.say(plain(name, again.Password)))
	run(t, s.m, "", "sender", "set", name, "--off")
	for _, over := range []*peer{p, old} { // of both what opened them is another one, or nothing, now
		over.want("421 4.7.0", over.say("MAIL FROM:<it@test.example>"))
	}
	run(t, s.m, "", "sender", "remove", name)
	if got := asked[[]struct{ Name string }](t, s.m, "sender", "list"); len(got) != 0 {
		t.Errorf("removed, and still listed: %+v", got)
	}
}

func senderAddress(t *testing.T, s sending) {
	const name = "printer@test.example"
	run(t, s.m, "", "sender", "add", name, "--network", listedHere, "--also", "second.example")
	p := hello(t, s.m.SMTP, listedHere)
	s.asItself(t, p, name, "by address on 25")
	p.want("250", p.say("MAIL FROM:<>"))
	p.want("250", p.say("RCPT TO:<friend@elsewhere.example>"))
	p.want("250", p.say("RSET"))

	// As somebody else it is a stranger, who writes to people here and to nobody else.
	p.want("250", p.say("MAIL FROM:<eve@sender.example>"))
	p.want("554 5.7.1 relaying denied", p.say("RCPT TO:<friend@elsewhere.example>"))
	p.want("250", p.say("RCPT TO:<ann@test.example>"))
	p.want("250", p.say("RSET"))
	p.want("250", p.say("MAIL FROM:<ann@other.example>"))
	p.want("554 5.7.1 relaying denied", p.say("RCPT TO:<friend@elsewhere.example>"))

	p = hello(t, s.submission, listedHere)
	p.want("550 5.7.1 "+name+" may not send as ann@other.example", p.say("MAIL FROM:<ann@other.example>"))
	s.asItself(t, p, name, "by address on 587")
	near := hello(t, s.submission, "198.51.100.78")
	near.want("530", near.say("MAIL FROM:<it@test.example>"))
	run(t, s.m, "", "sender", "set", name, "--off")
	p = hello(t, s.m.SMTP, listedHere)
	p.want("250", p.say("MAIL FROM:<it@test.example>"))
	p.want("554 5.7.1 relaying denied", p.say("RCPT TO:<friend@elsewhere.example>"))
	run(t, s.m, "", "sender", "remove", name)
}

func senderCertificate(t *testing.T, s sending) {
	const name = "server@test.example"
	c, file := certificate(t)
	other, _ := certificate(t)
	run(t, s.m, "", "sender", "add", name, "--certificate", file, "--also", "second.example")

	p := dialAt(t, s.smtps, "")
	p.secureWith(c)
	p.want("220", p.answer())
	p.want("250", p.say("EHLO server.example"))
	s.asItself(t, p, name, "by certificate alone")

	p = hello(t, s.submission, "")
	p.want("220", p.say("STARTTLS"))
	p.secureWith(c)
	p.write("EHLO server.example\r\n")
	if offered := p.answer(); !strings.Contains(offered, "AUTH EXTERNAL ") {
		t.Errorf("offered: %s", offered)
	}
	p.want("535", p.say("AUTH EXTERNAL "+b64("ann@test.example")))
	p.want("235", p.say("AUTH EXTERNAL ="))
	s.asItself(t, p, name, "by EXTERNAL")

	p = dialAt(t, s.smtps, "")
	p.secureWith(other)
	p.want("220", p.answer())
	p.want("250", p.say("EHLO server.example"))
	p.want("504", p.say("AUTH EXTERNAL ="))
	p.want("530", p.say("MAIL FROM:<it@test.example>"))
	run(t, s.m, "", "sender", "remove", name)
}

func senderLimits(t *testing.T, s sending) {
	const name = "news@test.example"
	run(t, s.m, "", "sender", "add", name, "--network", listedHere)
	run(t, s.m, "", "submission", "set", name, "--per-hour", "2")
	p := hello(t, s.m.SMTP, listedHere)
	for range 2 {
		p.want("250", p.say("MAIL FROM:<it@test.example>"))
		p.want("250", p.say("RSET"))
	}
	p.want("450 4.7.1 too much from "+name, p.say("MAIL FROM:<it@test.example>"))
	run(t, s.m, "", "submission", "set", name, "--per-hour", "none")
	run(t, s.m, "", "submission", "stop", name, "--reason", "broken")
	p.want("550 5.7.1 "+name+" may send nothing", p.say("MAIL FROM:<it@test.example>"))
	run(t, s.m, "", "submission", "resume", name)
	p.want("250", p.say("MAIL FROM:<it@test.example>"))
	p.want("250", p.say("RCPT TO:<friend@elsewhere.example>"))
	p.want("354", p.say("DATA"))
	p.write(noteBy("it@test.example", "x", "what a pest") + ".\r\n")
	p.want("250", p.answer()) // there is no outgoing policy in this configuration
	run(t, s.m, "", "sender", "remove", name)
}

// What would be an open relay, or another's, is refused.
func senderRefused(t *testing.T, s sending) {
	run(t, s.m, "", "sender", "add", "first@test.example", "--network", "203.0.113.0/24")
	for _, c := range []struct{ name, domain, network, want string }{
		{"everybody", "test.example", "0.0.0.0/0", "open relay"},
		{"half of everybody", "test.example", "128.0.0.0/1", "open relay"},
		{"everybody, of IPv6", "test.example", "::/0", "open relay"},
		{"everybody, as IPv6", "test.example", "::ffff:0.0.0.0/96", "open relay"},
		{"the proxy", "test.example", proxy, "open relay"},
		{"around the proxy", "test.example", "127.0.0.0/8", "open relay"},
		{"another's", "test.example", "203.0.113.7", "sender first@test.example"},
		{"around another's", "test.example", "203.0.0.0/16", "sender first@test.example"},
		{"no network", "test.example", "192.0.2.1/24", "192.0.2.0/24"},
		{"nonsense", "test.example", "example.org", "neither an address nor a network"},
		{"a domain that is not here", "elsewhere.example", "192.0.2.1", "no such domain"},
	} {
		if got := fails(t, s.m, "sender", "add", "x@"+c.domain, "--network", c.network); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	if got := fails(t, s.m, "sender", "add", "ann@test.example", "--login"); !strings.Contains(got, "as a mailbox") {
		t.Errorf("the name of a mailbox: %s", got)
	}
	if got := run(t, s.m, "", "sender", "set", "first@test.example", "--network", "10.0.0.0/8"); !strings.Contains(got, "warning: 10.0.0.0/8 is wide") {
		t.Errorf("a wide network: %s", got)
	}
	run(t, s.m, "", "sender", "remove", "first@test.example")
	if got := fails(t, s.m, "check", "--set", "trusted_relays=::/0"); !strings.Contains(got, "open relay") {
		t.Errorf("check: %s", got)
	}
}

// Nobody relays by tricks with addresses: what looks like an address here and leads elsewhere is refused.
func TestNoRelay(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	run(t, s.m, "", "sender", "add", "printer@test.example", "--network", listedHere)
	forged, err := srs.New([][]byte{make([]byte, 32)}, time.Now).Forward("friend@elsewhere.example", "test.example") // with another key
	if err != nil {
		t.Fatal(err)
	}
	p := connect(t, s.m, goodClient)
	for _, from := range []string{"eve@sender.example", "ann@test.example", "", "printer@test.example", "root@mx.test.example", "x@[127.0.0.1]"} {
		for _, to := range []string{
			"friend@elsewhere.example", "@test.example:friend@elsewhere.example", "@test.example,@other.example:friend@elsewhere.example",
			"friend%elsewhere.example@test.example", "friend%elsewhere.example@mx.test.example", "friend%elsewhere.example", "friend%elsewhere.example@[127.0.0.1]",
			`"friend@elsewhere.example"@test.example`, `"friend@elsewhere.example"`, `"friend%elsewhere.example"@test.example`, "friend@elsewhere.example@test.example",
			"friend@[127.0.0.5]", "friend@127.0.0.5", "friend@[IPv6:::ffff:127.0.0.5]", "elsewhere.example!friend", "elsewhere.example!friend@test.example",
			"test.example!elsewhere.example!friend", "friend@elsewhere.example%test.example", "friend@elsewhere.example.", "friend@test.example@elsewhere.example",
			`friend\@elsewhere.example@test.example`, "friend@elsewhere.example\x00@test.example", "SRS0=abcd=AA=elsewhere.example=friend@test.example",
			"prvs=0123456789=friend@elsewhere.example", "prvs=1234567890=nobody@test.example", string(forged),
		} {
			reply := p.say("MAIL FROM:<" + from + ">")
			p.want("250", reply)
			if reply := p.say("RCPT TO:<" + to + ">"); !strings.HasPrefix(reply, "5") {
				t.Errorf("from <%s> to <%s>: %s", from, to, reply)
			}
			p.want("250", p.say("RSET"))
		}
		p.say("QUIT") // errors are counted
		p = connect(t, s.m, goodClient)
	}
	if n := len(queued(t, s.m)); n != 0 {
		t.Errorf("%d are queued", n)
	}
	if heard := s.there.heard("RCPT"); len(heard) > 0 {
		t.Errorf("elsewhere was told %q", heard)
	}
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
