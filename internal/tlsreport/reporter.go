package tlsreport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"gatepost/internal/mail"
)

// A Resolver asks the DNS; a *net.DNSError with IsNotFound says that there is nothing.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// A Sender carries reports.
type Sender interface {
	// Send takes responsibility for a message, under the null reverse-path: nobody is
	// to answer. It should be signed with DKIM (RFC 8460 §3), and go whatever is wrong
	// with TLS at its destination.
	Send(ctx context.Context, to mail.Path, message []byte) error
	// Post brings a report to an https URL, as application/tlsrpt+gzip.
	Post(ctx context.Context, url string, report []byte) error
}

// A Config is what a Reporter needs.
type Config struct {
	Rows     Rows
	Resolver Resolver
	Sender   Sender
	Hostname string    // ours: who reports
	From     mail.Path // whom to ask
	Log      *slog.Logger
	Now      func() time.Time
}

// Times and bounds of reporting.
const (
	lookTime  = 5 * time.Minute
	claimTime = time.Hour      // for claimed periods, also until one that failed is tried again
	claimed   = 32             // periods at once: they are sent before the claim ends
	parallel  = 8              // of them at a time: places that hang hold up few others
	sendTime  = time.Minute    // for one place
	tryTime   = 24 * time.Hour // after which a report is given up (RFC 8460 §5.5)
)

// A Reporter sends reports.
type Reporter struct{ c Config }

// NewReporter returns a Reporter.
func NewReporter(c Config) *Reporter { return &Reporter{c} }

// Run sends reports when they are due, until ctx ends.
func (r *Reporter) Run(ctx context.Context) error {
	timer := time.NewTimer(lookTime)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := r.Report(ctx); err != nil && ctx.Err() == nil {
			r.c.Log.Error("tlsreport: reports not sent", "error", err)
		}
		timer.Reset(lookTime)
	}
}

// Report sends the reports that are due now.
func (r *Reporter) Report(ctx context.Context) error {
	for ctx.Err() == nil {
		now := r.c.Now()
		list, err := r.c.Rows.ClaimReports(ctx, now, now.Add(claimTime), claimed)
		if err != nil || len(list) == 0 {
			return err
		}
		var periods errgroup.Group
		periods.SetLimit(parallel)
		for _, p := range list {
			if ctx.Err() != nil {
				break // due again in an hour
			}
			periods.Go(func() error { r.try(ctx, p); return nil })
		}
		_ = periods.Wait() // none fails
	}
	return nil
}

// try reports one domain's day, or has it due again: after an hour, and then after as
// long as it was tried already, so that the intervals double (RFC 8460 §5.5).
func (r *Reporter) try(ctx context.Context, p Period) {
	now := r.c.Now()
	tried := now.Sub(p.Day.due(p.Domain, r.c.Hostname))
	if tried > tryTime {
		if err := r.c.Rows.DropSessions(ctx, p); err != nil {
			r.c.Log.Error("tlsreport: counts not removed", "domain", p.Domain, "day", string(p.Day), "error", err)
		}
		return
	}
	err := r.period(ctx, p)
	if err == nil || ctx.Err() != nil {
		return
	}
	r.c.Log.Warn("tlsreport: report not sent", "domain", p.Domain, "day", string(p.Day), "error", err)
	if err := r.c.Rows.DelayReport(ctx, p, now.Add(max(claimTime, tried))); err != nil {
		r.c.Log.Error("tlsreport: report not put off; due again in an hour", "domain", p.Domain, "day", string(p.Day), "error", err)
	}
}

// period reports one domain's day; an error means that it is to be tried again.
func (r *Reporter) period(ctx context.Context, p Period) error {
	texts, err := r.c.Resolver.LookupTXT(ctx, "_smtp._tls."+p.Domain)
	var absent *net.DNSError
	if err != nil && !(errors.As(err, &absent) && absent.IsNotFound) {
		return err
	}
	places := preferred(ParseRecord(texts))
	if len(places) == 0 {
		return r.c.Rows.DropSessions(ctx, p)
	}
	counts, err := r.c.Rows.Sessions(ctx, p)
	if err != nil {
		return err
	}
	report := makeReport(p, counts, r.c)
	packed, err := report.packed()
	if err != nil {
		return fmt.Errorf("report of %s: %w", p.Domain, err)
	}
	sent := 0
	var failed error
	for _, place := range places {
		if err := r.send(ctx, place, p.Domain, report, packed); err != nil {
			failed = errors.Join(failed, fmt.Errorf("to %s: %w", place, err))
			continue
		}
		sent++
		r.c.Log.Info("tlsreport: report sent", "domain", p.Domain, "day", string(p.Day), "to", place.String())
	}
	if sent == 0 {
		return failed
	}
	// One place has it: trying the others again would bring it there twice.
	return errors.Join(r.c.Rows.DropSessions(ctx, p), failed)
}

// preferred leaves out addresses where there are URLs: our messages are not signed with
// DKIM as RFC 8460 §3 demands, and who receives reports may ignore such.
func preferred(places []Place) []Place {
	if !slices.ContainsFunc(places, func(p Place) bool { return p.URL != "" }) {
		return places
	}
	return slices.DeleteFunc(places, func(p Place) bool { return p.URL == "" })
}

func (r *Reporter) send(ctx context.Context, to Place, domain string, report report, packed []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if to.URL != "" {
		return r.c.Sender.Post(ctx, to.URL, packed)
	}
	return r.c.Sender.Send(ctx, to.Mail, report.message(domain, packed, to.Mail, r.c.From, r.c.Now()))
}
