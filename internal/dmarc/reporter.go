package dmarc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"gatepost/internal/daily"
	"gatepost/internal/mail"
)

// A Sender carries reports.
type Sender interface {
	// Send takes responsibility for a message, under the null reverse-path: nobody is to
	// answer, and no report of its delivery comes back.
	Send(ctx context.Context, to mail.Path, message []byte) error
}

// A Config is what a Reporter needs.
type Config struct {
	Rows         Rows
	Resolver     Resolver
	Sender       Sender
	Hostname     string    // ours: who reports
	Organization string    // what we are called
	From         mail.Path // whom to ask
	Log          *slog.Logger
	Now          func() time.Time
	Old          func(context.Context) (time.Time, bool) // see daily.Reporter
}

// Bounds of reporting.
const (
	parallel  = 4 // periods at a time
	sendTime  = time.Minute
	maxReport = 10 << 20 // octets of a message; what is larger is sent to nobody
	maxPlaces = 4        // addresses of one domain that get a report
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
		Name: "dmarc", Periods: c.Rows, Parallel: parallel, Log: c.Log, Now: c.Now, Old: c.Old,
		Due: func(p Period) time.Time { return due(p.Day, p.Domain, c.Hostname) },
		Send: func(ctx context.Context, p Period) error {
			ctx, cancel := context.WithTimeout(ctx, sendTime)
			defer cancel()
			return r.period(ctx, p)
		},
	}
	return r
}

// period reports one domain's day; an error means that it is to be tried again.
func (r *Reporter) period(ctx context.Context, p Period) error {
	w := NewWalker(r.c.Resolver)
	record, err := w.at(ctx, p.Domain)
	if err != nil {
		return err
	}
	if record == nil || len(record.Reports) == 0 {
		return nil
	}
	rows, err := r.c.Rows.Seen(ctx, p, maxRows)
	if err != nil || len(rows) == 0 {
		return err
	}
	report := makeReport(p, *record, rows, r.c)
	packed, err := report.packed()
	if err != nil {
		return fmt.Errorf("report of %s: %w", p.Domain, err)
	}
	places, err := r.places(ctx, w, p.Domain, record.Reports)
	if len(places) == 0 {
		return err
	}
	sent := 0
	for _, to := range places {
		message := report.message(packed, to.Mail, r.c, r.c.Now())
		if size := int64(len(message)); size > maxReport || to.Max > 0 && size > to.Max {
			r.c.Log.Warn("dmarc: report is larger than its address takes", "domain", p.Domain, "to", string(to.Mail), "octets", size)
			continue
		}
		if sendErr := r.c.Sender.Send(ctx, to.Mail, message); sendErr != nil {
			err = errors.Join(err, fmt.Errorf("to %s: %w", to.Mail, sendErr))
			continue
		}
		sent++
		r.c.Log.Info("dmarc: report sent", "domain", p.Domain, "day", string(p.Day), "to", string(to.Mail))
	}
	if sent > 0 { // one place has it: trying the others again would bring it there twice
		return nil
	}
	return err
}

// places are the addresses that want a report on a domain: those of its own organisation,
// and others that say so themselves (RFC 9990 §4).
func (r *Reporter) places(ctx context.Context, w *Walker, domain string, wanted []URI) (list []URI, err error) {
	for _, u := range wanted {
		one, failed := r.agreed(ctx, w, domain, u)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		for _, o := range one {
			if len(list) < maxPlaces && !slices.ContainsFunc(list, func(is URI) bool { return is.Mail == o.Mail }) {
				list = append(list, o)
			}
		}
	}
	return list, err
}

// agreed returns the addresses in the place of one that takes reports on a domain; none
// where it has not agreed to.
func (r *Reporter) agreed(ctx context.Context, w *Walker, domain string, u URI) ([]URI, error) {
	host := u.Mail.Domain()
	if domain == host {
		return []URI{u}, nil
	}
	own, err := w.Organisation(ctx, domain)
	if err != nil {
		return nil, err
	}
	if Within(host, own) {
		other, err := w.Organisation(ctx, host)
		if err != nil || other == own {
			return []URI{u}, err
		}
	}
	name := domain + "._report._dmarc." + host
	if len(name) > 253 {
		return nil, nil
	}
	texts, err := r.c.Resolver.LookupTXT(ctx, name)
	if err != nil {
		if absent(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("looking up %s: %w", name, plain(err))
	}
	return override(texts, u), nil
}

// override reads the records by which somebody takes reports: he may name other addresses,
// at the same host alone.
func override(texts []string, u URI) []URI {
	agreed := false
	for _, text := range texts {
		record, ok := Parse(text)
		if !ok {
			continue
		}
		agreed = true
		if len(record.Reports) == 0 {
			continue
		}
		for _, o := range record.Reports {
			if o.Mail.Domain() != u.Mail.Domain() {
				return nil
			}
		}
		return record.Reports
	}
	if !agreed {
		return nil
	}
	return []URI{u}
}
