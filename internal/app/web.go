package app

import (
	"context"

	"gatepost/internal/captcha"
	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/web"
)

// openWeb makes the pages. Each part of them has its adapter in a file web_PART.go.
func (a *App) openWeb(ctx context.Context, c *config.Config) error {
	key, err := a.store.Secret(ctx, "web")
	if err != nil {
		return err
	}
	if a.captcha == nil { // tests have theirs
		a.captcha = captcha.New(captcha.Config{Now: a.now})
	}
	a.pages = func(c *config.Config) web.Config {
		return a.webConfig(c, key)
	}
	a.site, err = web.New(a.pages(c))
	return err
}

func (a *App) webConfig(c *config.Config, key []byte) web.Config {
	return web.Config{
		URL: c.Web.URL, Proxies: c.Web.Proxies, Metrics: c.Web.Metrics, Health: a.metrics.Handler(a.unwell, a.notes),
		Language: c.Digest.Language, Zone: c.Digest.Zone, Key: key,
		Desk: a.desk, Accounts: persons{a.directory}, Passwords: passwordRules(c), Logins: a.seen, Recoveries: recoveries{a}, Supports: supports{a}, Mailboxes: ownMailboxes{a}, Settings: settings{a, c.Digest}, Locks: func() web.Locks { return a.directory.Snapshot() },
		Shut: func(box int64, page directory.Page) directory.ShutBy {
			return a.directory.Snapshot().PageShut(box, page)
		},
		Challenges: a.challenges(), Captcha: a.captcha, Answered: a.metrics.Answered,
		Digests: digestDesk{a}, Shares: sharePages{a},
		Held:    heldPages{a.quarantine, a},
		Entries: listPages{a.directory, a},
		Proofs:  a.certificates,
		Hosts:   func() []string { return append(listenerNames(c), a.hostnames.all()...) },
		Bans:    a.bans, Banned: a.bans, BanContact: helpContact(c),
		Complaints: complaintPages{a.complaints}, Node: nodePages{a}, Messages: messagePages{a}, Keys: keyPages{a}, Programs: a.programs(c),
		Rules: rulePages{a}, OwnRules: ownRulePages{a}, OwnShares: ownSharePages{a}, OwnSending: ownSharePages{a}, Addresses: addressPages{a}, Collected: collectedPages{a},
		Queue: queuePages{a}, Senders: senderPages{a}, MailHosts: hostPages{a}, Stops: stopPages{a},
		Admins: adminPages{a},
		Log:    a.log, Now: a.now,
	}
}

// reachWeb tells once, when the pages are served, whether web.url leads to them.
func (a *App) reachWeb(ctx context.Context, site *web.Server) error {
	if err := site.Reach(ctx); err != nil && ctx.Err() == nil {
		a.log.Warn("links that are sent will not work", "error", err)
	}
	return nil
}

// unready says what keeps the node from taking mail.
func (a *App) unready(context.Context) (reasons []string) {
	for _, part := range []interface{ Err() error }{a.store, a.blobs, a.days} {
		if err := part.Err(); err != nil {
			reasons = append(reasons, err.Error())
		}
	}
	if err := a.blobs.Full(); err != nil {
		reasons = append(reasons, err.Error())
	}
	return reasons
}

// unwell says what is wrong with the node: what keeps it from taking mail, and what keeps
// it from judging mail as it should.
func (a *App) unwell(ctx context.Context) []string {
	reasons := a.unready(ctx)
	if err := a.resolver.Err(); err != nil {
		reasons = append(reasons, err.Error())
	}
	return append(reasons, a.engines.troubles()...)
}
