package app

import (
	"context"
	"slices"

	"gatepost/internal/mail"
	"gatepost/internal/web"
	"gatepost/quarantine"
)

// A senderView is how a message stands to its sender: what is true of one of its rows at
// least.
type senderView struct {
	waiting   bool // for him
	back      bool // that too, since it was released once and a server did not take it
	delivered bool // into a mailbox here, or to another server
	onward    bool // on its way, by the queue
	refused   bool // by the server that it went to, and given up
	expired   bool
}

// maxAsked bounds for how many rows of one message the queue is asked.
const maxAsked = 20

// view looks at all rows of a message. A release into a mailbox here is a delivery; one
// that goes on by the queue is none until the queue says so.
func (c challenges) view(ctx context.Context, rows []quarantine.Held) (v senderView, err error) {
	asked := 0
	for _, h := range rows {
		if h.Box <= 0 && asked < maxAsked && (h.State == quarantine.StateReleased || c.waits(h)) {
			asked++
			if h, err = c.quarantine.Show(ctx, h.ID); err != nil {
				return v, err
			}
		}
		switch {
		case c.waits(h):
			v.waiting = true
			v.back = v.back || slices.ContainsFunc(h.Acts, func(a quarantine.Act) bool { return a.What == quarantine.StateReleased })
		case h.State == quarantine.StateExpired || h.State == quarantine.StateHeld:
			v.expired = true
		case h.State == quarantine.StateReleased && h.Box > 0:
			v.delivered = true
		case h.State == quarantine.StateReleased:
			v.went(h.Ways)
		}
	}
	return v, nil
}

// went notes where a released message is. To one address it may have gone several times:
// the last counts.
func (v *senderView) went(ways []quarantine.Way) {
	last := map[mail.Path]quarantine.Way{}
	for _, w := range ways {
		last[w.To] = w
	}
	v.onward = v.onward || len(last) == 0 // it is not known any more, or not asked
	for _, w := range last {
		switch {
		case w.What == "carried" || w.What == "delivered" || w.What == "relayed":
			v.delivered = true
		case !w.Next.IsZero() || w.What == "held": // an operator stopped it for a while
			v.onward = true
		default:
			v.refused = true
		}
	}
}

// state is what comes first for the sender: what he can do, what may still happen, what
// went wrong.
func (v senderView) state() web.ChallengeState {
	switch {
	case v.waiting:
		return web.ChallengeWaits
	case v.onward:
		return web.ChallengeOnward
	case v.refused:
		return web.ChallengeRefused
	case v.delivered:
		return web.ChallengeDelivered
	case v.expired:
		return web.ChallengeExpired
	}
	return web.ChallengeGone
}
