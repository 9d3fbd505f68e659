package imap_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/door"
	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
	"gatepost/test/fresh"
)

// bodies keeps contents in memory.
type bodies struct {
	mu   sync.Mutex
	all  map[blob.ID][]byte
	fail error // of Open

	before func() // runs before the next Put, if set; it unsets itself
}

func (b *bodies) Put(_ context.Context, r io.Reader, size int64) (blob.ID, error) {
	content, err := io.ReadAll(r)
	if err != nil || int64(len(content)) != size {
		return "", fmt.Errorf("put: %d octets of %d: %w", len(content), size, err)
	}
	if b.before != nil {
		b.before()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := blob.ID(fmt.Sprintf("b%06d", len(b.all)+1))
	b.all[id] = content
	return id, nil
}

func (b *bodies) Open(_ context.Context, id blob.ID) (blob.Content, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	content, ok := b.all[id]
	if !ok || b.fail != nil {
		return nil, fmt.Errorf("open %s: %w (%v)", id, blob.ErrNotFound, b.fail)
	}
	return memory{bytes.NewReader(content)}, nil
}

type memory struct{ *bytes.Reader }

func (m memory) Close() error { return nil }

// users know one password: "secret".
type users map[string]int64

func (u users) Login(_ context.Context, user, password string, _ netip.Addr) (int64, string, error) {
	box, ok := u[user]
	if !ok || password != "secret" {
		return 0, "", door.ErrLogin
	}
	return box, user, nil
}

// now is when everything happens.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// A server is a server under test, its listener on loopback.
type server struct {
	*imap.Server
	addr   string
	db     *store.DB
	bodies *bodies
}

func start(t testing.TB, change ...func(*imap.Server)) *server {
	t.Helper()
	db := fresh.Open(t)
	s := &server{db: db, bodies: &bodies{all: map[blob.ID][]byte{}}}
	s.Server = &imap.Server{
		Store: db.Mailboxes(), Bodies: s.bodies, Auth: users{"ann@example.org": 1, "bob@example.org": 2},
		Changes: &mailbox.Changes{}, Log: slog.New(slog.NewTextHandler(logs{t}, nil)),
		Spool: t.TempDir(), Now: func() time.Time { return now },
		Limits: imap.Limits{FailedLogin: time.Millisecond, Append: 200_000, Poll: time.Hour}, // what IDLE hears, it hears by a hint
	}
	for _, f := range change {
		f(s.Server)
	}
	if s.Releaser != nil {
		s.Releaser = s
	}
	s.addr = s.listen(t, nil)
	return s
}

// listen serves on one more port, with TLS first where a config is given.
func (s *server) listen(t testing.TB, config *tls.Config) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return addr
}

type logs struct{ t testing.TB }

func (l logs) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// certificate makes one for 127.0.0.1.
func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// quiet is a log for tests that do much.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
