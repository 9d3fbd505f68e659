package app

import (
	"context"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/dmarc"
	"gatepost/internal/mail"
)

// openDMARC makes what counts mail in domains' names, and has those that ask for it told.
func (a *App) openDMARC(ctx context.Context, c *config.Config) (err error) {
	rows, now := a.store.DMARC(), func() time.Time { return a.now() }
	a.dmarc, err = dmarc.NewTally(ctx, dmarc.TallyConfig{
		Rows: rows, Hostname: c.Hostname, Ours: func(domain string) bool { _, ok := a.directory.Snapshot().Domain(domain); return ok },
		Reports: c.DMARC.Reports, Log: a.log, Now: now,
	})
	if err != nil {
		return err
	}
	a.closing(func() error { // what ended after the tally's own last time
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return a.dmarc.Flush(ctx)
	})
	a.beside = append(a.beside, service{name: "dmarc counts", run: a.dmarc.Run}, service{name: "dmarc sums", run: a.expireDMARC})
	if !c.DMARC.Reports {
		return nil
	}
	reporter := dmarc.NewReporter(dmarc.Config{
		Rows: rows, Resolver: a.resolver, Sender: reportSender{app: a}, Hostname: c.Hostname, Organization: c.DMARC.Organization,
		From: mail.Path(c.DMARC.Contact), Log: a.log, Now: now, Old: a.clock.Now,
	})
	a.beside = append(a.beside, service{name: "dmarc reports", run: reporter.Run})
	return nil
}

// expiring is how many sums go in one commit.
const expiring = 1000

// expireDMARC lets go, each hour, of sums that were kept long enough.
func (a *App) expireDMARC(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if now, ok := a.clock.Now(ctx); ok {
			before := dmarc.DayOf(now.Add(-a.config.Load().DMARC.Keep))
			for n := expiring; n == expiring; {
				var err error
				if n, err = a.store.DMARC().ExpireSums(ctx, before, expiring); err != nil && ctx.Err() == nil {
					a.log.Error("DMARC sums not expired", "error", err)
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
