package filters

import (
	"context"
	"net/netip"
)

// A Banner keeps clients out for a while. *ban.Bans is one.
type Banner interface {
	// Impose bans a client for a cause; the note is one sentence for a person. Who is never
	// to be banned is not, and that is no error.
	Impose(ctx context.Context, client netip.Addr, cause, note string) error
}

// Causes of bans that filters impose.
const (
	causeHarvest  = "harvest"
	causeHoneypot = "honeypot"
)
