package app

import (
	"context"

	"gatepost/internal/queue"
)

// carriers hands a job to who takes it: mailboxes here, or the relay. Where it goes was
// written down when it was queued; it is asked again each time, since smarthosts are
// replaced and domains move.
type carriers struct {
	local, remote queue.Carrier
	routes        routes
	bounced       func(queue.Job, queue.Report) // told of each; may be nil
	leaves        func(*queue.Transfer) leaving // which sending addresses are for it; nil: none
}

// Carry implements queue.Carrier.
func (c *carriers) Carry(ctx context.Context, job queue.Job) queue.Report {
	type way struct {
		to   queue.Destination
		from leaving
	}
	ways := map[way][]int{}
	for i, t := range job.Transfers {
		w := way{to: c.way(job.Destination, t)}
		if c.leaves != nil {
			w.from = c.leaves(t)
		}
		ways[w] = append(ways[w], i)
	}
	whole := queue.Report{Results: make([]queue.Result, len(job.Transfers)), Unreachable: true}
	for w, those := range ways {
		part, d := job, w.to
		part.Destination, part.Transfers = d, nil
		for _, i := range those {
			part.Transfers = append(part.Transfers, job.Transfers[i])
		}
		carrier := c.remote
		if d == queue.Local || c.moved(d) {
			carrier = c.local
		}
		report := carrier.Carry(ctx, part)
		for n, i := range those {
			if n < len(report.Results) {
				whole.Results[i] = report.Results[n]
			}
		}
		whole.Unreachable = whole.Unreachable && report.Unreachable
		whole.Unknown = whole.Unknown || report.Unknown
	}
	if c.bounced != nil {
		c.bounced(job, whole)
	}
	return whole
}

// way is where a transfer goes now that was to go to d.
func (c *carriers) way(d queue.Destination, t *queue.Transfer) queue.Destination {
	switch kind, _ := d.Split(); kind {
	case "mx", "host":
		return c.routes.destination(t.Recipient, c.sentBy(t))
	}
	return d
}

// sentBy is the domain of ours that sends a transfer on: that of the recipient whom the
// client named, or of the log-in that sent it.
func (c *carriers) sentBy(t *queue.Transfer) string {
	s := c.routes.directory.Snapshot()
	for _, p := range t.For {
		if dom, ours := s.Domain(p.Domain()); ours {
			return dom.Name
		}
	}
	return t.Message.Sender.Domain()
}

// moved reports whether a domain whose mail was to go elsewhere lives here since.
func (c *carriers) moved(d queue.Destination) bool {
	kind, name := d.Split()
	dom, ours := c.routes.directory.Snapshot().Domain(name)
	return ours && (kind == "mx" || kind == "domain" && len(dom.Hosts) == 0)
}
