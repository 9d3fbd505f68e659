package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/mailbox"
)

// quotas join what the directory allows and what the store counts.
type quotas struct {
	directory *directory.Directory
	boxes     store.Mailboxes
}

// of returns the limits of a mailbox and of its domain; none where it is gone.
func (q quotas) of(box int64) (own directory.Limits, dom directory.Domain) {
	s := q.directory.Snapshot()
	m, ok := s.Box(box)
	if !ok {
		return own, dom
	}
	dom, _ = s.Domain(m.Address.Domain())
	return dom.LimitsOf(m), dom
}

// quotaOf is what limits say of what may be there; 0 is no limit.
func quotaOf(l directory.Limits) mailbox.Usage {
	return mailbox.Usage{Messages: max(l.Messages, 0), Bytes: max(l.Bytes, 0)}
}

// Fits says whether more fits into a mailbox: nil, mailbox.ErrOverQuota or
// mailbox.ErrBeyondQuota. Where there are limits it asks for the counters of the mailbox, one
// row, and of its domain, 16; else it asks nothing.
func (q quotas) Fits(ctx context.Context, box int64, more mailbox.Usage) error {
	own, dom := q.of(box)
	if own.Any() {
		there, err := q.boxes.Usage(ctx, box)
		if err == nil {
			err = quotaOf(own).Fits(there, more)
		}
		if err != nil {
			return err
		}
	}
	if dom.Total.Any() {
		there, err := q.boxes.DomainUsage(ctx, dom.ID)
		if err == nil {
			err = quotaOf(dom.Total).Fits(there, more)
		}
		if errors.Is(err, mailbox.ErrOverQuota) && !errors.Is(err, mailbox.ErrBeyondQuota) {
			err = mailbox.ErrDomainFull
		}
		return err
	}
	return nil
}

// Room is Fits for one message.
func (q quotas) Room(ctx context.Context, box int64, octets int64) error {
	return q.Fits(ctx, box, mailbox.Usage{Messages: 1, Bytes: octets})
}

// imapQuotas is quotas as imap wants them. Who puts something into a mailbox is warned like
// who gets mail.
type imapQuotas struct {
	quotas
	warner *quotaWarner
}

// Quota implements imap.Quotas.
func (q imapQuotas) Quota(ctx context.Context, box int64) (limit, there mailbox.Usage, err error) {
	own, _ := q.of(box)
	if !own.Any() {
		return limit, there, nil
	}
	there, err = q.boxes.Usage(ctx, box)
	return quotaOf(own), there, err
}

// Limited implements imap.Quotas.
func (q imapQuotas) Limited(box int64) bool {
	own, dom := q.of(box)
	return own.Any() || dom.Total.Any()
}

// Fits implements imap.Quotas.
func (q imapQuotas) Fits(ctx context.Context, box int64, more mailbox.Usage) error {
	q.warner.note(box)
	return q.quotas.Fits(ctx, box, more)
}

// A meter is what intake asks of quotas, and of how much comes in.
type meter struct {
	quotas
	app *App

	mu     sync.Mutex
	hour   time.Time      // of told
	told   map[int64]bool // whose limit was logged in that hour, maxTold at most
	turned int64          // recipients that were put off
}

// maxTold bounds how many mailboxes are logged in an hour.
const maxTold = 1000

func newMeter(a *App) *meter {
	m := &meter{quotas: a.quotas, app: a}
	a.metrics.Gauge("inbound_limited", "Recipients that were put off because strangers sent too much to one mailbox, since the start.", func() float64 {
		m.mu.Lock()
		defer m.mu.Unlock()
		return float64(m.turned)
	})
	return m
}

// Refuses implements intake.Meter.
func (m *meter) Refuses() bool { return m.app.config.Load().Quota.Over == "refuse" }

// Stored implements intake.Meter.
func (m *meter) Stored(box, octets int64) { m.app.traffic.Stored(box, octets) }

// Flooded implements intake.Meter. Whom the mailbox deals with is no stranger.
func (m *meter) Flooded(ctx context.Context, box directory.Mailbox, sender mail.Path) bool {
	limits, _ := m.of(box.ID)
	if messages, octets := m.app.inflow(box.ID, limits); !messages && !octets || m.trusted(ctx, box, sender) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turned++
	if now := m.app.now().Truncate(time.Hour); !now.Equal(m.hour) {
		m.hour, m.told = now, map[int64]bool{}
	}
	if !m.told[box.ID] && len(m.told) < maxTold {
		m.told[box.ID] = true
		m.app.flood.note(box)
		m.app.log.Warn("a mailbox gets too much mail: strangers are put off", "mailbox", box.Address, "messages_an_hour", limits.Inbound, "octets_an_hour", limits.InboundBytes)
	}
	return true
}

// inflow reports whether strangers brought as many messages to a mailbox as it takes in an hour, and as many octets.
func (a *App) inflow(box int64, l directory.Limits) (messages, octets bool) {
	n, size := a.traffic.Inbound(box)
	return l.Inbound > 0 && n >= float64(l.Inbound), l.InboundBytes > 0 && size >= float64(l.InboundBytes)
}

// trusted reports whether the mailbox has dealt with a sender.
func (m *meter) trusted(ctx context.Context, box directory.Mailbox, sender mail.Path) bool {
	if sender.IsNull() {
		return false
	}
	_, known, err := m.app.trust.Weigh(ctx, box.Address, sender, m.app.now())
	return err == nil && known
}

// purgeDeleted ends, some times an hour, the keeping of mail that was expunged long ago, and
// of what one mailbox has too much of.
func (a *App) purgeDeleted(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		now, ok := a.clock.Now(ctx)
		c := a.config.Load().Keeping
		before := time.UnixMicro(1) // what is not to be kept at all
		if ok {
			before = now.Add(-c.Deleted)
		}
		err := errors.Join(a.mailboxes.PurgeDeleted(ctx, before), a.mailboxes.TrimDeleted(ctx, int64(c.DeletedMost)))
		if err != nil && ctx.Err() == nil {
			a.log.Error("deleted mail not purged", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
