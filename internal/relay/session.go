package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"gatepost/internal/queue"
	"gatepost/internal/tlsreport"
)

// Reports are told how secure sessions were; *tlsreport.Tally is one. Note returns at
// once.
type Reports interface {
	Note(s tlsreport.Session)
}

// An Observer counts; its methods return at once. The words are few.
type Observer interface {
	// Carried counts a recipient whose message was taken, over a connection that was
	// "clear", "opportunistic" (TLS with whoever answered), "verified" (as the mail
	// host's setting asks), "mta-sts" or "dane".
	Carried(level string)
	// TLSFailed counts a session that was not as asked, by the results of RFC 8460
	// §4.3.
	TLSFailed(result string)
}

// serve is client.serve, counted.
func (r *Relay) serve(c *client, b *batch) error {
	before := b.carried()
	err := c.serve(b)
	if r.c.Observer != nil {
		for range b.carried() - before {
			r.c.Observer.Carried(c.level())
		}
	}
	return err
}

// carried is how many recipients were taken so far.
func (b *batch) carried() (n int) {
	for _, res := range b.results {
		if res.Fate == queue.Carried {
			n++
		}
	}
	return n
}

// level is how secure the connection is.
func (c *client) level() string {
	if !c.secured {
		return levelClear
	}
	return cmp.Or(c.target.level, levelAny)
}

// report notes a session, and logs one that was not as its policy asks: an admin
// looks for it by the domain.
func (r *Relay) report(s tlsreport.Session) {
	s.Failure.Reason = bounded(s.Failure.Reason)
	if f := s.Failure; f.Result != "" {
		level := slog.LevelInfo
		if s.Policy.Type == tlsreport.Free { // nobody said that it should be
			level = slog.LevelDebug
		}
		r.c.Log.Log(context.Background(), level, "relay: TLS is not as it should be", "domain", s.Policy.Domain, "policy", string(s.Policy.Type), "server", f.MX,
			"result", string(f.Result), "reason", f.Reason)
		if r.c.Observer != nil {
			r.c.Observer.TLSFailed(string(f.Result))
		}
	}
	if r.c.Reports != nil {
		r.c.Reports.Note(s)
	}
}

// sessionEnded notes how a connection that was just opened, or that failed to, is
// secured. One that broke before that says nothing about it.
func (r *Relay) sessionEnded(c *client, err error) {
	p := c.target.policy
	if p == nil {
		return
	}
	s := tlsreport.Session{Policy: &p.Policy}
	var d *distrust
	switch {
	case errors.As(err, &d):
		s.Failure.Result, s.Failure.Reason = d.result, d.text
	case errors.Is(err, errHandshake): // also of one that was secured, and broke at once
		s.Failure.Result, s.Failure.Reason = tlsreport.ValidationFailure, reasonOf(err)
	case c.secured && p.misnamed != nil:
		s.Failure.Result, s.Failure.Reason = tlsreport.ValidationFailure, p.misnamed.Error()
	case c.secured && p.testing: // RFC 8461 §5: what "enforce" would have led to
		sure := c.target
		sure.tls = verify
		if errors.As(sure.check(c.proof, c.now()), &d) {
			s.Failure.Result, s.Failure.Reason = d.result, d.text
		}
	case c.secured:
	case errors.Is(err, errNoTLS) || err == nil:
		s.Failure.Result, s.Failure.Reason = tlsreport.NoSTARTTLS, errNoTLS.Error()
	default:
		return
	}
	if s.Failure.Result != "" {
		s.Failure.MX, s.Failure.Receiving = c.target.name, c.target.addr.Addr().String()
		if local, ok := c.conn.LocalAddr().(*net.TCPAddr); ok {
			s.Failure.Sending = local.IP.String()
		}
	}
	r.report(s)
}

// reasonOf is what the server said, where it did, or what happened.
func reasonOf(err error) string {
	var s *stop
	if errors.As(err, &s) && s.reply.code != 0 {
		return fmt.Sprintf("%s: %d %s", s.command, s.reply.code, s.reply.text())
	}
	return err.Error()
}
