package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/directory"
	"gatepost/mailbox"
)

// keepActs is for how long it is known what was done with archives.
const keepActs = 10 * 365 * 24 * time.Hour

// keepArchives ends openings whose time is over, each minute, and removes the months that were kept
// long enough, each hour, by a clock that may be gone by.
func (a *App) keepArchives(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for minute := 0; ; minute++ {
		now, ok := a.clock.Now(ctx)
		if ok {
			if err := a.endOpenings(ctx, now); err != nil && ctx.Err() == nil {
				a.log.Error("archive not closed", "error", err)
			}
		}
		if ok && minute%60 == 0 {
			if err := a.expireArchives(ctx, now); err != nil && ctx.Err() == nil {
				a.log.Error("archive not cut", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// endOpenings closes archives to those whose time is over.
func (a *App) endOpenings(ctx context.Context, now time.Time) error {
	openings, err := a.mailboxes.Openings(ctx, 0)
	if err != nil {
		return err
	}
	s := a.directory.Snapshot()
	for _, o := range openings {
		if o.Until.IsZero() || now.Before(o.Until) {
			continue
		}
		m, _ := s.Box(o.Box)
		reader, _ := s.Box(o.Reader)
		act := mailbox.Act{Domain: m.Address.Domain(), Time: now, Who: "gatepost", What: mailbox.ActClose, About: fmt.Sprintf("to %s: the time is over", reader.Address)}
		if err := a.mailboxes.CloseArchive(ctx, o.Box, o.Reader, act); err != nil {
			return err
		}
		a.changes.Notify(o.Box)
		a.log.Info("archive closed, its time is over", "domain", act.Domain, "reader", reader.Address)
	}
	return nil
}

// expireArchives removes the months that all archives have kept long enough. What was done with
// them, and to who may do what, is forgotten after some years, too.
func (a *App) expireArchives(ctx context.Context, now time.Time) error {
	s := a.directory.Snapshot()
	for _, m := range s.Archives() {
		dom, _ := s.Domain(m.Address.Domain())
		if dom.ArchiveDays <= 0 {
			continue
		}
		if err := a.expireArchive(ctx, m, now.AddDate(0, 0, -dom.ArchiveDays)); err != nil {
			return fmt.Errorf("archive of %s: %w", dom.Name, err)
		}
	}
	return errors.Join(a.mailboxes.ThinActs(ctx, now.Add(-keepActs)), a.store.Audit().Thin(ctx, now.Add(-directory.KeepNotes)))
}

// expireArchive removes the folders of which all mail is older than that.
func (a *App) expireArchive(ctx context.Context, m directory.Mailbox, before time.Time) error {
	folders, err := a.mailboxes.Folders(ctx, m.ID)
	if err != nil {
		return err
	}
	for _, f := range folders {
		_, _, next, ok := mailbox.RecordMonth(f.Name)
		if !ok || next.After(before) {
			continue
		}
		act := mailbox.Act{
			Domain: m.Address.Domain(), Time: a.now(), Who: "gatepost", What: mailbox.ActExpire,
			About: fmt.Sprintf("%s: %d messages, %d octets", f.Name, f.Messages, f.Size),
		}
		if err := a.mailboxes.Note(ctx, act); err != nil {
			return err
		}
		if err := a.mailboxes.DropMonth(ctx, m.ID, f.ID); err != nil {
			return err
		}
		a.changes.Notify(m.ID)
		a.log.Info("month of an archive removed", "domain", act.Domain, "folder", f.Name, "messages", f.Messages)
	}
	return nil
}

// imapAudit notes what readers do in archives.
type imapAudit struct{ app *App }

// Audit implements imap.Auditor.
func (i imapAudit) Audit(ctx context.Context, archive int64, who, what, about string) error {
	m, ok := i.app.directory.Snapshot().Box(archive)
	if !ok {
		return mailbox.ErrNoFolder
	}
	return i.app.mailboxes.Note(ctx, mailbox.Act{Domain: m.Address.Domain(), Time: i.app.now(), Who: who, What: what, About: about})
}
