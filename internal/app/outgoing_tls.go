package app

import (
	"context"
	"crypto/x509"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/mail"
	"gatepost/internal/mtasts"
	"gatepost/internal/queue"
	"gatepost/internal/relay"
	"gatepost/internal/tlsreport"
)

// secureOutgoing gives the relay what it needs to know how secure connections to
// servers elsewhere have to be, and has domains told how secure they were.
func (a *App) secureOutgoing(ctx context.Context, c *config.Config, carrier *relay.Config) error {
	if c.Relay.DANE && c.Resolver.Validates {
		carrier.DNSSEC = a.resolver
	}
	web := a.web(c, carrier.Roots)
	if c.Relay.MTASTS {
		policies, err := mtasts.New(ctx, mtasts.Config{Resolver: a.resolver, Fetcher: web, Rows: a.store.MTASTS(), Log: a.log, Now: a.now, Old: a.clock.Now})
		if err != nil {
			return err
		}
		carrier.Policies = policies
		a.beside = append(a.beside, service{name: "mta-sts", run: policies.Run})
	}
	if c.Relay.Reports {
		return a.reportTLS(ctx, c, carrier, web)
	}
	return nil
}

func (a *App) web(c *config.Config, roots *x509.CertPool) *relay.Web {
	return &relay.Web{Resolver: a.resolver, Roots: roots, IPv6: c.Relay.IPv6, Now: a.now}
}

// reportTLS counts sessions and reports them.
func (a *App) reportTLS(ctx context.Context, c *config.Config, carrier *relay.Config, web *relay.Web) error {
	rows := a.store.TLSReport()
	tally, err := tlsreport.NewTally(ctx, rows, c.Hostname, a.log, a.now)
	if err != nil {
		return err
	}
	a.closing(func() error { // what ended after the tally's own last time
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return tally.Flush(ctx)
	})
	carrier.Reports = tally
	reporter := tlsreport.NewReporter(tlsreport.Config{
		Rows: rows, Resolver: a.resolver, Sender: reportSender{a, web}, Hostname: c.Hostname, From: mail.Path("postmaster@" + c.Hostname),
		Log: a.log, Now: a.now, Old: a.clock.Now,
	})
	a.beside = append(a.beside, service{name: "tls session counts", run: tally.Run}, service{name: "tls reports", run: reporter.Run})
	return nil
}

// reportSender carries reports: messages by the queue, the rest over HTTPS.
type reportSender struct {
	app *App
	*relay.Web
}

// reportLife is how long a report is tried: the next one comes a day later.
const reportLife = 24 * time.Hour

// Send implements tlsreport.Sender and dmarc.Sender.
func (s reportSender) Send(ctx context.Context, to mail.Path, message []byte) error {
	t, err := s.app.queue.Letter(ctx, queue.Letter{To: to, Content: message, Kind: "report", Life: reportLife}) // signed: RFC 8460 §3
	if err != nil {
		return err
	}
	if err := s.app.store.Queue().Put(ctx, []*queue.Transfer{t}); err != nil {
		return err
	}
	s.app.queue.Wake(t.Destination)
	return nil
}

var (
	_ tlsreport.Sender = reportSender{}
	_ mtasts.Fetcher   = (*relay.Web)(nil)
)
