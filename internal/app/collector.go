package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"time"

	"gatepost/internal/collector"
	"gatepost/internal/config"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/remote"
	"gatepost/internal/resolve"
	"gatepost/mailbox/imap"
)

// openCollector joins the collector with the clients of POP3 and IMAP, the intake and the store.
func (a *App) openCollector(_ context.Context, c *config.Config) error {
	a.collector = collector.New(collector.Config{
		Rows: a.store.Collectors(), Taker: collectorTaker{a, messageBudget(c)}, Dial: a.dialCollected, Source: a.dialWhole, Home: wholeHome{a}, Tell: a.tellCollector,
		Buffer:  func() (collector.Buffer, error) { return newSpooledBuffer(spoolDir(c.Data)) },
		Gone:    func(acc *collector.Account) bool { _, ok := a.directory.Snapshot().Box(acc.Box); return !ok },
		Observe: func(f collector.Fate) { a.metrics.Collected(f.String()) }, Ran: a.metrics.Collection,
		Log: a.log, Now: func() time.Time { return a.now() },
		Most: int64(c.Limits.MessageSize), AtOnce: c.Collector.AtOnce, RunTime: c.Collector.RunTime, TellAfter: c.Collector.TellAfter,
	})
	return nil
}

// runCollector fetches what is due; commands leave it to this node meanwhile.
func (a *App) runCollector(ctx context.Context) error {
	a.collecting.Store(true)
	defer a.collecting.Store(false)
	return a.collector.Run(ctx)
}

// A collectorTaker is the intake as the collector wants it.
type collectorTaker struct {
	app    *App
	budget resolve.Budget
}

// takeTime bounds how long one message may take to be judged and kept.
const takeTime = 2 * time.Minute

// Take implements collector.Taker.
func (t collectorTaker) Take(ctx context.Context, a *collector.Account, m *mail.Message, mark collector.Mark) (collector.Fate, error) {
	box, ok := t.app.directory.Snapshot().Box(a.Box)
	if !ok {
		return 0, errors.New("its mailbox is gone")
	}
	c := intake.Collected{
		With: map[string]string{"pop3": "POP3", "imap": "IMAP"}[a.Protocol], Token: a.Token, Fallback: box.Address,
		Hops: a.Hops, Networks: a.Networks, Unvouched: a.Owned, Mark: mark, Server: netip.IPv4Unspecified(),
	}
	if a.Security == "tls" || a.Security == "starttls" {
		c.With += "S"
	}
	if addr, err := netip.ParseAddr(a.Peer); err == nil {
		c.Server = mail.Unmap(addr)
	}
	if a.Domain != "" {
		c.To = a.Recipients(m.Header())
	}
	ctx, cancel := context.WithTimeout(ctx, takeTime)
	defer cancel()
	switch v := t.app.intake.Collect(t.budget.Begin(ctx), c, m); v.Answer {
	case mail.OK:
		return collector.Taken, nil
	case mail.Loop:
		return collector.Looped, nil
	case mail.Malformed:
		return collector.Bad, nil
	case mail.Refused, mail.Deferred:
		return 0, fmt.Errorf("%w: %s (%s)", collector.ErrLater, v.Answer, v.ID)
	default: // there is no room, or something is broken: others would fare no better
		return 0, fmt.Errorf("message %s not taken: %s (%s)", mark.ID, v.Answer, v.ID)
	}
}

// collectorKey names the secret by which passwords of accounts elsewhere are sealed: the store's, so
// that all nodes have it.
const collectorKey = "collector"

func sealedAccount(token string) []byte { return []byte("collector " + token) }

// dialCollected logs in to an account.
func (a *App) dialCollected(ctx context.Context, acc *collector.Account) (collector.Session, error) {
	server, err := a.serverOf(ctx, acc)
	if err != nil {
		return nil, err
	}
	if acc.Protocol == "imap" {
		c, err := remote.DialIMAP(ctx, server)
		if err != nil {
			return nil, err
		}
		acc.Peer = c.Peer().Host()
		return &collectedIMAP{c: c}, nil
	}
	c, err := remote.DialPOP3(ctx, server)
	if err != nil {
		return nil, err
	}
	acc.Peer = c.Peer().Host()
	return &collectedPOP3{c}, nil
}

// serverOf is where an account is, and its password.
func (a *App) serverOf(ctx context.Context, acc *collector.Account) (remote.Server, error) {
	password, err := a.unseal(ctx, collectorKey, acc.Password, sealedAccount(acc.Token))
	if err != nil {
		return remote.Server{}, fmt.Errorf("the password can't be read any more: %w; set it anew", err)
	}
	server := remote.Server{
		Address: acc.Address, Security: remote.Security(acc.Security), Fingerprint: acc.Fingerprint, User: acc.User, For: acc.For, Password: string(password),
	}
	if acc.Owned {
		if !a.mayCollect(acc.Box) {
			return remote.Server{}, errNotCollected
		}
		server.May = a.ownersReach
	}
	return server, nil
}

// maxListed bounds the messages of a folder elsewhere.
const maxListed = 200_000

// collectedPOP3 implements collector.Session.
type collectedPOP3 struct{ c *remote.POP3 }

func (s *collectedPOP3) List(string) (uint32, []collector.Listed, error) {
	items, err := s.c.Items(maxListed)
	list := make([]collector.Listed, len(items))
	for n, i := range items {
		list[n] = collector.Listed{ID: i.ID, Size: i.Size, Number: i.Number}
	}
	return 0, list, err
}

func (s *collectedPOP3) Fetch(l collector.Listed, w io.Writer, most int64) error {
	return fetchFault(s.c.Retrieve(l.Number, w, most))
}

func (s *collectedPOP3) Remove(list []collector.Listed) error {
	for _, l := range list {
		if err := s.c.Delete(l.Number); err != nil {
			return err
		}
	}
	return nil
}

func (s *collectedPOP3) End() error   { return s.c.Quit() }
func (s *collectedPOP3) Close() error { return s.c.Close() }

// collectedIMAP implements collector.Session.
type collectedIMAP struct{ c *remote.IMAP }

func (s *collectedIMAP) List(folder string) (uint32, []collector.Listed, error) {
	o, err := s.c.Open(imap.EncodeName(folder))
	if err != nil || o.Exists == 0 {
		return o.Validity, nil, err
	}
	entries, err := s.c.Index(maxListed)
	list := make([]collector.Listed, len(entries))
	for n, e := range entries {
		list[n] = collector.Listed{ID: strconv.FormatUint(uint64(e.UID), 10), Size: e.Size, Date: e.Date, Number: int(e.UID)}
	}
	return o.Validity, list, err
}

func (s *collectedIMAP) Fetch(l collector.Listed, w io.Writer, most int64) error {
	return fetchFault(s.c.Fetch(uint32(l.Number), w, most))
}

func (s *collectedIMAP) Remove(list []collector.Listed) error {
	uids := make([]uint32, len(list))
	for n, l := range list {
		uids[n] = uint32(l.Number)
	}
	return s.c.Remove(uids)
}

func (s *collectedIMAP) End() error   { return s.c.Logout() }
func (s *collectedIMAP) Close() error { return s.c.Close() }

func fetchFault(err error) error {
	switch {
	case errors.Is(err, remote.ErrTooLarge):
		return fmt.Errorf("%w: %w", collector.ErrTooLarge, err)
	case errors.Is(err, remote.ErrGone):
		return fmt.Errorf("%w: %w", collector.ErrGone, err)
	case remote.Refused(err):
		return fmt.Errorf("%w: %w", collector.ErrWithheld, err)
	}
	return err
}

// A spooledBuffer is a file without a name that has one message after another.
type spooledBuffer struct {
	f    *os.File
	size int64
}

func newSpooledBuffer(dir string) (*spooledBuffer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	f, err := os.CreateTemp(dir, "collected-")
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return &spooledBuffer{f: f}, os.Remove(f.Name())
}

func (b *spooledBuffer) Write(p []byte) (int, error) {
	n, err := b.f.WriteAt(p, b.size)
	b.size += int64(n)
	return n, err
}

func (b *spooledBuffer) Reset() error {
	b.size = 0
	return b.f.Truncate(0)
}

func (b *spooledBuffer) Message() *mail.Message { return mail.NewSpooled(b.f, b.size) }
func (b *spooledBuffer) Close() error           { return b.f.Close() }

// tellCollector delivers a letter to the owner of an account that fails.
func (a *App) tellCollector(ctx context.Context, acc *collector.Account) (bool, error) {
	m, ok := a.directory.Snapshot().Box(acc.Box)
	if !ok || !m.State.Takes() {
		return false, nil
	}
	dom, _ := a.directory.Snapshot().Domain(m.Address.Domain())
	c, now := a.config.Load(), a.now()
	content := a.letters.uncollected(cmp.Or(m.Language, dom.Language, c.Digest.Language), m.Address, acc, c.Hostname, now)
	return true, a.deliverLetter(ctx, m.ID, queue.Letter{To: m.Address, Content: content, Kind: "collector"}, now)
}
