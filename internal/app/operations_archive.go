package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mailfile"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

func (a *App) archiveOps(h control.Handlers) {
	control.On(h, a.listArchives)
	control.On(h, a.openArchive)
	control.On(h, a.closeArchive)
	control.On(h, a.searchArchive)
	control.On(h, a.exportArchive)
	control.On(h, a.auditArchive)
	control.On(h, a.removeArchive)
}

// archiveOf finds the archive of a domain that a command names.
func (a *App) archiveOf(domain string) (directory.Mailbox, error) {
	name, err := domainName(domain)
	if err != nil {
		return directory.Mailbox{}, err
	}
	s := a.directory.Snapshot()
	d, ok := s.Domain(name)
	if !ok {
		return directory.Mailbox{}, control.NotFound("domain %s: %v", name, directory.ErrNoDomain)
	}
	m, ok := s.ArchiveOf(d.Name)
	if !ok {
		return m, control.NotFound("domain %s has no archive; gatepost domain set %s --archive-days N makes one", d.Name, d.Name)
	}
	return m, nil
}

// act is something that an operator does with an archive.
func (a *App) act(ctx context.Context, domain, what, format string, args ...any) mailbox.Act {
	return mailbox.Act{Domain: domain, Time: a.now(), Who: byCommand(ctx), What: what, About: mailbox.Describe(format, args...)}
}

func (a *App) listArchives(ctx context.Context, _ ops.ArchiveList) ([]ops.Archive, error) {
	list := []ops.Archive{}
	for _, m := range a.directory.Snapshot().Archives() {
		one, err := a.archive(ctx, m)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func (a *App) archive(ctx context.Context, m directory.Mailbox) (ops.Archive, error) {
	dom, _ := a.directory.Snapshot().Domain(m.Address.Domain())
	usage, err := a.mailboxes.Usage(ctx, m.ID)
	if err != nil {
		return ops.Archive{}, err
	}
	one := ops.Archive{Domain: dom.Name, Days: dom.ArchiveDays, Messages: usage.Messages, Bytes: usage.Bytes, Months: []string{}, Open: []ops.Opening{}}
	folders, err := a.mailboxes.Folders(ctx, m.ID)
	if err != nil {
		return one, err
	}
	for _, f := range folders {
		if _, _, _, ok := mailbox.RecordMonth(f.Name); ok {
			one.Months = append(one.Months, f.Name)
		}
	}
	openings, err := a.mailboxes.Openings(ctx, m.ID)
	for _, o := range openings {
		one.Open = append(one.Open, a.opening(m, o))
	}
	return one, err
}

func (a *App) opening(m directory.Mailbox, o mailbox.Opening) ops.Opening {
	shown := ops.Opening{
		Domain: m.Address.Domain(), Reader: a.people().Name(mailbox.BoxWho(o.Reader)), Since: o.Since, Why: o.Why,
		Name: strings.TrimSuffix(mailbox.SharedName(string(m.Address), "", false), mailbox.Separator),
	}
	if !o.Until.IsZero() {
		shown.Until = &o.Until
	}
	return shown
}

// openArchive tells the reader by mail, as of other shares.
func (a *App) openArchive(ctx context.Context, q ops.ArchiveOpen) (ops.Opening, error) {
	m, err := a.archiveOf(q.Domain)
	if err != nil {
		return ops.Opening{}, err
	}
	reader, err := a.owner(q.Reader)
	if err != nil {
		return ops.Opening{}, err
	}
	now := a.now()
	if !q.Until.IsZero() && !q.Until.After(now) {
		return ops.Opening{}, control.Misused("until %s is over", q.Until.Format("2006-01-02 15:04"))
	}
	if len(q.Why) > mailbox.MaxAbout/2 {
		return ops.Opening{}, control.Misused("the reason has %d octets; at most %d", len(q.Why), mailbox.MaxAbout/2)
	}
	o := mailbox.Opening{Box: m.ID, Reader: reader.ID, Since: now, Until: q.Until, Why: q.Why}
	until := "until it is closed"
	if !q.Until.IsZero() {
		until = "until " + q.Until.UTC().Format("2006-01-02 15:04 UTC")
	}
	domain := m.Address.Domain()
	var letters []*queue.Transfer
	if !q.Quiet {
		grant := mailbox.Grant{Box: m.ID, Who: mailbox.BoxWho(reader.ID), Rights: mailbox.MayLookUp | mailbox.MayRead}
		letters, _ = a.offers.letters(ctx, imap.Offer{By: "postmaster@" + domain, Grant: grant}, false)
	}
	if err := a.mailboxes.OpenArchiveTold(ctx, o, a.act(ctx, domain, mailbox.ActOpen, "to %s %s: %s", reader.Address, until, cmp.Or(q.Why, "no reason given")), letters); err != nil {
		return ops.Opening{}, err
	}
	a.log.Info("archive opened", "domain", domain, "reader", reader.Address, "open", until)
	if len(letters) > 0 {
		a.queue.Wake(queue.Local)
	}
	return a.opening(m, o), nil
}

func (a *App) closeArchive(ctx context.Context, q ops.ArchiveClose) (ops.Nothing, error) {
	m, err := a.archiveOf(q.Domain)
	if err != nil {
		return ops.Nothing{}, err
	}
	reader, err := a.owner(q.Reader)
	if err != nil {
		return ops.Nothing{}, err
	}
	err = a.mailboxes.CloseArchive(ctx, m.ID, reader.ID, a.act(ctx, m.Address.Domain(), mailbox.ActClose, "to %s", reader.Address))
	if errors.Is(err, mailbox.ErrNoGrant) {
		return ops.Nothing{}, control.NotFound("the archive of %s is not open to %s", m.Address.Domain(), reader.Address)
	}
	if err == nil {
		a.changes.Notify(m.ID)
		a.log.Info("archive closed", "domain", m.Address.Domain(), "reader", reader.Address)
	}
	return ops.Nothing{}, err
}

func (a *App) auditArchive(ctx context.Context, q ops.ArchiveAudit) ([]ops.ArchiveAct, error) {
	name, err := domainName(q.Domain) // which may be gone
	if err != nil {
		return nil, err
	}
	acts, err := a.mailboxes.Acts(ctx, mailbox.ActQuery{Domain: name, Before: q.After, Limit: q.Limit})
	list := []ops.ArchiveAct{}
	for _, act := range acts {
		list = append(list, ops.ArchiveAct{ID: act.ID, Time: act.Time, Who: act.Who, What: act.What, About: act.About})
	}
	return list, err
}

// removeArchive notes it first: what was done with an archive outlives it.
func (a *App) removeArchive(ctx context.Context, q ops.ArchiveRemove) (ops.Nothing, error) {
	m, err := a.archiveOf(q.Domain)
	if err != nil {
		return ops.Nothing{}, err
	}
	usage, err := a.mailboxes.Usage(ctx, m.ID)
	if err != nil {
		return ops.Nothing{}, err
	}
	domain := m.Address.Domain()
	if err := a.mailboxes.Note(ctx, a.act(ctx, domain, mailbox.ActRemove, "all of it: %d messages, %d octets", usage.Messages, usage.Bytes)); err != nil {
		return ops.Nothing{}, err
	}
	if _, err := a.directory.RemoveArchive(ctx, domain); err != nil {
		return ops.Nothing{}, told(err)
	}
	a.log.Warn("archive removed", "domain", domain, "messages", usage.Messages)
	if err := a.mailboxes.DropBox(ctx, m.ID, a.now()); err != nil {
		return ops.Nothing{}, fmt.Errorf("the archive of %s is removed, but not all of its mail: %w", domain, err)
	}
	return ops.Nothing{}, nil
}

// exportArchive writes what is asked for into files.
func (a *App) exportArchive(ctx context.Context, q ops.ArchiveExport) (done ops.MailboxExported, err error) {
	m, err := a.archiveOf(q.Domain)
	if err != nil {
		return done, err
	}
	if !filepath.IsAbs(q.Path) {
		return done, control.Misused("%q is no absolute path", q.Path)
	}
	if err := a.mailboxes.Note(ctx, a.act(ctx, m.Address.Domain(), mailbox.ActExport, "%s to %s", filterText(q.ArchiveFilter), q.Path)); err != nil {
		return done, err
	}
	w, err := mailfile.Create(q.Path, maildirNames)
	if err != nil {
		return done, fmt.Errorf("export: %w", err)
	}
	done.Path = q.Path
	last := ""
	err = a.findArchived(ctx, m.ID, archiveQuery{ArchiveFilter: q.ArchiveFilter}, func(f mailbox.Folder, m mailbox.Message) (bool, error) {
		if f.Name != last {
			last = f.Name
			done.Folders++
			if err := w.Folder(f.Name); err != nil {
				return false, err
			}
		}
		return true, a.exportMessage(ctx, w, f.Name, m, &done)
	})
	if err = errors.Join(err, w.Close()); err != nil {
		return done, fmt.Errorf("export: %w", err)
	}
	a.log.Info("archive exported", "domain", m.Address.Domain(), "path", q.Path, "messages", done.Messages)
	return done, nil
}
