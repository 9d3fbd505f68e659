package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/filters"
	"gatepost/internal/blob"
	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/store"
	"gatepost/internal/token"
	"gatepost/quarantine/challenge"
)

// openChallenge joins those who tell senders of what is held. Without a base for links
// nobody is told.
func (a *App) openChallenge(_ context.Context, c *config.Config) error {
	a.intake.Prover = filters.Proof{Resolver: a.resolver}
	a.intake.Sames = a.store.Sames()
	words, err := challenge.NewWriter()
	if err != nil {
		return err
	}
	links := linker{a.tokens, c.Web.URL}
	post := &poster{
		links: links, words: words, from: mail.Path("postmaster@" + strings.ToLower(c.Hostname)), digest: c.Digest,
		directory: a.directory, blobs: a.blobs, queue: a.queue, rows: a.store.Challenges(), now: a.now,
	}
	a.notifying = func(c *config.Config) challenge.Config {
		return challenge.Config{
			Rows: a.store.Challenges(), Sender: post, Observer: a.metrics, PerHour: c.Challenge.PerHour, Again: c.Challenge.Again, Lifetime: c.Queue.Lifetime,
			Log: a.log, Now: a.now, Old: a.clock.Now,
		}
	}
	a.notifier = challenge.NewNotifier(a.notifying(c))
	if c.Web.URL == "" {
		return nil
	}
	a.intake.Links, a.intake.Notices = links, a.notifier
	return nil
}

// A linker makes the links of challenges.
type linker struct {
	tokens *token.Sealer
	base   string
}

// Link implements intake.Linker.
func (l linker) Link(ctx context.Context, tx string, made, expires time.Time) (string, error) {
	text, err := l.tokens.Seal(ctx, "challenge", token.Statement{Made: made, Expires: expires, Fields: []string{tx}})
	if err != nil {
		return "", err
	}
	return l.base + "/c/" + text, nil
}

// A poster sends notices.
type poster struct {
	links     linker
	words     *challenge.Writer
	from      mail.Path
	digest    config.Digest
	directory *directory.Directory
	blobs     blob.Store
	queue     *queue.Queue
	rows      store.Challenges
	now       func() time.Time
}

// Send implements challenge.Sender. The notice is from this node, under whose name it is
// sent (RFC 7208 §2.4): the recipient's domain may have others refuse what is not signed
// by it.
func (p *poster) Send(ctx context.Context, d challenge.Due, r challenge.Record) (bool, error) {
	link, err := p.links.Link(ctx, d.Tx, d.Time, d.Expires)
	if err != nil {
		return false, fmt.Errorf("app: notice about %s: %w", d.Tx, err)
	}
	now := p.now()
	names := make([]string, len(d.Domains))
	for i, name := range d.Domains {
		names[i] = mail.ShownDomain(name)
	}
	language, zone := p.manner(d.Domains[0])
	text := p.words.Write(challenge.Notice{
		ID: mail.NewID(now), From: p.from, To: d.Sender, Domains: names, Subject: d.Subject, MessageID: p.messageID(ctx, d.Blob),
		Time: d.Time.In(zone), Expires: d.Expires.In(zone), Link: link, Language: language, Now: now,
	})
	notice, err := p.queue.Letter(ctx, queue.Letter{To: d.Sender, Content: text, Kind: "notice", RequireTLS: d.RequireTLS})
	if errors.Is(err, queue.ErrMany) { // the others are not to wait for this one
		return false, p.rows.Withhold(ctx, d.Tx, d.Domains, challenge.ToldLately)
	}
	if err != nil {
		return false, err
	}
	sent, err := p.rows.Send(ctx, notice, r)
	if sent {
		p.queue.Wake(notice.Destination)
	}
	return sent, err
}

// Off implements challenge.Sender: what is due may be older than what a domain, or the
// configuration, wants now.
func (p *poster) Off(domains []string) (off []string) {
	s := p.directory.Snapshot()
	for _, name := range domains {
		d, ok := s.Domain(name)
		if p.links.base == "" || !ok || d.Challenge == directory.Off {
			off = append(off, name)
		}
	}
	return off
}

// manner is in which language and zone a domain's people write.
func (p *poster) manner(name string) (language string, zone *time.Location) {
	language = p.digest.Language
	names := []string{p.digest.Zone}
	if d, ok := p.directory.Snapshot().Domain(name); ok {
		if d.Language != "" {
			language = d.Language
		}
		names = []string{d.Zone, p.digest.Zone}
	}
	for _, n := range names {
		if zone, err := time.LoadLocation(n); n != "" && err == nil {
			return language, zone
		}
	}
	return language, time.UTC
}

// messageID is that of the message which is held; a notice goes without it, too.
func (p *poster) messageID(ctx context.Context, id string) string {
	content, err := p.blobs.Open(ctx, blob.ID(id))
	if err != nil {
		return ""
	}
	defer content.Close()
	return strings.TrimSpace(mail.NewSpooled(content, content.Size()).Header().Get("Message-ID"))
}

// forgetSame lets go, each hour, of what was held too long ago to come again.
func (a *App) forgetSame(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if now, ok := a.clock.Now(ctx); ok {
			if err := a.store.Sames().Forget(ctx, now.Add(-a.config.Load().Challenge.SameWithin)); err != nil && ctx.Err() == nil {
				a.log.Error("held messages not forgotten", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
