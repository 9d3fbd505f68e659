package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/store"
	"gatepost/internal/systemd"
)

// A service is something that runs until its context ends.
type service struct {
	name string
	run  func(context.Context) error
	late bool // it ends after the others, with what they brought it
}

// Run serves until ctx ends, or until a service fails, which ends them all. When
// it returns nothing of the node runs any more.
func (a *App) Run(ctx context.Context) error {
	stopping := func() bool { return true }
	defer func() { stopping() }() // where another process takes over nothing stops
	return a.run(ctx, func() {
		if a.handover.Ready != nil {
			a.handover.Ready()
		}
		a.supervised(a.supervisor.Ready(a.config.Load().Hostname + " serves"))
		stopping = context.AfterFunc(ctx, func() { a.supervised(a.supervisor.Stopping()) })
	})
}

// SupervisedBy says who is told that the node is ready, reloads and ends. It is called before Run.
func (a *App) SupervisedBy(s systemd.Supervisor) { a.supervisor = s }

func (a *App) supervised(err error) {
	if err != nil {
		a.log.Warn("the supervisor is not told how the node fares", "error", err)
	}
}

// Alive fails where the store does not come back in ctx's time, as it does when parts of the node
// wait for each other for ever. What it comes back with does not matter: a database that is gone,
// or a disk that is full or broken, is told by /readyz, and no new start would mend it.
func (a *App) Alive(ctx context.Context) error {
	err := a.store.Update(ctx, func(*store.Tx) error { return nil })
	if errors.Is(err, context.DeadlineExceeded) && a.config.Load().Store.DSN == "" {
		return fmt.Errorf("app: the store does not answer: %w", err)
	}
	return nil
}

// run calls ready once every listener is open.
func (a *App) run(ctx context.Context, ready func()) error {
	ctx, a.succession.end = context.WithCancel(ctx)
	defer a.succession.end()
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

// services prepares everything that runs: every listener is open before any of them
// serves, so that a port that is taken is known at once.
func (a *App) services(ctx context.Context, c *config.Config) ([]service, error) {
	if err := a.serveCertificates(ctx); err != nil {
		return nil, err
	}
	spool, err := emptySpool(c.Data)
	if err != nil {
		return nil, err
	}
	a.metrics.InFlight(a.edge.limits.InFlight)
	a.board.Count(a.metrics.OutOfNetwork)
	a.board.Inherit(a.handover.Left)
	a.tellMissing(c)
	points, err := a.points(c, a.site, spool)
	if err != nil {
		return nil, err
	}
	change, err := a.board.Prepare(points)
	if err != nil {
		return nil, fmt.Errorf("app: %w", err)
	}
	dns, err := a.listenDNS(ctx, c)
	if err != nil {
		change.Cancel()
		return nil, fmt.Errorf("app: listen.dns: %w", err)
	}
	commands, err := (&control.Server{Dir: c.Data, Handle: a.Handle, Log: a.log, Keepers: a.keepers()}).Listen()
	if err != nil {
		change.Cancel()
		return nil, err
	}
	change.Apply()
	for _, s := range a.handover.Left.Rest() {
		a.log.Warn("a socket that was open is not served: nothing below listen has its address", "socket", s.String())
	}
	a.spool = spool
	list := append(dns, service{name: "listeners", run: a.board.Run}, service{name: "commands", run: commands.Serve})
	return append(list, a.chores()...), nil
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
	site := a.site
	return append([]service{
		{name: "heap", run: boundHeap},
		{name: "database", run: a.watchStore},
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
		{name: "flood warnings", run: a.flood.run},
		{name: "journal", run: a.expireJournal},
		{name: "reserve", run: a.reserve.run},
		{name: "dns lists", run: a.lists.run},
		{name: "engines", run: a.engines.run},
		{name: "web address", run: func(ctx context.Context) error { return a.reachWeb(ctx, site) }},
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
		if _, err := a.scrubEvidence(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("evidence that is to be erased is there still", "error", err)
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
