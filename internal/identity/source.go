package identity

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Bounds of what a provider is asked.
const (
	patience  = 5 * time.Second // for all that one token takes
	maxAnswer = 512 << 10       // octets
	atOnce    = 16              // questions about tokens
)

// A source is a provider with what is known of it.
type source struct {
	Provider
	client *http.Client
	now    func() time.Time
	log    *slog.Logger
	keys   *keys
	asked  *asked
}

func (d *IDs) newSource(p Provider) (*source, error) {
	roots, err := authorities(p.CA)
	if err != nil {
		return nil, err
	}
	s := &source{Provider: p, now: d.now, log: d.log.With("provider", p.Name), asked: newAsked()}
	s.client = &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: patience, IdleConnTimeout: time.Minute, MaxIdleConns: atOnce, MaxIdleConnsPerHost: atOnce,
			MaxConnsPerHost: atOnce, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.keys = newKeys(s.fetchKeys, d.now, s.log)
	return s, nil
}

func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return pool, nil
}

// Safe reports whether an address may be asked: over HTTPS, or on this machine.
func Safe(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && ip != nil && ip.IsLoopback()
}

// get brings what stands at an address.
func (s *source) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return s.do(r)
}

// do asks, and takes nothing but 200 and a body within its bound. What it says of a failure quotes
// neither the request's body nor its secret.
func (s *source) do(r *http.Request) ([]byte, error) {
	if !Safe(r.URL.String()) {
		return nil, fmt.Errorf("%.200q is no https address", r.URL.String())
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "gatepost")
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, plain(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", r.URL.Redacted(), answer.Status)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("%s answers more than %d octets", r.URL.Redacted(), maxAnswer)
	}
	return b, err
}

// plain keeps the context's errors and bounds what others say.
func plain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%.300v", err)
}

// secret reads the client's secret.
func (s *source) secret() (string, error) {
	b, err := os.ReadFile(s.ClientSecretFile)
	if err != nil {
		return "", err
	}
	text := string(bytes.TrimSpace(b))
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return "", fmt.Errorf("%s is not one line with a secret", s.ClientSecretFile)
	}
	return text, nil
}
