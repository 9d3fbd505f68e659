package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/acme"

	"gatepost/internal/certificate"
)

// Bounds of what is asked of an authority.
const (
	askTime   = 30 * time.Second // for one answer
	maxAnswer = 4 << 20          // octets
	maxRepeat = 3                // of one request that failed for a passing reason
	maxNonces = 10               // for one request, where the authority refuses them (RFC 8555 §6.5)
)

// client returns a client with this system's account, which is made when there is none.
func (d *Desk) client(ctx context.Context) (*acme.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	account, err := d.c.Rows.Account(ctx, d.c.Directory)
	if err != nil {
		return nil, err
	}
	if account.Private == nil {
		if account.Private, err = certificate.NewKey(); err != nil {
			return nil, err
		}
		if err := d.c.Rows.PutAccount(ctx, account); err != nil { // before it is used: an account without its key is lost
			return nil, err
		}
	}
	key, err := certificate.ParseKey(account.Private)
	if err != nil {
		return nil, err
	}
	http, err := d.http()
	if err != nil {
		return nil, err
	}
	c := &acme.Client{
		Key: key, KID: acme.KeyID(account.URI), DirectoryURL: d.c.Directory, UserAgent: d.c.Agent, RetryBackoff: again,
		HTTPClient: http,
	}
	return c, d.register(ctx, c, account)
}

// http returns what asks the authority.
func (d *Desk) http() (*http.Client, error) {
	authority, err := d.c.Authority()
	if err != nil {
		return nil, err
	}
	return &http.Client{Timeout: askTime, Transport: bounded{&http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: authority, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: askTime, IdleConnTimeout: askTime, MaxIdleConns: atOnce,
	}}}, nil
}

// register makes the account known to the authority, or tells it of another contact.
func (d *Desk) register(ctx context.Context, c *acme.Client, account certificate.Account) error {
	contact := mailto(d.c.Contact)
	text := strings.Join(contact, ",")
	if account.URI != "" && account.Contact == text {
		return nil
	}
	if account.URI == "" {
		a := &acme.Account{Contact: contact}
		if d.c.KeyID != "" {
			mac, err := d.c.MAC()
			if err != nil {
				return err
			}
			a.ExternalAccountBinding = &acme.ExternalAccountBinding{KID: d.c.KeyID, Key: mac}
		}
		terms := ""
		_, err := c.Register(ctx, a, func(url string) bool { terms = url; return true }) // tls.acme.accept_terms
		if err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
			return fmt.Errorf("no account at the authority: %w", err)
		}
		d.c.Log.Info("acme: this system has an account", "directory", d.c.Directory, "account", string(c.KID), "terms", terms)
	} else if _, err := c.UpdateReg(ctx, &acme.Account{URI: account.URI, Contact: contact}); err != nil {
		return fmt.Errorf("the authority does not take the contact: %w", err)
	}
	account.URI, account.Contact = string(c.KID), text
	return d.c.Rows.PutAccount(ctx, account)
}

// again is how long a request waits that failed and is repeated; nothing: it is not. What the authority wants to wait
// for longer is for the name's row.
func again(n int, _ *http.Request, res *http.Response) time.Duration {
	if res != nil && res.StatusCode == http.StatusBadRequest && n <= maxNonces { // only badNonce is asked about: a new one is at hand
		return time.Duration(n) * 100 * time.Millisecond
	}
	if n > maxRepeat || res != nil && res.StatusCode == http.StatusTooManyRequests {
		return 0
	}
	return time.Duration(n) * time.Second
}

// bounded cuts answers off that are too long to be any.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}

// unregistered has the account made known anew, with its key, where the authority says that it knows none.
func (d *Desk) unregistered(ctx context.Context, cause error) error {
	said := problemOf(cause)
	if said == nil || !strings.HasSuffix(said.ProblemType, ":accountDoesNotExist") {
		return nil
	}
	account, err := d.c.Rows.Account(ctx, d.c.Directory)
	if err != nil {
		return err
	}
	account.URI = ""
	return d.c.Rows.PutAccount(ctx, account)
}
