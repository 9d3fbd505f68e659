package app

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatepost/dnsbl/zone"
	"gatepost/internal/complaint"
	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/web"
)

// openComplaints makes the desk that judges what people say against mail.
func (a *App) openComplaints(ctx context.Context, c *config.Config) error {
	set, own := c.Complaints, ownAddresses(a)
	spare := func(at netip.Addr) bool {
		c := a.config.Load()
		return sparing(slices.Concat(c.Complaints.Spare, c.TrustedRelays, c.Bans.Never, own))(at)
	}
	a.complaints = complaint.New(complaint.Config{
		Rows: a.store.Complaints(), Passages: passages{a.journal, func() time.Time { return a.now() }}, Directory: complaintDirectory{a.directory},
		Measure: complaint.Measure{
			HalfLife: set.HalfLife, Threshold: set.Threshold, People: set.People, Share: set.Share, Shared: set.Shared,
			Domain: complaintDirectory{a.directory}.domain,
		},
		Reporters: set.Reporters, Spare: spare,
		Listener: complained{a}, Keep: set.Keep, Old: a.clock.Now, Log: a.log, Now: func() time.Time { return a.now() },
	})
	a.metrics.Gauge("complained_of", "Clients, senders and domains that are held since enough people complained.",
		func() float64 { return float64(a.complaints.Memory().Len()) })
	return a.complaints.Follow(ctx)
}

// ownAddresses are this machine's.
func ownAddresses(a *App) (list []netip.Prefix) {
	own, err := net.InterfaceAddrs()
	if err != nil {
		a.log.Warn("the machine's own addresses are not known", "error", err)
	}
	for _, n := range own {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			addr := mail.Unmap(p.Addr())
			list = append(list, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	return list
}

// sparing reports whether an address is in one of the networks, or means something only
// here: who is behind a private address is one of ours.
func sparing(networks []netip.Prefix) func(netip.Addr) bool {
	networks = append(slices.Clone(networks), netip.MustParsePrefix("100.64.0.0/10")) // shared (RFC 6598)
	return func(a netip.Addr) bool {
		a = mail.Unmap(a)
		if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() {
			return true
		}
		return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
	}
}

// passages finds messages in the journal for complaints.
type passages struct {
	journal *journal.Journal
	now     func() time.Time
}

// Passage implements complaint.Passages. Evidence that can't be read proves nobody.
func (p passages) Passage(ctx context.Context, tx string) (complaint.Passage, bool, error) {
	record, hits, err := p.journal.Show(ctx, tx)
	if len(hits) == 0 {
		if errors.Is(err, journal.ErrNotFound) {
			err = nil
		}
		return complaint.Passage{}, false, err
	}
	h := hits[0]
	out := complaint.Passage{Tx: h.ID, Sender: h.Sender, Login: h.Login, MessageID: h.MessageID, Subject: h.Subject, Proven: proven(record)}
	out.Client, _ = netip.ParseAddr(h.Client)
	for _, h := range hits {
		if got(h.State) && !h.Recipient.IsNull() {
			out.Recipients = append(out.Recipients, h.Recipient)
		}
	}
	return out, len(out.Recipients) > 0 || !out.Login.IsNull(), nil
}

// got reports whether a recipient whose line is in a state had the message, or had it held.
func got(state string) bool {
	return slices.Contains([]string{
		"delivered", "junked", "tagged", "held", "held-told", "queued", "relayed", "held-again", "duplicate", "released", "expired", "deleted",
	}, state)
}

// proven reports whether a transaction's filters found its reverse-path's domain proven.
func proven(r *journal.Record) bool {
	if r == nil || r.ReversePath.IsNull() {
		return false
	}
	for _, w := range r.Walks {
		for _, s := range w.Steps {
			if s.Filter == "spf" && s.Result == "pass" || s.Filter == "dkim" && slices.ContainsFunc(s.Evidence, signedBy(r.ReversePath.Domain())) {
				return true
			}
		}
	}
	return false
}

// signedBy reports whether evidence of the filter dkim is a good signature by a domain's
// organisation: "d=example.org s=… a=…: pass".
func signedBy(domain string) func(journal.KV) bool {
	return func(e journal.KV) bool {
		by, rest, _ := strings.Cut(strings.TrimPrefix(e.Value, "d="), " ")
		return e.Key == "signature" && strings.HasSuffix(rest, ": pass") && complaint.Organisation(by) == complaint.Organisation(domain)
	}
}

// receivedIn is how far back a message is looked for by its Message-ID.
const receivedIn = 30 * 24 * time.Hour

// Received implements complaint.Passages.
func (p passages) Received(ctx context.Context, recipient mail.Path, messageID string) (string, bool, error) {
	hits, err := p.journal.Search(ctx, journal.Query{Recipient: recipient, MessageID: messageID, From: p.now().Add(-receivedIn), Limit: 1})
	if err != nil || len(hits) == 0 {
		return "", false, err
	}
	return hits[0].ID, true, nil
}

// complaintDirectory is the directory as complaints ask it.
type complaintDirectory struct{ *directory.Directory }

// Home implements complaint.Directory.
func (d complaintDirectory) Home(address mail.Path) (mail.Path, bool) {
	r, err := d.Snapshot().Resolve(address)
	if err != nil {
		return mail.Null, false
	}
	home := mail.Null
	for _, b := range r.Boxes {
		if !r.Owns(b.Address) {
			continue
		}
		if !home.IsNull() { // of several people
			return address.Fold(), true
		}
		home = b.Address
	}
	return cmp.Or(home, address.Fold()), true
}

// domain is complaint.Measure's.
func (d complaintDirectory) domain(recipient mail.Path) string {
	s := d.Snapshot()
	if s.Alone() {
		return ""
	}
	dom, _ := s.Domain(recipient.Domain())
	return cmp.Or(dom.Name, recipient.Domain())
}

// Reads implements complaint.Directory.
func (d complaintDirectory) Reads(recipient, reader mail.Path) bool {
	r, err := d.Snapshot().Resolve(recipient)
	if err != nil {
		return false // it is nobody's any more
	}
	return r.Owns(reader.Base()) || slices.ContainsFunc(r.Remotes, func(to directory.Remote) bool {
		return to.Address.Fold() == reader.Fold() && to.Bounces.IsNull() && to.CopyOf == 0
	})
}

// Ours implements complaint.Directory.
func (d complaintDirectory) Ours(domain string) (string, bool) {
	dom, ok := d.Snapshot().Domain(domain)
	return cmp.Or(dom.Name, domain), ok
}

// complainedOf is what is published of complaints as a DNS list.
func (a *App) complainedOf() zone.Addrs {
	return func(addr netip.Addr) bool {
		_, ok := a.complaints.Memory().Listed(addr)
		return ok
	}
}

// paths are addresses of the configuration, which has checked them.
func paths(texts []string) []mail.Path {
	list := make([]mail.Path, len(texts))
	for i, s := range texts {
		list[i] = mail.Path(s)
	}
	return list
}

// complaintPages is the desk as the pages ask it: the filters know at once what was taken
// back. What waits is judged by Run, not while somebody waits for a page.
type complaintPages struct{ *complaint.Desk }

var _ web.Complaints = complaintPages{}

// Withdraw implements web.Complaints.
func (p complaintPages) Withdraw(ctx context.Context, w complaint.Withdrawal) (int, error) {
	n, err := p.Desk.Withdraw(ctx, w)
	if err != nil {
		return n, err
	}
	return n, p.Follow(ctx)
}
