package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	askedFor  = time.Minute      // for which a yes is believed
	maxAsked  = 10_000           // of those
	restAfter = 3                // failures in a row
	restFor   = 10 * time.Second // that the provider is left alone then
)

// asked is what a provider said of tokens.
type asked struct {
	slots chan struct{}

	mu       sync.Mutex
	known    map[[sha256.Size]byte]answer
	failures int // in a row
	rests    time.Time
	err      error // of the last of them
}

// An answer is a yes, until it is to be asked for again.
type answer struct {
	claims
	until time.Time
}

func newAsked() *asked {
	return &asked{slots: make(chan struct{}, atOnce), known: map[[sha256.Size]byte]answer{}}
}

// introspect asks the provider about a token (RFC 7662 §2), unless it said yes within the last minute.
func (s *source) introspect(ctx context.Context, token string) (claims, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sum := sha256.Sum256([]byte(token))
	if c, ok := s.asked.have(sum, s.now()); ok {
		return c, nil
	}
	if err := s.asked.begin(ctx, s.now()); err != nil {
		return claims{}, err
	}
	defer func() { <-s.asked.slots }()
	c, err := s.ask(ctx, token)
	if s.asked.end(err, s.now()) {
		s.log.Warn("an identity provider can't be asked about tokens", "error", err)
	}
	switch {
	case err != nil:
		return claims{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case c.all["active"] != true:
		return claims{}, bad("the provider says that it is not active")
	}
	s.asked.keep(sum, c, s.now())
	return c, nil
}

// ask sends the question.
func (s *source) ask(ctx context.Context, token string) (c claims, err error) {
	secret, err := s.secret()
	if err != nil {
		return claims{}, err
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Introspection, strings.NewReader(form.Encode()))
	if err != nil {
		return claims{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(secret)) // RFC 6749 §2.3.1
	b, err := s.do(r)
	if err != nil {
		return claims{}, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return claims{}, fmt.Errorf("%s: %w", s.Introspection, err)
	}
	return c, nil
}

func (a *asked) have(sum [sha256.Size]byte, now time.Time) (claims, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := a.known[sum]
	return found.claims, ok && now.Before(found.until)
}

// begin waits for a place among those who ask, unless the provider is left alone.
func (a *asked) begin(ctx context.Context, now time.Time) error {
	a.mu.Lock()
	rests, err := now.Before(a.rests), a.err
	a.mu.Unlock()
	if rests {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	select {
	case a.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// end counts how it went, and reports whether the provider is left alone from now on.
func (a *asked) end(err error, now time.Time) (rests bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.failures, a.err = 0, nil
		return false
	case errors.Is(err, context.Canceled): // the client went
		return false
	}
	a.err = err
	if a.failures++; a.failures < restAfter {
		return false
	}
	a.failures, a.rests = restAfter-1, now.Add(restFor) // the next question is a trial
	return true
}

// keep remembers a yes. A full memory drops what is over, and where all is fresh everything.
func (a *asked) keep(sum [sha256.Size]byte, c claims, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxAsked {
		for old, what := range a.known {
			if !now.Before(what.until) {
				delete(a.known, old)
			}
		}
	}
	if len(a.known) >= maxAsked {
		clear(a.known)
	}
	a.known[sum] = answer{c, now.Add(askedFor)}
}
