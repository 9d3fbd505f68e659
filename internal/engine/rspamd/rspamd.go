// Package rspamd asks Rspamd for its opinion over HTTP (POST /checkv2,
// https://docs.rspamd.com/developers/protocol), over TCP or a unix socket. Grade streams a
// message, with the envelope in the request's header; Probe asks /ping.
package rspamd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"

	"gatepost/internal/engine"
)

const (
	maxHead   = 16 << 10 // octets of the header of an answer
	maxAnswer = 1 << 20  // octets of an answer
	maxText   = 200      // octets kept of a symbol's description
)

// Grade has Rspamd at an address judge a message; password is what its controller wants, ""
// where a scanner is asked.
func Grade(ctx context.Context, address, password string, r engine.Request) (engine.Grade, error) {
	content, size := r.Content()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://rspamd/checkv2", content)
	if err != nil {
		return engine.Grade{}, fmt.Errorf("rspamd: %w", err)
	}
	req.ContentLength, req.GetBody = size, nil
	if size == 0 {
		req.Body = http.NoBody
	}
	envelope(req.Header, r)
	if password != "" {
		req.Header.Set("Password", password)
	}
	b, err := do(address, req)
	if err != nil {
		return engine.Grade{}, err
	}
	return parse(b)
}

// envelope tells of the transaction. Names are those of Rspamd, as written there.
func envelope(h http.Header, r engine.Request) {
	set := func(name, value string) {
		if value = printable(value); value != "" {
			h.Add(name, value)
		}
	}
	h.Set("User-Agent", "gatepost")
	h.Set("Content-Type", "message/rfc822")
	set("IP", r.Client.Addr.String())
	set("Helo", r.Client.Helo)
	set("Hostname", r.ClientName)
	set("From", string(r.Envelope.ReversePath))
	for _, p := range r.Envelope.Recipients {
		set("Rcpt", string(p))
	}
	set("Queue-Id", r.ID)
	set("MTA-Name", r.Host)
	set("User", string(r.Client.Login))
	version, cipher, _ := strings.Cut(r.Client.TLS, " ")
	set("TLS-Version", version)
	set("TLS-Cipher", cipher)
}

// do exchanges one request over a connection of its own: Rspamd closes it anyway.
func do(address string, req *http.Request) ([]byte, error) {
	t := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return engine.Dial(ctx, address) },
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHead,
	}
	defer t.CloseIdleConnections()
	answer, err := t.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("rspamd: %w", err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("rspamd: answered %d: %s", answer.StatusCode, reason(b))
	case err != nil:
		return nil, fmt.Errorf("rspamd: %w", err)
	case len(b) > maxAnswer:
		return nil, fmt.Errorf("rspamd: answered with more than %d octets", maxAnswer)
	}
	return b, nil
}

// reason is what Rspamd says of a failure.
func reason(b []byte) string {
	var failure struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(b, &failure) == nil && failure.Error != "" {
		return short(printable(failure.Error))
	}
	return short(printable(string(b[:min(len(b), maxText)])))
}

// An opinion is the part of an answer that counts here.
type opinion struct {
	Skipped  bool              `json:"is_skipped"`
	Score    *float64          `json:"score"`
	Required float64           `json:"required_score"`
	Action   string            `json:"action"`
	Symbols  map[string]symbol `json:"symbols"`
	Error    string            `json:"error"`
}

type symbol struct {
	Score       float64         `json:"score"`
	Description string          `json:"description"`
	Options     json.RawMessage `json:"options"`
}

func parse(b []byte) (engine.Grade, error) {
	var o opinion
	if err := json.Unmarshal(b, &o); err != nil {
		return engine.Grade{}, fmt.Errorf("rspamd: answered with no JSON: %w", err)
	}
	switch {
	case o.Error != "":
		return engine.Grade{}, fmt.Errorf("rspamd: answered %s", short(printable(o.Error)))
	case o.Skipped && (o.Action == "" || o.Action == "no action"): // GTUBE is skipped, too, and rejected
		return engine.Grade{Skipped: true, Action: "no action"}, nil
	case o.Score == nil || o.Action == "":
		return engine.Grade{}, errors.New("rspamd: answered without a score and an action")
	case math.Abs(*o.Score) > 1e6:
		return engine.Grade{}, fmt.Errorf("rspamd: answered with a score of %g", *o.Score)
	}
	g := engine.Grade{Score: *o.Score, Required: o.Required, Action: short(printable(o.Action))}
	for name, s := range o.Symbols {
		g.Tests = append(g.Tests, engine.Test{Name: short(printable(name)), Points: s.Score, Text: s.text()})
	}
	slices.SortFunc(g.Tests, func(a, b engine.Test) int { // what weighs most first
		return cmp.Or(cmp.Compare(math.Abs(b.Points), math.Abs(a.Points)), cmp.Compare(a.Name, b.Name))
	})
	g.Tests = g.Tests[:min(len(g.Tests), engine.MaxTests)]
	return g, nil
}

// text is what a symbol saw, or else what it is.
func (s symbol) text() string {
	var options []string
	if json.Unmarshal(s.Options, &options) == nil && len(options) > 0 {
		return short(printable(strings.Join(options, ", ")))
	}
	return short(printable(s.Description))
}

func short(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxText)], "")
}

// printable makes control characters underscores: a header has none.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}

// Probe asks Rspamd at an address whether it is there.
func Probe(ctx context.Context, address string) (engine.Info, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://rspamd/ping", nil)
	if err != nil {
		return engine.Info{}, fmt.Errorf("rspamd: %w", err)
	}
	b, err := do(address, req)
	if err != nil {
		return engine.Info{}, err
	}
	if strings.TrimSpace(string(b)) != "pong" {
		return engine.Info{}, fmt.Errorf("rspamd: answered /ping with %q", short(printable(string(b[:min(len(b), maxText)]))))
	}
	return engine.Info{}, nil
}
