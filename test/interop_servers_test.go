package test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	mta "gatepost/test/peer"
)

// A server is somebody else's, running.
type server struct {
	addr string
	kept
}

// kept is what all of them have.
type kept interface {
	Stop()
	Log() string
	Mails(each func(content []byte)) error
}

// startServer starts a server for the time of the test.
func startServer(t *testing.T, name string, c mta.Config) server {
	t.Helper()
	var s server
	var err error
	switch name {
	case "postfix":
		var p *mta.Postfix
		p, err = mta.StartPostfix(t.TempDir(), mta.PostfixConfig{
			Domains: c.Domains, Relay: bracketed(c.Relay), ClientTLS: c.ClientTLS, RelayTLS: c.RelayTLS, Main: refusing(c),
		})
		if err == nil {
			s = server{p.SMTP, p}
		}
	case "exim":
		var e *mta.Exim
		if e, err = mta.StartExim(t.TempDir(), c); err == nil {
			s = server{e.SMTP, e}
		}
	case "opensmtpd":
		var o *mta.OpenSMTPD
		if o, err = mta.StartOpenSMTPD(t.TempDir(), c); err == nil {
			s = server{o.SMTP, o}
		}
	case "dovecot":
		var d *mta.Dovecot
		if d, err = mta.StartDovecot(t.TempDir(), c.Domains...); err == nil {
			s = server{d.LMTP, d}
		}
	}
	there(t, err)
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("the log of %s:\n%.6000s", name, s.Log())
		}
	})
	return s
}

// there skips the test where a peer can't be: it takes root, and leave to mount.
func there(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, mta.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// bracketed is host:port as Postfix writes a next hop that is no MX.
func bracketed(addr string) string {
	host, port, ok := strings.Cut(addr, ":")
	if !ok {
		return ""
	}
	return "[" + host + "]:" + port
}

// refusing are Postfix's lines for what the others have a setting for.
func refusing(c mta.Config) (main []string) {
	for _, domain := range c.Domains {
		for _, local := range c.Refused {
			main = append(main, "smtpd_recipient_restrictions = check_recipient_access inline:{ {"+local+"@"+domain+" = 550 5.1.1 "+mta.RefusedText+"} }")
		}
	}
	return main
}

// mails returns what a server keeps, with the line ends that it had on the wire.
func (s server) mails(t *testing.T) (all []string) {
	t.Helper()
	if err := s.Mails(func(b []byte) { all = append(all, string(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))) }); err != nil {
		t.Fatal(err)
	}
	return all
}
