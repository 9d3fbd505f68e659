package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"gatepost/internal/collector"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
)

func (a *App) importOps(h control.Handlers) {
	control.On(h, a.addImport)
	control.On(h, a.listImports)
	control.On(h, func(ctx context.Context, q ops.ImportRun) (ops.Import, error) {
		c, err := a.importOf(ctx, q.Address)
		if err == nil {
			c, err = a.visitNow(ctx, c)
		}
		if err != nil {
			return ops.Import{}, err
		}
		return a.importReport(ctx, c)
	})
	control.On(h, func(ctx context.Context, q ops.ImportShow) (ops.Import, error) {
		c, err := a.importOf(ctx, q.Address)
		if err != nil {
			return ops.Import{}, err
		}
		return a.importReport(ctx, c)
	})
	control.On(h, func(ctx context.Context, q ops.ImportFinish) (ops.Import, error) {
		c, err := a.importOf(ctx, q.Address)
		if err != nil {
			return ops.Import{}, err
		}
		report, err := a.importReport(ctx, c)
		if err == nil {
			err = a.store.Collectors().Remove(ctx, c.ID)
		}
		return report, err
	})
}

func importName(address mail.Path) string { return collector.WholePrefix + string(address) }

func (a *App) importOf(ctx context.Context, address string) (collector.Account, error) {
	box, err := a.owner(address)
	if err != nil {
		return collector.Account{}, err
	}
	c, err := a.collectorNamed(ctx, importName(box.Address))
	if control.KindOf(err) == control.Missing {
		err = control.NotFound("nothing is being imported into %s", box.Address)
	}
	return c, err
}

func (a *App) addImport(ctx context.Context, q ops.ImportAdd) (ops.Import, error) {
	box, err := a.owner(q.Address)
	if err != nil {
		return ops.Import{}, err
	}
	c, err := a.collectorNamed(ctx, importName(box.Address))
	known := err == nil
	switch {
	case known:
		if c.User != q.User || c.For != q.For || c.Address != withPort(q.Server, "imap", cmp.Or(q.Security, "tls")) {
			return ops.Import{}, control.Misused("%s of %s is being imported into %s; end that first: gatepost import finish %s", c.User, c.Address, box.Address, box.Address)
		}
	case control.KindOf(err) != control.Missing:
		return ops.Import{}, err
	default:
		c = collector.Account{Token: rand.Text(), Settings: collector.Settings{
			Name: importName(box.Address), Box: box.ID, Created: a.now().Unix(), Added: control.Person(ctx), Whole: true, For: q.For,
			Protocol: "imap", Security: "tls", Remove: -1, Messages: collector.MaxMessages, Octets: 1 << 40,
		}}
	}
	c.Follow = q.Follow > 0
	interval := cmp.Or(q.Follow, time.Hour)
	security := cmp.Or(q.Security, "tls")
	fields := ops.CollectorFields{Server: &q.Server, User: &q.User, Password: &q.Password, Security: &security, Fingerprint: &q.Fingerprint, Interval: &interval}
	if err := a.applyCollector(ctx, &c, fields); err != nil {
		return ops.Import{}, err
	}
	if known {
		c.Due, c.Failing, c.Failures, c.Fault, c.Told = a.now(), time.Time{}, 0, "", false
		err = a.store.Collectors().Change(ctx, &c)
	} else {
		err = a.store.Collectors().Add(ctx, &c)
	}
	if err != nil {
		return ops.Import{}, err
	}
	a.collector.Wake()
	if c, err = a.importOf(ctx, q.Address); err != nil {
		return ops.Import{}, err
	}
	return a.importShown(c), nil
}

func (a *App) listImports(ctx context.Context, q ops.ImportList) ([]ops.Import, error) {
	all, err := a.store.Collectors().Accounts(ctx)
	if err != nil {
		return nil, err
	}
	list := []ops.Import{}
	for _, c := range all {
		if c.Whole {
			list = append(list, a.importShown(c))
		}
	}
	return pageOf(list, q.Page, func(i ops.Import) string { return i.Address }), nil
}

func (a *App) importShown(c collector.Account) ops.Import {
	i := ops.Import{
		Server: c.Address, User: c.User, For: c.For, Follow: c.Follow, Interval: c.Interval, Last: maybe(c.Last), Failures: c.Failures, Fault: c.Fault,
		Taken: c.Taken, Size: c.Size, Left: c.Left, Complete: c.Failures == 0 && !c.Last.IsZero() && c.Due.After(c.Last.Add(30*time.Second)),
	}
	i.Address = c.Name[len(collector.WholePrefix):]
	if !c.Paused && c.Due.Before(a.now().AddDate(1, 0, 0)) {
		i.Due = maybe(c.Due)
	}
	return i
}

// maxUnfit bounds the messages that a report names.
const maxUnfit = 1000

func (a *App) importReport(ctx context.Context, c collector.Account) (ops.Import, error) {
	i := a.importShown(c)
	folders, err := a.store.Collectors().Folders(ctx, c.ID)
	unfit, also := a.store.Collectors().Unfit(ctx, c.ID, maxUnfit)
	for _, f := range folders {
		i.Folders = append(i.Folders, ops.ImportFolder{Name: f.Name, Target: f.Target, Messages: f.Messages, Unfit: f.Left, Changed: f.Changed, Removed: f.Removed, Fault: f.Fault})
	}
	for _, m := range unfit {
		i.Unfit = append(i.Unfit, ops.ImportUnfit{Folder: m.Folder, UID: m.ID, Size: m.Size, Why: m.Fate.String()})
	}
	return i, errors.Join(err, also)
}
