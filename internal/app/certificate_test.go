package app

import (
	"bytes"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatepost/internal/config"
)

// The self-signed certificate is made once, kept, and made anew before it
// expires or when the node has another name; a file that can't be read is named.
func TestSelfSigned(t *testing.T) {
	c := &config.Config{Hostname: "mx.test.example", Data: t.TempDir()}
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	get := func() tls.Certificate {
		t.Helper()
		cfg, err := tlsConfig(c, now)
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Certificates[0]
	}
	same := func(a, b tls.Certificate) bool { return bytes.Equal(a.Certificate[0], b.Certificate[0]) }
	first := get()
	if !same(first, get()) {
		t.Error("a second start made a second certificate")
	}
	path := filepath.Join(c.Data, "self-signed.pem")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v; want 0600", info.Mode(), err)
	}
	now = now.AddDate(4, 11, 20)
	renewed := get()
	if same(first, renewed) {
		t.Error("it was not renewed before its end")
	}
	c.Hostname = "other.test.example"
	if same(renewed, get()) {
		t.Error("it was not renewed for another name")
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tlsConfig(c, now); err == nil || !bytes.Contains([]byte(err.Error()), []byte(path)) {
		t.Errorf("a broken file: got %v, want an error that names it", err)
	}
}
