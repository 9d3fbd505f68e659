package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/token"
	"gatepost/internal/web"
	"gatepost/quarantine"
	"gatepost/quarantine/digest"
)

// A digestDesk does what the links in digests are for. Who has one acts as the owner.
type digestDesk struct{ app *App }

var _ web.Digests = digestDesk{}

// Link implements web.Digests.
func (d digestDesk) Link(ctx context.Context, text, lang string) (web.DigestLink, error) {
	act, id, late := d.app.digestLinks.Opened(ctx, text)
	if late != nil && !errors.Is(late, token.ErrExpired) {
		return web.DigestLink{}, late
	}
	h, err := d.app.quarantine.Show(ctx, id)
	switch {
	case errors.Is(err, quarantine.ErrUnknown) && late != nil: // removed, some time after its end
		return web.DigestLink{}, late
	case err != nil:
		return web.DigestLink{}, err
	case late != nil:
		return web.DigestLink{Act: act, Held: h}, late
	}
	who, dom, err := d.owner(h)
	if err != nil {
		return web.DigestLink{}, err
	}
	if act == digest.Allow || act == digest.Block {
		if h.Box <= 0 { // no link of ours says so
			return web.DigestLink{}, token.ErrToken
		}
		if by := d.app.directory.Snapshot().PageShut(h.Box, directory.PageAntiSpam); by != "" {
			return web.DigestLink{}, web.Shut{By: by}
		}
	}
	return web.DigestLink{
		Act: act, Held: h, Who: who, Zone: cmp.Or(dom.Zone, d.app.config.Load().Digest.Zone), Unallowed: d.app.quarantine.Allowable(h),
		Why: d.app.digestWriter.Why(lang, digest.Row{Filter: h.Filter, Guarded: h.Guarded}),
	}, nil
}

// owner is who a digest told of a held message. A mailbox that is not in use has no
// owner who may do anything.
func (d digestDesk) owner(h quarantine.Held) (mail.Path, directory.Domain, error) {
	s := d.app.directory.Snapshot()
	who := h.Recipient.Fold()
	if h.Box > 0 {
		box, ok := s.Box(h.Box)
		if !ok || box.State != directory.Active {
			return "", directory.Domain{}, fmt.Errorf("%w for a mailbox in use", quarantine.ErrUnknown)
		}
		who = box.Address
	}
	dom, ok := s.Domain(who.Domain())
	if !ok {
		return "", directory.Domain{}, fmt.Errorf("%w for a domain here", quarantine.ErrUnknown)
	}
	return who, dom, nil
}

// Do implements web.Digests.
func (d digestDesk) Do(ctx context.Context, text string, act digest.Act) (quarantine.Held, error) {
	link, err := d.Link(ctx, text, "")
	if err != nil {
		return quarantine.Held{}, err
	}
	if act != link.Act && (act != digest.Release || link.Act != digest.Allow) {
		return quarantine.Held{}, token.ErrToken
	}
	do := map[digest.Act]actOn{
		digest.Release: d.app.releaseHeld, digest.Allow: d.app.allowHeld(quarantine.Choice{}), digest.Block: d.app.blockHeld(quarantine.Choice{}),
		digest.Ask: d.app.askHeld,
	}[act]
	return do(ctx, link.Held.ID, quarantine.By{Who: string(link.Who)})
}

// Wants implements web.Digests.
func (d digestDesk) Wants(ctx context.Context, text string) (to mail.Path, wanted bool, err error) {
	if to, err = d.app.digestLinks.Stopped(ctx, text); err != nil {
		return "", false, err
	}
	s := d.app.directory.Snapshot()
	if box, ok := s.Mailbox(to); ok {
		return to, !box.NoDigest, nil
	}
	if _, ok := s.Domain(to.Domain()); !ok {
		return "", false, quarantine.ErrUnknown
	}
	off, err := d.app.store.Digests().Off(ctx, digest.Key{Recipient: to.Fold()})
	return to, !off, err
}

// Want implements web.Digests.
func (d digestDesk) Want(ctx context.Context, text string, wanted bool) error {
	to, was, err := d.Wants(ctx, text)
	if err != nil || was == wanted {
		return err
	}
	_, err = d.app.directory.ChangeMailbox(ctx, to, func(m *directory.Mailbox) error {
		m.NoDigest = !wanted
		return nil
	})
	if errors.Is(err, directory.ErrNoMailbox) {
		err = d.app.store.Digests().SetOff(ctx, digest.Key{Recipient: to.Fold()}, !wanted)
	}
	if err == nil {
		d.app.log.Info("digests", "to", to, "wanted", wanted)
	}
	return err
}
