package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine/digest"
)

// openDigests joins digests with the directory, the store and the queue.
func (a *App) openDigests(_ context.Context, c *config.Config) error {
	a.digestLinks = digest.Links{Base: c.Web.URL, Tokens: a.tokens}
	w, err := digest.NewWriter(c.Hostname, a.digestLinks, c.Digest.Language)
	if err != nil {
		return err
	}
	a.digestWriter = w
	a.digests = digest.New(digest.Config{
		Rows: a.store.Digests(), Directory: &digestReaders{app: a, zones: map[string]*time.Location{}}, Post: digestPost{a}, Writer: w, Log: a.log, Now: a.now,
	})
	return nil
}

// runDigests sends digests at the domains' hours. Without an address of the pages there
// are no links to send.
func (a *App) runDigests(ctx context.Context) error {
	if a.digestLinks.Base == "" {
		a.log.Info("no digests are sent: web.url is not set")
		return nil
	}
	a.digests.Run(ctx)
	return nil
}

// digestReaders is the directory as digests want it.
type digestReaders struct {
	app   *App
	mu    sync.Mutex
	zones map[string]*time.Location // by name: there are no more than the world has
}

// Schedules implements digest.Directory.
func (d *digestReaders) Schedules() iter.Seq2[string, digest.Schedule] {
	return func(yield func(string, digest.Schedule) bool) {
		for _, dom := range d.app.directory.Snapshot().Domains() {
			if !yield(dom.Name, d.schedule(dom)) {
				return
			}
		}
	}
}

// schedule is a domain's own, and the node's where it has none.
func (d *digestReaders) schedule(dom directory.Domain) digest.Schedule {
	c := d.app.config.Load().Digest
	s := digest.Schedule{Hours: dom.DigestHours, Zone: d.zone(cmp.Or(dom.Zone, c.Zone))}
	if dom.DigestHours == nil {
		s.Hours = c.Hours
	}
	return s
}

func (d *digestReaders) zone(name string) *time.Location {
	d.mu.Lock()
	defer d.mu.Unlock()
	if zone := d.zones[name]; zone != nil {
		return zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil { // it was there when it was set
		return time.UTC
	}
	d.zones[name] = zone
	return zone
}

// Reader implements digest.Directory.
func (d *digestReaders) Reader(k digest.Key) (digest.Reader, bool) {
	s := d.app.directory.Snapshot()
	r := digest.Reader{Key: k, Address: k.Recipient}
	if k.Box > 0 {
		box, ok := s.Box(k.Box)
		if !ok || box.State != directory.Active || box.NoDigest {
			return r, false
		}
		r.Address, r.Language, r.Listless = box.Address, box.Language, s.PageShut(k.Box, directory.PageAntiSpam) != ""
	} else if kind, _ := d.app.routes.destination(k.Recipient, "").Split(); kind != "domain" {
		return r, false // sent on to somebody who has no part in this, or to many
	}
	dom, ok := s.Domain(r.Address.Domain())
	schedule := d.schedule(dom)
	if !ok || len(schedule.Hours) == 0 || k.Box <= 0 && dom.Lookup == "" {
		return r, false // the last: nobody knows whether the address is there
	}
	r.Domain, r.Name, r.Zone = dom.Name, mail.ShownDomain(dom.Name), schedule.Zone
	r.Language = cmp.Or(r.Language, dom.Language, d.app.config.Load().Digest.Language)
	return r, true
}

// digestPost sends digests by the queue: into the mailbox past all filters, or to the
// mail hosts of its domain.
type digestPost struct{ app *App }

// Send implements digest.Post.
func (p digestPost) Send(ctx context.Context, to digest.Reader, content []byte, m digest.Mark) error {
	t, err := p.app.queue.Letter(ctx, queue.Letter{To: to.Address, Content: content, Kind: "digest"})
	if err != nil {
		return err
	}
	if to.Key.Box > 0 {
		t.Destination, t.Boxes = queue.Local, []int64{to.Key.Box}
	}
	if err := p.app.store.Digests().Tell(ctx, m, []*queue.Transfer{t}); err != nil {
		return err
	}
	p.app.queue.Wake(t.Destination)
	return nil
}

// digestKey is under which the digests of an address are: its mailbox here, or itself.
func (a *App) digestKey(address mail.Path) digest.Key {
	if box, ok := a.directory.Snapshot().Mailbox(address.Fold()); ok {
		return digest.Key{Box: box.ID}
	}
	return digest.Key{Recipient: address.Fold()}
}

// digestNow tells what a mailbox would be told now, and sends it where that is asked.
func (a *App) digestNow(ctx context.Context, q ops.QuarantineDigest) (ops.Digest, error) {
	address, err := path(q.Address)
	if err != nil {
		return ops.Digest{}, err
	}
	if _, ours := a.directory.Snapshot().Domain(address.Domain()); !ours {
		return ops.Digest{}, told(fmt.Errorf("%w: %s", directory.ErrNoDomain, address.Domain()))
	}
	do := a.digests.Preview
	if q.Send {
		if a.digestLinks.Base == "" {
			return ops.Digest{}, errors.New("no digests are sent: set web.url in the configuration to where people reach the pages")
		}
		do = a.digests.Tell
	}
	p, err := do(ctx, a.digestKey(address))
	if errors.Is(err, digest.ErrNobody) {
		return ops.Digest{}, control.NotFound("%s %v", address, err)
	}
	return ops.Digest{
		Address: string(p.Reader.Address), New: p.Look.Fresh.Count, Ending: p.Look.Ending.Count, Last: p.Look.Told.Sent,
		Text: p.Text, Sent: q.Send && p.Text != "",
	}, err
}
