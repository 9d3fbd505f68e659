package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// oldCertificate writes a certificate that ended yesterday, and its key.
func oldCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.test.example"}, DNSNames: []string{"mx.test.example"},
		NotBefore: time.Now().AddDate(0, -3, 0), NotAfter: time.Now().AddDate(0, 0, -1),
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// Whatever part of a node is broken, /readyz names it in words: what keeps it from its work with 503, the
// rest as a note. That of the store is looked at where it is a server that goes (TestPostgresAway, in test),
// that of content where a sync fails (TestSyncError).
func TestHealthSaysWhyNot(t *testing.T) {
	cert, key := oldCertificate(t)
	for name, c := range map[string]struct {
		sets   []string
		breaks func(*testing.T, *App)
		status int
		says   string
	}{
		"nothing": {nil, nil, 200, "ok\n"},
		"disk":    {[]string{"limits.min_free=1000000 GiB"}, nil, 503, "kept free"},
		"resolver": {[]string{"resolver.servers=127.0.0.1:1"}, func(t *testing.T, a *App) {
			for i := 0; i < 100 && a.resolver.Err() == nil; i++ {
				_, _ = a.resolver.LookupTXT(t.Context(), fmt.Sprintf("x%d.example", i))
			}
		}, 503, "no DNS server is of use: 127.0.0.1:1"},
		"engine": {nil, func(t *testing.T, a *App) {
			set := a.engines.fresh()
			scanner := set.engines().Clamd([]string{"/nonexistent/clamd"})
			a.engines.watch(set)
			for range 4 {
				_, _ = scanner.Scan(t.Context(), mail.NewMessage([]byte("x")))
			}
		}, 503, "/nonexistent/clamd"},
		"queue": {nil, func(t *testing.T, a *App) {
			at := time.Now().Add(-5 * time.Hour)
			m := &queue.Message{ID: mail.NewID(at), Tx: "tx", Blob: "b", Size: 1, Created: at, Expires: at.AddDate(0, 0, 5)}
			if err := a.store.Queue().Put(t.Context(), []*queue.Transfer{{Message: m, Recipient: "x@far.example", Destination: "mx:far.example"}}); err != nil {
				t.Fatal(err)
			}
		}, 200, "note: queue: the oldest of 1 messages that wait has waited for 5h0m0s; "},
		"certificate": {[]string{"tls.cert=" + cert, "tls.key=" + key}, func(t *testing.T, a *App) {
			if err := a.serveCertificates(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, 200, "note: certificate mx.test.example ("},
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := config.Load("../../config.yaml", append([]string{"data=" + freshData(t), "limits.min_free=0"}, c.sets...), nil)
			if err != nil {
				t.Fatal(err)
			}
			a, err := New(t.Context(), conf, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if c.breaks != nil {
				c.breaks(t, a)
			}
			w := httptest.NewRecorder()
			a.metrics.Handler(a.unwell, a.notes).ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
			if says := w.Body.String(); w.Code != c.status || !strings.Contains(says, c.says) {
				t.Errorf("%d, %q; want %d, %q", w.Code, says, c.status, c.says)
			}
		})
	}
}
