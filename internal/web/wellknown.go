package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// wellKnown is where a node says which one it is, for itself to read.
const wellKnown = "/.well-known/gatepost"

// whoami answers with the number that this process drew: it says nothing but that.
func (s *Server) whoami(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := io.WriteString(w, s.instance+"\n")
	return err
}

const reachTime = 20 * time.Second

// Reach finds out whether the address under which links are sent leads here, by asking
// for it as anybody would. The error says what is wrong in words for an admin.
func (s *Server) Reach(ctx context.Context) error {
	if s.URL == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+wellKnown, nil)
	if err != nil {
		return fmt.Errorf("web.url %s can't be asked for: %w", s.URL, err)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("web.url %s %s: %w", s.URL, unreached(err), err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("web.url %s breaks off: %w", s.URL, err)
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return fmt.Errorf("web.url %s leads on to another address: write that one into web.url (status %s)", s.URL, resp.Status)
	case resp.StatusCode != http.StatusOK || string(body) != s.instance+"\n":
		return fmt.Errorf("web.url %s is answered by another server, or by a proxy that does not hand on to this one (status %s)", s.URL, resp.Status)
	}
	return nil
}

// unreached says in words why there was no answer.
func unreached(err error) string {
	var unknown *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var name x509.HostnameError
	switch {
	case errors.As(err, &name):
		return "has a certificate for another name"
	case errors.As(err, &untrusted):
		return "has a certificate that browsers do not trust"
	case errors.As(err, &unknown):
		return "has a name that the DNS does not know"
	case errors.Is(err, context.DeadlineExceeded):
		return "does not answer"
	}
	return "can't be reached"
}
