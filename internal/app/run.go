package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/directory"
	"gatepost/internal/smtpd"
	"gatepost/mailbox/imap"
	"gatepost/mailbox/managesieve"
	"gatepost/mailbox/pop3"
)

// A service is something that runs until its context ends.
type service struct {
	name string
	run  func(context.Context) error
	late bool // it ends after the others, with what they brought it
}

// Run serves until ctx ends, or until a service fails, which ends them all. When
// it returns nothing of the node runs any more.
func (a *App) Run(ctx context.Context) error { return a.run(ctx, func() {}) }

// run calls ready once every listener is open.
func (a *App) run(ctx context.Context, ready func()) error {
	services, err := a.services(ctx, a.config.Load())
	if err != nil {
		return err
	}
	ready()
	return runAll(ctx, services)
}

// runAll runs services until ctx ends, or one fails.
func runAll(ctx context.Context, services []service) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var wg, learning sync.WaitGroup
	for _, s := range services {
		wait, ctx := &wg, ctx
		if s.late {
			wait, ctx = &learning, late
		}
		wait.Go(func() {
			if err := s.run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("app: %s: %w", s.name, err))
			}
		})
	}
	wg.Wait()
	end() // nobody teaches any more
	learning.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// services opens every listener before any of them serves, so that a port that is
// taken is known at once.
func (a *App) services(ctx context.Context, c *config.Config) (list []service, err error) {
	if err := a.serveCertificates(ctx); err != nil {
		return nil, err
	}
	certificate := a.certificates.TLS()
	spool, err := emptySpool(c.Data)
	if err != nil {
		return nil, err
	}
	var open []net.Listener
	defer func() {
		if err != nil {
			for _, l := range open {
				l.Close()
			}
		}
	}()
	listen := func(name string, addrs []string, serve func(context.Context, net.Listener) error) {
		for _, addr := range addrs {
			if err != nil {
				return
			}
			var l net.Listener
			if l, err = net.Listen("tcp", addr); err != nil {
				err = fmt.Errorf("app: listen.%s: %w", name, err)
				return
			}
			open = append(open, l)
			a.log.Info("listening", "protocol", name, "address", l.Addr().String())
			list = append(list, service{name: name + " on " + addr, run: func(ctx context.Context) error { return serve(ctx, l) }})
		}
	}
	if err := a.listenSMTP(c, certificate, spool, listen); err != nil {
		return nil, err
	}
	a.listenIMAP(c, certificate, spool, listen)
	a.listenPOP3(c, certificate, listen)
	a.listenSieve(c, certificate, listen)
	listen("web", c.Listen.Web, a.site.Serve)
	listen("webs", c.Listen.Webs, func(ctx context.Context, l net.Listener) error { return a.site.ServeTLS(ctx, l, a.certificates.Web()) })
	if err != nil {
		return nil, err
	}
	dns, err := a.listenDNS(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("app: listen.dns: %w", err)
	}
	list = append(list, dns...)
	commands, err := (&control.Server{Dir: c.Data, Handle: a.Handle, Log: a.log}).Listen()
	if err != nil {
		return nil, err
	}
	list = append(list, service{name: "commands", run: commands.Serve})
	return append(list, a.chores()...), nil
}

// A listenFunc opens listeners and has each served.
type listenFunc func(name string, addrs []string, serve func(context.Context, net.Listener) error)

func (a *App) listenSMTP(c *config.Config, certificate *tls.Config, spool string, listen listenFunc) error {
	limits := &smtpd.Limits{Connections: c.Limits.Connections, PerNetwork: c.Limits.ConnectionsPerNetwork, Bytes: int64(c.Limits.InFlight)}
	edge := smtpd.Config{
		Hostname: c.Hostname, MaxMessage: int64(c.Limits.MessageSize), MaxRecipients: c.Limits.Recipients, MaxReceived: c.Limits.MaxReceived,
		Senders: machines{a.directory, a.config.Load}, HideUsers: c.Submission.HideClient, MaxHold: c.Submission.Hold,
		MaxLine: int(c.Limits.LineSize), MaxErrors: c.Limits.Errors,
		CommandTime: c.Limits.CommandTimeout, DataTime: c.Limits.DataTimeout, ContentTime: c.Limits.ContentTimeout,
		AnswerTime: c.Limits.AnswerTimeout, DrainTime: c.Limits.DrainTimeout,
		Limits: limits, SpoolOver: int64(c.Limits.SpoolOver), SpoolDir: spool, ProxyTrusted: c.Proxy.Trusted,
		TLS: certificate, Log: a.log, Observer: a.metrics, Abuser: abusers{a.traffic, a.bans, a.log}, Now: a.now,
	}
	a.metrics.InFlight(limits.InFlight)
	for _, l := range []struct {
		name                 string
		addrs                []string
		submission, implicit bool
	}{
		{"smtp", c.Listen.SMTP, false, false},
		{"submission", c.Listen.Submission, true, false},
		{"smtps", c.Listen.SMTPS, true, true},
	} {
		own := edge
		own.Submission, own.ImplicitTLS = l.submission, l.implicit
		s, err := smtpd.New(own, a.receiver(l.submission, messageBudget(c)), submissionLogins{a.logins(directory.ServiceSubmission), a.allowance})
		if err != nil {
			return err
		}
		listen(l.name, l.addrs, s.Serve)
	}
	return nil
}

func (a *App) listenIMAP(c *config.Config, certificate *tls.Config, spool string, listen listenFunc) {
	s := &imap.Server{
		Store: a.mailboxes, Bodies: a.blobs, Auth: a.logins(directory.ServiceIMAP), Ended: a.ended(directory.ServiceIMAP), Refuse: a.refusal("imap"), ProxyTrusted: c.Proxy.Trusted, Changes: a.changes, Releaser: imapReleases{a}, Sorter: a.moves, Quotas: imapQuotas{a.quotas, a.warner}, Log: a.log,
		Sharing: a.mailboxes, People: imapPeople{a.directory}, Give: a.offers.Give, Auditor: imapAudit{a}, HideOffered: c.Sharing.Show == config.ShowAccepted,
		TLS: certificate, Spool: spool, Now: a.now,
		Limits: imap.Limits{Connections: c.Limits.Connections, Append: int64(c.Limits.MessageSize), Idle: c.Limits.IMAPTimeout},
	}
	a.listenDoor(c, "imap", s, certificate, c.Listen.IMAP, c.Listen.IMAPS, listen)
}

func (a *App) listenPOP3(c *config.Config, certificate *tls.Config, listen listenFunc) {
	s := &pop3.Server{
		Store: a.mailboxes, Bodies: a.blobs, Auth: a.logins(directory.ServicePOP3), Ended: a.ended(directory.ServicePOP3), Refuse: a.refusal("pop3"), ProxyTrusted: c.Proxy.Trusted,
		Changes: a.changes, Log: a.log, TLS: certificate, Now: a.now,
		Limits: pop3.Limits{Connections: c.Limits.Connections, Idle: c.Limits.POP3Timeout},
	}
	a.listenDoor(c, "pop3", s, certificate, c.Listen.POP3, c.Listen.POP3S, listen)
}

func (a *App) listenSieve(c *config.Config, certificate *tls.Config, listen listenFunc) {
	s := &managesieve.Server{
		Boxes: a.mailboxes, Scripts: a.rules, Auth: a.logins(directory.ServiceSieve), Ended: a.ended(directory.ServiceSieve), Refuse: a.refusal("sieve"), ProxyTrusted: c.Proxy.Trusted,
		Log: a.log, TLS: certificate, Now: a.now, Limits: managesieve.Limits{Connections: c.Limits.Connections},
	}
	a.listenDoor(c, "sieve", s, certificate, c.Listen.Sieve, nil, listen)
}

// listenDoor has a door of mailboxes served in the clear, where it offers TLS, and over TLS.
func (a *App) listenDoor(c *config.Config, name string, s interface {
	Serve(ctx context.Context, l net.Listener) error
	Shutdown(ctx context.Context) error
}, certificate *tls.Config, clear, encrypted []string, listen listenFunc) {
	serve := func(ctx context.Context, l net.Listener) error {
		err := s.Serve(ctx, l)
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Limits.DrainTimeout)
		defer cancel()
		return errors.Join(err, s.Shutdown(drain))
	}
	listen(name, clear, serve)
	listen(name+"s", encrypted, func(ctx context.Context, l net.Listener) error { return serve(ctx, tls.NewListener(l, certificate)) })
}

// spoolDir is where messages are while they are received or looked at.
func spoolDir(data string) string { return filepath.Join(data, "spool") }

// emptySpool makes the directory for messages being received. What a killed
// process left there belongs to clients that were told nothing.
func emptySpool(data string) (string, error) {
	dir := spoolDir(data)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("app: spool: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("app: spool: %w", err)
	}
	return dir, nil
}

// chores are what a node does by itself.
func (a *App) chores() []service {
	return append([]service{
		{name: "directory", run: func(ctx context.Context) error { a.directory.Run(ctx); return nil }},
		{name: "limits of log-ins", run: func(ctx context.Context) error { a.allowance.Run(ctx); return nil }},
		{name: "bans", run: func(ctx context.Context) error { a.bans.Run(ctx); return nil }},
		{name: "greylist", run: func(ctx context.Context) error { a.greylist.Run(ctx); return nil }},
		{name: "outbreak", run: func(ctx context.Context) error { a.outbreak.Run(ctx); return nil }},
		{name: "learning", run: func(ctx context.Context) error { a.learnt.Run(ctx); return nil }, late: true},
		{name: "bayes", run: func(ctx context.Context) error { a.bayes.Run(ctx); return nil }, late: true},
		{name: "moves", run: func(ctx context.Context) error { a.moves.run(ctx); return nil }},
		{name: "listings", run: a.lister.run},
		{name: "bulk", run: func(ctx context.Context) error { a.bulk.Run(ctx); return nil }},
		{name: "fingerprints", run: a.followDocuments},
		{name: "trust", run: func(ctx context.Context) error { a.trust.Run(ctx); return nil }},
		{name: "scripts", run: func(ctx context.Context) error { a.scripts.run(ctx); return nil }},
		{name: "ledger", run: func(ctx context.Context) error { a.ledger.Run(ctx); return nil }},
		{name: "notices", run: func(ctx context.Context) error { a.notifier.Run(ctx); return nil }},
		{name: "rules", run: func(ctx context.Context) error { a.rules.Run(ctx); return nil }},
		{name: "queue", run: a.runQueue},
		{name: "relay", run: func(ctx context.Context) error {
			a.relay.Run(ctx, func(host string) { a.recovered(ctx, host) })
			return nil
		}},
		{name: "complaints", run: func(ctx context.Context) error { a.complaints.Run(ctx); return nil }},
		{name: "mailboxes", run: a.followBoxes},
		{name: "room", run: a.yielder.run},
		{name: "quota warnings", run: a.warner.run},
		{name: "journal", run: a.expireJournal},
		{name: "reserve", run: a.reserve.run},
		{name: "dns lists", run: a.lists.run},
		{name: "engines", run: a.engines.run},
		{name: "web address", run: a.reachWeb},
		{name: "work for all nodes", run: a.lead},
		{name: "memory", run: a.giveBack},
		{name: "names of nodes", run: a.hostnames.run},
	}, a.beside...)
}

// common is the work for which rows are all that is needed, so that of several nodes one does it.
func (a *App) common() []service {
	return []service{
		{name: "same messages", run: a.forgetSame},
		{name: "memory of rules", run: a.forgetRules},
		{name: "digests", run: a.runDigests},
		{name: "quarantine", run: func(ctx context.Context) error { a.quarantine.Run(ctx); return nil }},
		{name: "junk", run: a.cleanJunk},
		{name: "expunges", run: a.thinExpunged},
		{name: "usage", run: a.recountDomains},
		{name: "folders that list", run: a.giveListings},
		{name: "archives", run: a.keepArchives},
		{name: "closed mailboxes", run: a.purgeClosed},
		{name: "deleted mail", run: a.purgeDeleted},
		{name: "content", run: a.compactContent},
		{name: "texts", run: a.indexTexts},
		{name: "sessions", run: a.expireSessions},
		{name: "certificates", run: a.orderCertificates},
		{name: "collector", run: a.runCollector},
	}
}

// expireJournal lets go, each hour, of evidence that was kept long enough, and of what
// the removal of a mailbox has left.
func (a *App) expireJournal(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if now, ok := a.clock.Now(ctx); ok {
			keep := a.config.Load().Journal.Keep
			if err := a.journal.Expire(ctx, now.Add(-keep)); err != nil && ctx.Err() == nil {
				a.log.Error("journal not expired", "error", err)
			}
			if err := a.store.Queue().ExpireEvents(ctx, now.Add(-keep)); err != nil && ctx.Err() == nil {
				a.log.Error("queue events not expired", "error", err)
			}
		}
		if err := a.mailboxes.SweepBoxes(ctx, a.now()); err != nil && ctx.Err() == nil {
			a.log.Error("mail of removed mailboxes not removed", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
