package tlsreport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

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
	claimTime = time.Hour          // also until a report that failed is tried again
	claimed   = 10                 // periods at once: they are sent before the claim ends
	sendTime  = time.Minute        // for one place
	oldest    = 3 * 24 * time.Hour // after a day's end its report is given up
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
		for _, p := range list {
			if ctx.Err() != nil {
				return nil // due again in an hour
			}
			if err := r.period(ctx, p); err != nil {
				r.c.Log.Warn("tlsreport: report not sent", "domain", p.Domain, "day", string(p.Day), "error", err)
			}
		}
	}
	return nil
}

// period reports one domain's day; an error means that it is to be tried again.
func (r *Reporter) period(ctx context.Context, p Period) error {
	if r.c.Now().Sub(p.Day.End()) > oldest {
		return r.c.Rows.DropSessions(ctx, p)
	}
	texts, err := r.c.Resolver.LookupTXT(ctx, "_smtp._tls."+p.Domain)
	var absent *net.DNSError
	if err != nil && !(errors.As(err, &absent) && absent.IsNotFound) {
		return err
	}
	places := ParseRecord(texts)
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

func (r *Reporter) send(ctx context.Context, to Place, domain string, report report, packed []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if to.URL != "" {
		return r.c.Sender.Post(ctx, to.URL, packed)
	}
	return r.c.Sender.Send(ctx, to.Mail, report.message(domain, packed, to.Mail, r.c.From, r.c.Now()))
}
