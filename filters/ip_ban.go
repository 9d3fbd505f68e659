package filters

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"gatepost/internal/ban"
	"gatepost/pipeline"
)

// Banned knows who is kept out for a while. *ban.Bans is one.
type Banned interface {
	// Find returns the ban that keeps an address out now, of those whose cause shuts the door.
	Find(addr netip.Addr, shuts func(ban.Cause) bool) (ban.Ban, bool)
	// Notice is what who is banned is told.
	Notice(ban.Ban) string
	// Hit counts a refusal, at a door: "smtp" or "submission".
	Hit(b ban.Ban, door string)
}

// ipBan keeps clients out that are banned for a while: for writing to a trap, harvesting
// addresses, breaking the protocol, guessing passwords, or by hand (gatepost ban). The
// answer names the end of the ban and where to ask for help (bans.contact). Who is in a
// global allow list, trusted_relays, a proxy's network or bans.never is never banned. Where
// users' programs send, only bans for guessed passwords and those by hand count: what an
// address did as a mail server does not keep people from their mail. It belongs into the
// gate: a banned client is sent away before it says anything, whoever its mail is for,
// postmaster@ and abuse@ too.
type ipBan struct {
	bans   Banned
	causes []ban.Cause
}

type ipBanOptions struct {
	Causes []string `setting:"causes" doc:"bans that count: honeypot, harvest, protocol, login, admin"`
}

func ipBanKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "ip-ban", Stage: pipeline.Connect, Scope: pipeline.PerMessage, Gate: true, Told: true,
		Results: []pipeline.Result{
			{Word: "banned", Effect: "reject", Firm: true, Doc: "the client's address is banned for a while"},
			{Word: "none", Effect: "none", Doc: "it is not"},
		},
		Options: func() any {
			o := &ipBanOptions{}
			for _, c := range ban.Causes() {
				o.Causes = append(o.Causes, string(c))
			}
			return o
		},
		New: func(options any) (pipeline.Filter, error) {
			f := ipBan{bans: d.Banned}
			for _, c := range options.(*ipBanOptions).Causes {
				if f.causes = append(f.causes, ban.Cause(c)); !ban.Cause(c).Known() {
					return nil, fmt.Errorf("%q is no cause of a ban; there are %v", c, ban.Causes())
				}
			}
			return f, nil
		},
	}
}

// Check implements pipeline.Filter.
func (f ipBan) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	b, ok := f.find(q)
	if !ok {
		return pipeline.Finding{Result: "none"}, nil
	}
	return pipeline.Finding{Result: "banned", Reason: f.bans.Notice(b), Evidence: []pipeline.Evidence{
		{Key: "network", Value: b.Network.String()}, {Key: "cause", Value: string(b.Cause)},
		{Key: "step", Value: strconv.Itoa(b.Step)}, {Key: "until", Value: b.Until.Format(time.RFC3339)},
	}}, nil
}

// CountsBan reports whether a filter, of an entry ip-ban, counts bans for a cause.
func CountsBan(f pipeline.Filter, c ban.Cause) bool {
	b, ok := f.(ipBan)
	return ok && slices.Contains(b.causes, c)
}

func (f ipBan) find(q pipeline.Query) (ban.Ban, bool) {
	if f.bans == nil {
		return ban.Ban{}, false
	}
	return f.bans.Find(q.Tx.Client.Addr, func(c ban.Cause) bool {
		return slices.Contains(f.causes, c) && (!q.Tx.Client.Users || c.Doors())
	})
}

// Record implements pipeline.Recorder: it counts the hit.
func (f ipBan) Record(_ context.Context, q pipeline.Query, found pipeline.Finding) error {
	if found.Result != "banned" {
		return nil
	}
	b, ok := f.find(q)
	if !ok {
		return nil
	}
	door := "smtp"
	if q.Tx.Client.Users {
		door = "submission"
	}
	f.bans.Hit(b, door)
	return nil
}
