package app

import (
	"context"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/mail"
	"gatepost/internal/signing"
)

// openSigning makes what signs the mail that leaves.
func (a *App) openSigning(ctx context.Context, _ *config.Config) (err error) {
	a.keys, err = signing.New(ctx, signing.Config{
		Rows: a.store.Signing(), Resolver: a.resolver, Log: a.log, Now: func() time.Time { return a.now() }, Old: a.clock.Now,
		Keep:   a.keepsKeys,
		Rotate: func() time.Duration { return a.config.Load().Signing.Rotate },
	})
	if err != nil {
		return err
	}
	a.beside = append(a.beside, service{name: "signing", run: func(ctx context.Context) error { a.keys.Run(ctx); return nil }})
	a.metrics.Gauge("dkim_troubles", "Keys of domains that wait for their record, whose record is wrong or gone, or is to be taken away.",
		func() float64 { return float64(len(a.keys.Troubles(""))) })
	return nil
}

// keepsKeys is how long the record of a key stays that was replaced: as long as the setting says, and until what it
// signed has left at last that its sender had wait (RFC 4865), and was tried for as long as anything is.
func (a *App) keepsKeys() time.Duration {
	c := a.config.Load()
	return max(c.Signing.Keep, c.Submission.Hold+c.Queue.Lifetime)
}

// signOwn returns the fields that sign what the node writes by itself.
func (a *App) signOwn(ctx context.Context, m *mail.Message) []byte {
	fields, err := a.keys.SignOwn(ctx, m)
	if err != nil {
		a.log.Warn("a message of the node's own leaves unsigned", "error", err)
		return nil
	}
	return fields
}

// signsReturns is since when what an address sends leaves under signed return paths.
func (a *App) signsReturns(rcpt mail.Path) time.Time {
	dom, _ := a.directory.Snapshot().Domain(rcpt.Domain())
	return dom.SignsReturns
}
