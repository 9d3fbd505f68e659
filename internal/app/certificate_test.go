package app

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/internal/certificate"
	"gatepost/internal/config"
)

// A listener shows the certificate that is said for it, or that of its name, to who asks for no name that there is one for, and the
// authority is asked for it. One that is missing is told.
func TestCertificateOfListener(t *testing.T) {
	n := openPages(t)
	dir := t.TempDir()
	pair := func(name string) certificate.Pair { // the keeper of another node makes it
		file := filepath.Join(dir, name)
		n.must(certificate.New(certificate.Config{Hostname: name, Self: file, Rows: n.store.Certificates(), Log: slog.New(slog.DiscardHandler), Now: n.now}).Open(t.Context(), certificate.Files{}))
		return certificate.Pair{Cert: file, Key: file}
	}
	n.must(n.certificates.Open(t.Context(), certificate.Files{More: []certificate.Pair{pair("mail.customer.example"), pair("mx2.test.example")}}))
	own := n.config.Load().Hostname
	for _, c := range []struct {
		l    config.Listener
		want string
	}{
		{config.Listener{}, own},
		{config.Listener{Name: "mx2.test.example"}, "mx2.test.example"},
		{config.Listener{Name: "mx3.test.example"}, own},
		{config.Listener{Name: "mx2.test.example", Certificate: "mail.customer.example"}, "mail.customer.example"},
	} {
		near, far := net.Pipe()
		go tls.Server(far, front{app: n.App}.tls(c.l)).HandshakeContext(t.Context())
		client := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
		n.must(client.HandshakeContext(t.Context()))
		if got := client.ConnectionState().PeerCertificates[0].DNSNames[0]; got != c.want {
			t.Errorf("%+v: who names none is shown the certificate of %s, want that of %s", c.l, got, c.want)
		}
		near.Close()
		far.Close()
	}

	var told bytes.Buffer
	n.log = slog.New(slog.NewTextHandler(&told, nil))
	changed := *n.config.Load()
	changed.Listen.IMAP = []config.Listener{{Certificate: "mail.customer.example"}, {Certificate: "imap.missing.example"}}
	changed.TLS.ACME.Directory = "https://127.0.0.1:1/directory"
	n.tellMissing(&changed)
	if s := told.String(); !strings.Contains(s, "imap.missing.example") || strings.Contains(s, "mail.customer.example") {
		t.Errorf("told: %s", s)
	}
	n.config.Store(&changed)
	if got := strings.Join(n.orderedNames(), " "); got != "imap.missing.example "+own {
		t.Errorf("the authority is asked for %s", got)
	}
}
