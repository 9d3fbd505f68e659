package app

import (
	"context"
	"errors"

	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/web"
)

// settings is what owners set, as web wants it.
type settings struct {
	d    *directory.Directory
	node config.Digest
}

var _ web.Settings = settings{}

// Settings implements web.Settings. Where no digest is due, DigestHours is empty.
func (s settings) Settings(_ context.Context, address string) (web.MailboxSettings, error) {
	a, err := mail.ParsePath(address)
	if err != nil || a.IsNull() {
		return web.MailboxSettings{}, web.ErrNoMailbox
	}
	snapshot := s.d.Snapshot()
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
	return got, nil
}

// SetSettings implements web.Settings.
func (s settings) SetSettings(ctx context.Context, want web.MailboxSettings) error {
	_, err := s.d.ChangeMailbox(ctx, mail.Path(want.Address), func(m *directory.Mailbox) error {
		m.Language, m.Disposition, m.Level, m.NoDigest = want.Language, directory.Disposition(want.Disposition), want.Level, !want.Digest
		return nil
	})
	if errors.Is(err, directory.ErrNoMailbox) {
		return web.ErrNoMailbox
	}
	return err
}
