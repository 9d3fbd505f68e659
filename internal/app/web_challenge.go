package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/token"
	"gatepost/internal/web"
	"gatepost/quarantine"
)

// bySender is who releases when the sender does.
const bySender = "sender, by challenge"

// challenges joins links, quarantine and lists for the page on which a sender shows that
// he is a person.
type challenges struct {
	tokens     *token.Sealer
	quarantine *quarantine.Quarantine
	release    actOn
	allow      func(ctx context.Context, h quarantine.Held) (allowed string, err error)
	now        func() time.Time
	log        *slog.Logger
}

func (a *App) challenges() challenges {
	allow := challengeAllow{directory: a.directory, now: a.now, node: func() (directory.Allowed, time.Duration) {
		c := a.config.Load().Challenge
		return directory.Allowed(c.Allow), c.AllowFor
	}}
	return challenges{a.tokens, a.quarantine, a.releaseHeld, allow.add, a.now, a.log}
}

// Challenge implements web.Challenges. A link that has expired still says what became of
// the message.
func (c challenges) Challenge(ctx context.Context, text string) (web.Challenge, error) {
	st, err := c.tokens.Open(ctx, "challenge", text)
	late := errors.Is(err, token.ErrExpired)
	switch {
	case errors.Is(err, token.ErrToken), err == nil && len(st.Fields) != 1:
		return web.Challenge{}, web.ErrNoChallenge
	case err != nil && !late:
		return web.Challenge{}, err
	}
	rows, err := c.rows(ctx, st.Fields[0])
	if err != nil {
		return web.Challenge{}, err
	}
	if len(rows) == 0 { // removed, some time after its end
		return web.Challenge{State: ended(late)}, nil
	}
	return c.show(ctx, rows)
}

func ended(late bool) web.ChallengeState {
	if late {
		return web.ChallengeExpired
	}
	return web.ChallengeGone
}

// rows returns what is held, or was, of a message whose sender has the link.
func (c challenges) rows(ctx context.Context, tx string) (list []quarantine.Held, err error) {
	q := quarantine.Query{Tx: tx}
	for {
		page, err := c.quarantine.Find(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, h := range page.Rows {
			if h.Told.Link() && !h.Guarded {
				list = append(list, h)
			}
		}
		if !page.More {
			return list, nil
		}
		q.After = page.Next
	}
}

// waits reports whether a row can be released still. One whose time is over is removed
// within some minutes.
func (c challenges) waits(h quarantine.Held) bool {
	return h.State == quarantine.StateHeld && c.now().Before(h.Expires)
}

func (c challenges) show(ctx context.Context, rows []quarantine.Held) (web.Challenge, error) {
	v, err := c.view(ctx, rows)
	if err != nil {
		return web.Challenge{}, err
	}
	shown := web.Challenge{
		ID: rows[0].Tx, Subject: rows[0].Subject, Time: rows[0].Time, State: v.state(), Part: v.delivered || v.onward, Back: v.back,
	}
	for _, h := range rows {
		if c.waits(h) && h.Expires.After(shown.Expires) {
			shown.Expires = h.Expires
		}
		if d := mail.ShownDomain(h.Domain); !slices.Contains(shown.Domains, d) {
			shown.Domains = append(shown.Domains, d)
		}
	}
	slices.Sort(shown.Domains)
	return shown, nil
}

// Deliver implements web.Challenges. The sender is allowed with what was released, in
// the domains and mailboxes that it went to; what can't be listed does not hold the mail.
// The answer that led here is used up, so all of it is done though the browser be gone.
func (c challenges) Deliver(ctx context.Context, shown web.Challenge, client netip.Addr) error {
	ctx, cancel := begun(ctx)
	defer cancel()
	rows, err := c.rows(ctx, shown.ID)
	if err != nil {
		return err
	}
	var errs []error
	var allowed []string
	released := 0
	for _, h := range rows {
		if !c.waits(h) {
			continue
		}
		done, err := c.release(ctx, h.ID, quarantine.By{Who: bySender, Sender: true})
		switch {
		case errors.Is(err, quarantine.ErrNotHeld): // somebody was faster
			continue
		case err != nil:
			errs = append(errs, err)
			continue
		}
		released++
		entry, err := c.allow(ctx, done)
		if err != nil {
			c.log.Error("sender not allowed", "held", h.ID, "id", h.Tx, "error", err)
		}
		if entry != "" && !slices.Contains(allowed, entry) {
			allowed = append(allowed, entry)
		}
	}
	c.log.Info("challenge solved", "id", shown.ID, "client", client, "released", released, "failed", len(errs), "allowed", allowed)
	if err := errors.Join(errs...); err != nil {
		if released == 0 {
			return err
		}
		c.log.Error("challenge solved, and a part is held still", "id", shown.ID, "error", err)
	}
	return nil
}

// challengeAllow adds senders who solved a challenge to allow lists.
type challengeAllow struct {
	directory *directory.Directory
	node      func() (directory.Allowed, time.Duration) // what holds where a domain says nothing, and for how long
	now       func() time.Time
}

// add allows the sender of a message for whom its domain says, for the time that the node
// says, and returns the entry as text; "" where there is none: the domain wants none, the
// sender is null, or claims to be of the recipient's own, or was blocked by somebody.
// Where nothing proves the sender the entry counts for mail from the same network only.
func (a challengeAllow) add(ctx context.Context, h quarantine.Held) (string, error) {
	s := a.directory.Snapshot()
	who, lasts := a.node()
	dom, ours := s.Domain(h.Domain)
	if ours && dom.Challenged != "" {
		who = dom.Challenged
	}
	e := directory.Entry{List: directory.Allow, Kind: directory.Address, Value: string(h.Sender.Fold()), Origin: "challenge"}
	if h.Proof == "" {
		e.Kind, e.Value = directory.AddressFrom, directory.FromValue(h.Sender, h.Client)
	}
	if !ours || e.Value == "" || !s.AutoAllowable(h.Recipient, h.Sender) {
		return "", nil
	}
	if by, ok := s.FindFrom(h.Sender, h.Client, h.Recipient); ok && by.List == directory.Block {
		return "", nil // an entry that allows would outrank it
	}
	switch who {
	case directory.AllowedDomain:
		e.Scope = directory.Scope{Kind: directory.DomainScope, Name: dom.Name}
	case directory.AllowedMailbox:
		box, ok := s.Box(h.Box)
		if !ok {
			return "", nil // it lives elsewhere, or is many
		}
		e.Scope = directory.Scope{Kind: directory.MailboxScope, Name: string(box.Address)}
	default:
		return "", nil
	}
	e.Note = "held message " + h.ID
	e.Expires = a.now().Add(lasts)
	_, err := a.directory.EnsureEntry(ctx, e)
	return fmt.Sprintf("%s for %s", e.Value, e.Scope), err
}
