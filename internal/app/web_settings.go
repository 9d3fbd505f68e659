package app

import (
	"context"
	"errors"

	"gatepost/internal/access"
	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/internal/web"
)

// settings is what owners set, as web wants it.
type settings struct {
	app  *App
	node config.Digest
}

var _ web.Settings = settings{}

// Settings implements web.Settings. Where no digest is due, DigestHours is empty.
func (s settings) Settings(ctx context.Context, address string) (web.MailboxSettings, error) {
	a, err := mail.ParsePath(address)
	if err != nil || a.IsNull() {
		return web.MailboxSettings{}, web.ErrNoMailbox
	}
	snapshot := s.app.directory.Snapshot()
	m, ok := snapshot.Mailbox(a.Fold())
	if !ok {
		return web.MailboxSettings{}, web.ErrNoMailbox
	}
	dom, ok := snapshot.Domain(m.Address.Domain())
	if !ok {
		return web.MailboxSettings{}, web.ErrNoMailbox
	}
	got := web.MailboxSettings{
		Address: string(m.Address), Domain: dom.Name, Box: m.ID, DomainDisposition: string(dom.Disposition),
		DigestHours: dom.DigestHours, Zone: dom.Zone,
		Language: m.Language, Disposition: string(m.Disposition), Level: m.Level, Digest: !m.NoDigest,
	}
	if got.DigestHours == nil {
		got.DigestHours = s.node.Hours
	}
	if got.Zone == "" {
		got.Zone = s.node.Zone
	}
	for _, may := range dom.Owners {
		got.Open = append(got.Open, string(may))
	}
	if got.Locked = m.Locked; got.Locked {
		notes, err := s.app.store.Audit().Notes(ctx, store.NoteQuery{Whom: string(m.Address), What: directory.NoteLocked, Limit: 1})
		if err != nil {
			return got, err
		}
		if len(notes) > 0 {
			got.LockedBy, got.LockedSince = notes[0].Who, notes[0].Time
		}
	}
	return got, nil
}

// SetLock implements web.Settings.
func (s settings) SetLock(ctx context.Context, address string, locked bool, by access.Person) error {
	_, err := s.app.lockMailbox(ctx, mail.Path(address), locked, by.Name)
	if errors.Is(err, directory.ErrNoMailbox) {
		return web.ErrNoMailbox
	}
	return err
}

// lockMailbox locks a mailbox or unlocks it. Its owner is told where somebody else did.
func (a *App) lockMailbox(ctx context.Context, address mail.Path, locked bool, who string) (directory.Mailbox, error) {
	before, _ := a.directory.Snapshot().Mailbox(address)
	m, err := a.directory.SetLock(ctx, address, locked, who)
	if err != nil || before.Locked == locked {
		return m, err
	}
	what := directory.NoteUnlocked
	if locked {
		what = directory.NoteLocked
	}
	a.log.Info("lock of a mailbox", "mailbox", m.Address, "what", what, "by", who)
	if who != string(m.Address) {
		recoveries{a}.tellOwner(ctx, m, what, who)
	}
	return m, nil
}

// SetSettings implements web.Settings.
func (s settings) SetSettings(ctx context.Context, want web.MailboxSettings) error {
	_, err := s.app.directory.ChangeMailbox(ctx, mail.Path(want.Address), func(m *directory.Mailbox) error {
		m.Language, m.Disposition, m.Level, m.NoDigest = want.Language, directory.Disposition(want.Disposition), want.Level, !want.Digest
		return nil
	})
	if errors.Is(err, directory.ErrNoMailbox) {
		return web.ErrNoMailbox
	}
	return err
}
