package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/collector"
	"gatepost/internal/control"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/web"
)

// collectedPages are accounts elsewhere that owners set up, as web wants them.
type collectedPages struct{ a *App }

var _ web.Collected = collectedPages{}

// Collects implements web.Collected.
func (p collectedPages) Collects(box int64) bool { return p.a.mayCollect(box) }

// Collected implements web.Collected. Those of whole domains and imports are the operators' business.
func (p collectedPages) Collected(ctx context.Context, box int64) (list []web.CollectedAccount, most int, err error) {
	all, err := p.a.store.Collectors().OfBox(ctx, box)
	for _, c := range all {
		if !c.Whole && c.Domain == "" {
			list = append(list, p.shown(c))
		}
	}
	slices.SortStableFunc(list, func(x, y web.CollectedAccount) int { return cmp.Compare(x.Address, y.Address) })
	return list, p.a.config.Load().Collector.Owned, err
}

// shown is an account as its owner sees it, but for the password.
func (p collectedPages) shown(c collector.Account) web.CollectedAccount {
	host, port, _ := net.SplitHostPort(c.Address)
	o := web.CollectedAccount{
		ID: c.ID, Own: c.Owned, Paused: c.Paused, Last: c.Last, Due: c.Due, Taken: c.Taken, Unfit: c.Left,
		CollectedForm: web.CollectedForm{
			Address: cmp.Or(c.Identity, c.User), Protocol: c.Protocol, Server: host, Port: port, Security: c.Security, User: c.User,
			Minutes: strconv.FormatInt(int64(c.Interval/time.Minute), 10), New: c.NewOnly, Remove: "days", Days: strconv.FormatInt(int64(c.Remove/day), 10),
		},
	}
	switch {
	case c.Remove < 0:
		o.Remove, o.Days = "never", ""
	case c.Remove == 0:
		o.Remove, o.Days = "at-once", ""
	}
	o.Fault, o.Said = collectedFault(c)
	switch {
	case !c.Owned:
		o.Said = "" // of a server that he may know nothing of
	case !c.Confirmed.IsZero():
		o.Sends = "yes"
	case p.foreign(c.Identity):
		o.Sends = "no"
	}
	return o
}

// foreign reports whether somebody can show by a link that an address is his: one of a domain of ours is given by operators. Without
// an address of the pages no link can be sent.
func (p collectedPages) foreign(address string) bool {
	_, ours := p.a.directory.Snapshot().Domain(mail.Path(address).Domain())
	return address != "" && !ours && p.a.config.Load().Web.URL != ""
}

// AddCollected implements web.Collected.
func (p collectedPages) AddCollected(ctx context.Context, box int64, f web.CollectedForm) error {
	a, now := p.a, p.a.now()
	m, ok := a.directory.Snapshot().Box(box)
	if !ok || !a.mayCollect(box) {
		return web.ErrNoCollected
	}
	c := collector.Account{Token: rand.Text(), Settings: collector.Settings{
		Name: fmt.Sprintf("own-%d-%s", box, strings.ToLower(rand.Text()[:8])), Box: box, Added: string(m.Address), Created: now.Unix(), Messages: 1000, Octets: 1 << 30,
	}}
	if err := p.apply(ctx, &c, f); err != nil {
		return err
	}
	if !a.collectedActs.take(box, now) {
		return web.CollectedFault{What: "often"}
	}
	err := a.store.Collectors().AddOwned(ctx, &c, a.config.Load().Collector.Owned, p.note(m, directory.NoteCollected, c))
	if errors.Is(err, collector.ErrMany) {
		return web.CollectedFault{What: "many"}
	}
	if err == nil {
		a.collector.Wake()
	}
	return err
}

func (p collectedPages) note(m directory.Mailbox, what string, c collector.Account) directory.Note {
	about := fmt.Sprintf("%s: %s %s as %s", c.Name, c.Protocol, c.Address, c.User)
	return directory.Note{Time: p.a.now(), Who: string(m.Address), What: what, Whom: string(m.Address), About: directory.AboutText(about)}
}

// apply gives an account what a form says.
func (p collectedPages) apply(ctx context.Context, c *collector.Account, f web.CollectedForm) error {
	wrong := func(field string) error { return web.CollectedFault{Field: field, What: field} }
	address, err := mail.ParsePath(strings.TrimSpace(f.Address))
	if err != nil || address.IsNull() {
		return wrong("address")
	}
	c.Identity = string(address.Fold())
	if c.Protocol, c.Security = f.Protocol, f.Security; f.Security != "tls" && f.Security != "starttls" {
		return web.CollectedFault{Field: "security", What: "form"} // an owner's password goes nowhere in clear
	}
	if c.Protocol == "pop3" {
		c.Folders = nil
	}
	before := c.Address
	if c.Address, err = p.server(f); err != nil {
		return err
	}
	if f.Password == "" && c.Address != before { // it goes to nobody it was not meant for
		return wrong("password")
	}
	if c.Address != before {
		c.Fingerprint = "" // of the other server's certificate
	}
	if c.Interval, err = minutes(f.Minutes); err != nil {
		return wrong("minutes")
	}
	if c.Remove, err = removedAfter(f); err != nil {
		return wrong("days")
	}
	c.User, c.NewOnly = cmp.Or(strings.TrimSpace(f.User), string(address)), f.New
	if len(f.Password) > maxCollectedPassword || strings.ContainsAny(f.Password, "\r\n\x00") {
		return wrong("password")
	}
	if f.Password != "" {
		if c.Password, err = p.a.seal(ctx, collectorKey, []byte(f.Password), sealedAccount(c.Token)); err != nil {
			return err
		}
	}
	if c.Check() != nil { // what is left is the user's name, or is not from our form
		return web.CollectedFault{Field: "user", What: "form"}
	}
	return nil
}

// Bounds of what a form says.
const (
	maxCollectedPassword = 1024
	maxCollectedDays     = 3650
	day                  = 24 * time.Hour
)

// server is host:port of a form. What is refused in any case is refused at once; whether the address that a name leads to may
// be reached is asked when it is.
func (p collectedPages) server(f web.CollectedForm) (string, error) {
	host := strings.Trim(strings.TrimSpace(f.Server), "[]")
	addr, err := netip.ParseAddr(host)
	literal := err == nil
	if !literal {
		if host, err = mail.ParseDomain(strings.TrimSuffix(host, ".")); err != nil || host == "" {
			return "", web.CollectedFault{Field: "server", What: "server"}
		}
	}
	at := withPort(host, f.Protocol, f.Security)
	if port := strings.TrimSpace(f.Port); port != "" {
		at = net.JoinHostPort(host, port)
	}
	_, text, _ := net.SplitHostPort(at)
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || !slices.Contains(p.a.config.Load().Collector.Ports, int(port)) {
		return "", web.CollectedFault{Field: "port", What: "port"}
	}
	if literal && p.a.ownersReach(netip.AddrPortFrom(addr, uint16(port))) != nil {
		return "", web.CollectedFault{Field: "server", What: "reach"}
	}
	return at, nil
}

func minutes(text string) (time.Duration, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	every := time.Duration(n) * time.Minute
	if err == nil && (every < collector.MinInterval || every > collector.MaxInterval) {
		err = strconv.ErrRange
	}
	return every, err
}

func removedAfter(f web.CollectedForm) (time.Duration, error) {
	switch f.Remove {
	case "never":
		return -1, nil
	case "at-once":
		return 0, nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(f.Days), 10, 16)
	if err == nil && (n < 1 || n > maxCollectedDays) {
		err = strconv.ErrRange
	}
	return time.Duration(n) * day, err
}

// own is an account that the owner of a mailbox set up, and the mailbox.
func (p collectedPages) own(ctx context.Context, box, id int64) (c collector.Account, m directory.Mailbox, err error) {
	m, ok := p.a.directory.Snapshot().Box(box)
	if !ok || !p.a.mayCollect(box) {
		return c, m, web.ErrNoCollected
	}
	c, err = p.a.ownAccount(ctx, box, id)
	return c, m, collectedGone(err)
}

func collectedGone(err error) error {
	if errors.Is(err, collector.ErrUnknown) || control.KindOf(err) == control.Missing {
		return web.ErrNoCollected
	}
	return err
}

// change replaces an account, which is due soon then.
func (p collectedPages) change(ctx context.Context, c collector.Account, m directory.Mailbox) error {
	dueAgain(&c, later(p.a.now(), c.Last.Add(collector.MinInterval)))
	err := p.a.store.Collectors().ChangeOwned(ctx, &c, p.note(m, directory.NoteCollected, c))
	if err == nil {
		p.a.collector.Wake()
	}
	return collectedGone(err)
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ChangeCollected implements web.Collected.
func (p collectedPages) ChangeCollected(ctx context.Context, box, id int64, f web.CollectedForm) error {
	c, m, err := p.own(ctx, box, id)
	if err != nil {
		return err
	}
	if err := p.apply(ctx, &c, f); err != nil {
		return err
	}
	if !p.a.collectedActs.take(box, p.a.now()) {
		return web.CollectedFault{What: "often"}
	}
	return p.change(ctx, c, m)
}

// tryTime is for how long the answer to who has an account fetched waits for what comes of it.
const tryTime = 10 * time.Second

// TryCollected implements web.Collected.
func (p collectedPages) TryCollected(ctx context.Context, box, id int64) (ended bool, err error) {
	c, _, err := p.own(ctx, box, id)
	if err != nil {
		return false, err
	}
	now := p.a.now()
	if c.Paused || now.Before(c.Last.Add(collector.MinInterval)) || !p.a.collectedActs.take(box, now) {
		return false, web.ErrCollectedSoon
	}
	within, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	switch _, err = p.a.visitNow(within, c); {
	case errors.Is(err, collector.ErrBusy), within.Err() != nil && ctx.Err() == nil:
		return false, nil
	}
	return err == nil, collectedGone(err)
}

// StopCollected implements web.Collected.
func (p collectedPages) StopCollected(ctx context.Context, box, id int64, stop bool) error {
	c, m, err := p.own(ctx, box, id)
	if err != nil {
		return err
	}
	switch {
	case c.Paused == stop:
		return nil
	case !stop && !p.a.collectedActs.take(box, p.a.now()): // it forgets failures, and is noted
		return web.ErrCollectedSoon
	}
	c.Paused = stop
	return p.change(ctx, c, m)
}

// RemoveCollected implements web.Collected.
func (p collectedPages) RemoveCollected(ctx context.Context, box, id int64) error {
	c, m, err := p.own(ctx, box, id)
	if err != nil {
		return err
	}
	return collectedGone(p.a.store.Collectors().RemoveOwned(ctx, c.ID, p.note(m, directory.NoteLeft, c)))
}

// AskIdentity implements web.Collected.
func (p collectedPages) AskIdentity(ctx context.Context, box, id int64) (address string, err error) {
	c, m, err := p.own(ctx, box, id)
	if err != nil {
		return "", err
	}
	if !p.foreign(c.Identity) {
		return "", web.ErrNoIdentity
	}
	return c.Identity, recoveries{p.a}.mailLink(ctx, m, access.LinkSend, mail.Path(c.Identity), confirmFor)
}

// identity is a link of the mailbox's: one that somebody else asked for gives nobody anything.
func (p collectedPages) identity(ctx context.Context, box int64, secret string) (access.Link, directory.Mailbox, error) {
	l, m, err := recoveries{p.a}.link(ctx, access.LinkSend, secret)
	if err == nil && (l.Box != box || !p.a.mayCollect(box)) {
		err = access.ErrNoLink
	}
	return l, m, err
}

// Identity implements web.Collected.
func (p collectedPages) Identity(ctx context.Context, box int64, secret string) (address string, err error) {
	l, _, err := p.identity(ctx, box, secret)
	return l.Address, err
}

// Confirm implements web.Collected.
func (p collectedPages) Confirm(ctx context.Context, box int64, secret string) (address string, err error) {
	l, m, err := p.identity(ctx, box, secret)
	if err == nil {
		_, err = p.a.store.Accounts().TakeLink(ctx, l.ID, p.a.now())
	}
	if err != nil {
		return "", err
	}
	p.a.log.Info("an owner may send as the address of an account elsewhere", "mailbox", m.Address, "address", l.Address)
	recoveries{p.a}.tellOwner(ctx, m, "sends", l.Address)
	return l.Address, nil
}
