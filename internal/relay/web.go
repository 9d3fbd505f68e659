package relay

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/mtasts"
)

// Bounds of what the web is asked.
const (
	webTime     = 30 * time.Second // for one request
	webDialTime = 8 * time.Second  // for one address
	webAddrs    = 4                // of one server
	webHeader   = 16 << 10         // octets of an answer's header
)

// A Web fetches MTA-STS policies (it is an mtasts.Fetcher) and packs of rules, and posts TLS
// reports, over HTTPS. It asks no proxy and follows no redirection (RFC 8461 §3.3). Strangers choose
// whom it asks: only addresses of the Internet, so that nothing leads behind our own
// walls.
type Web struct {
	Resolver Resolver
	Roots    *x509.CertPool // nil: the system's
	IPv6     bool
	Port     int  // where a URL names none; 0 is 443
	Private  bool // whether addresses that are not global are asked, too
	Now      func() time.Time
}

// Fetch implements mtasts.Fetcher.
func (w *Web) Fetch(ctx context.Context, domain string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return nil, err
	}
	answer, done, err := w.do(ctx, request)
	if err != nil {
		return nil, err
	}
	defer done()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %.100q", request.URL, answer.Status)
	}
	// RFC 8461 §3.2: a page that users wrote is not to be taken for a policy.
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return nil, fmt.Errorf("%w: %s is served as %.80q, not as text/plain", mtasts.ErrInvalid, request.URL, answer.Header.Get("Content-Type"))
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, mtasts.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", request.URL, webError(err))
	}
	return text, nil
}

// Post brings a TLS report to an https URL (RFC 8460 §5.4).
func (w *Web) Post(ctx context.Context, url string, report []byte) error {
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(report))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/tlsrpt+gzip")
	answer, done, err := w.do(ctx, request)
	if err != nil {
		return err
	}
	defer done()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %.100q", request.URL, answer.Status)
	}
	return nil
}

// Get brings what stands at an https URL, at most so many octets. etag and modified are what
// its last answer had, "" for none; fresh is false where nothing has changed since (RFC 9110
// §13.1).
func (w *Web) Get(ctx context.Context, url, etag, modified string, most int64) (body []byte, newETag, newModified string, fresh bool, err error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, "", "", false, err
	}
	if request.URL.Scheme != "https" {
		return nil, "", "", false, fmt.Errorf("%s is not an https address", url)
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	if modified != "" {
		request.Header.Set("If-Modified-Since", modified)
	}
	answer, done, err := w.do(ctx, request)
	if err != nil {
		return nil, "", "", false, err
	}
	defer done()
	switch answer.StatusCode {
	case http.StatusNotModified:
		return nil, etag, modified, false, nil
	case http.StatusOK:
	default:
		return nil, "", "", false, fmt.Errorf("%s answers %.100q", request.URL, answer.Status)
	}
	body, err = io.ReadAll(io.LimitReader(answer.Body, most+1))
	switch {
	case err != nil:
		return nil, "", "", false, fmt.Errorf("%s: %w", request.URL, webError(err))
	case int64(len(body)) > most:
		return nil, "", "", false, fmt.Errorf("%s is longer than %d octets", request.URL, most)
	}
	return body, clip(answer.Header.Get("ETag")), clip(answer.Header.Get("Last-Modified")), true, nil
}

// clip leaves out what is too long to be sent back.
func clip(s string) string {
	if len(s) > 200 {
		return ""
	}
	return s
}

// do asks once, over a connection of its own. done must be called.
func (w *Web) do(ctx context.Context, request *http.Request) (answer *http.Response, done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, webTime)
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return w.dial(ctx, address, request.URL.Port() == "")
		},
		TLSClientConfig:        &tls.Config{RootCAs: w.Roots, MinVersion: tls.VersionTLS12, Time: w.Now},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: webHeader,
	}
	client := http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request.Header.Set("User-Agent", "gatepost")
	answer, err = client.Do(request.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("%s: %w", request.URL, webError(err))
	}
	return answer, func() { answer.Body.Close(); cancel() }, nil
}

// webError leaves out what stands beside it already, and what is too long, and marks
// what is wrong with the server's proof.
func webError(err error) error {
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: %.300v", mtasts.ErrCertificate, certificate.Err)
	case errors.As(err, &dns):
		return dns
	}
	return fmt.Errorf("%.300v", plainError(err))
}

// dial connects to the first of a server's addresses that answers.
func (w *Web) dial(ctx context.Context, address string, noPort bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if noPort {
		port = fmt.Sprint(cmp.Or(w.Port, 443))
	}
	addrs, err := w.addresses(ctx, host)
	tried := 0
	for _, a := range addrs {
		if !w.Private && !mail.IsPublic(mail.Unmap(a)) {
			err = fmt.Errorf("%s has the address %s, which is not global", host, a)
			continue
		}
		if tried++; tried > webAddrs {
			break
		}
		var conn net.Conn
		d := net.Dialer{Timeout: webDialTime, KeepAlive: -1}
		if conn, err = d.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// addresses looks a server up, with an error where there is none.
func (w *Web) addresses(ctx context.Context, host string) (all []netip.Addr, err error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	networks := []string{"ip4"}
	if w.IPv6 {
		networks = []string{"ip4", "ip6"}
	}
	for _, network := range networks {
		found, failed := w.Resolver.LookupNetIP(ctx, network, host)
		all = append(all, found...)
		if failed != nil && (err == nil || absent(err)) {
			err = failed
		}
	}
	return all, err
}
