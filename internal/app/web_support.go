package app

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/store"
	"gatepost/internal/web"
)

// supports is what becomes of support access that owners give.
type supports struct{ *App }

var _ web.Supports = supports{}

// SupportBegan implements web.Supports. The owner hears of it in his inbox, which support access does not open.
func (s supports) SupportBegan(ctx context.Context, p access.Person, from netip.Addr) {
	r := recoveries(s)
	if m, err := r.boxOf(p.Box); err == nil {
		r.tellOwner(ctx, m, "support", from.String())
	}
}

// maxSupportActs is how much support access may do to a mailbox in a day: each takes a row of the audit, which is kept for years.
const maxSupportActs = 2000

// SupportActs implements web.Supports.
func (s supports) SupportActs(ctx context.Context, p access.Person, changes bool, where string) error {
	now, what := s.now(), directory.NoteSupportReads
	if changes {
		what = directory.NoteSupportActs
	}
	n := directory.Note{Time: now, Who: p.By(), What: what, Whom: p.Name, About: directory.AboutText(where)}
	err := s.store.Audit().Add(ctx, n, maxSupportActs, now.Add(-24*time.Hour))
	if errors.Is(err, store.ErrManyNotes) {
		return web.ErrManyActs
	}
	if err == nil {
		s.log.Info("support access is used", "person", n.Who, "what", what, "where", n.About)
	}
	return err
}
