package tlsreport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"gatepost/internal/daily"
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
	Old      func(context.Context) (time.Time, bool) // see daily.Reporter
}

// Bounds of reporting.
const (
	parallel = 8           // periods at a time: places that hang hold up few others
	sendTime = time.Minute // for one place
)

// A Reporter sends reports.
type Reporter struct {
	daily.Reporter
	c Config
}

// NewReporter returns a Reporter.
func NewReporter(c Config) *Reporter {
	r := &Reporter{c: c}
	r.Reporter = daily.Reporter{
		Name: "tlsreport", Periods: c.Rows, Parallel: parallel, Log: c.Log, Now: c.Now, Old: c.Old,
		Due: func(p Period) time.Time { return due(p.Day, p.Domain, c.Hostname) }, Send: r.period,
	}
	return r
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
		return nil
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
	if failed != nil { // one place has it: trying the others again would bring it there twice
		r.c.Log.Warn("tlsreport: report not sent to all", "domain", p.Domain, "day", string(p.Day), "error", failed)
	}
	return nil
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
