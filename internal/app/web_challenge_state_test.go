package app

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/token"
	"gatepost/internal/web"
	"gatepost/quarantine"
	"gatepost/quarantine/digest"
)

// What goes on by the queue is not there when it is released: the sender is told so, not
// that it is delivered, by his page and by the digest's.
func TestReleasedOnward(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.AddDomain(t.Context(), directory.Domain{Name: "far.example"}))
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "fwd@far.example", Kind: "forward", Targets: []mail.Path{"x@unreachable.invalid"}}))
	onward := func(h *quarantine.Held) { h.Box, h.Told = 0, quarantine.ToldByReply }
	h := n.held("fwd@far.example", plainMail, onward)
	c := n.challenges()
	n.must(c.Deliver(t.Context(), web.Challenge{ID: h.Tx}, netip.MustParseAddr("192.0.2.1")))
	rows, err := c.rows(t.Context(), h.Tx)
	n.must(err)
	if shown, err := c.show(t.Context(), rows); err != nil || shown.State != web.ChallengeOnward {
		t.Errorf("the sender's page: %+v, %v", shown, err)
	}
	h = n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Told = quarantine.ToldByReply })
	n.must(c.Deliver(t.Context(), web.Challenge{ID: h.Tx}, netip.MustParseAddr("192.0.2.1")))
	rows, err = c.rows(t.Context(), h.Tx)
	n.must(err)
	if shown, err := c.show(t.Context(), rows); err != nil || shown.State != web.ChallengeDelivered {
		t.Errorf("into a mailbox here: %+v, %v", shown, err)
	}
}

// Who solved a challenge and closed the page is delivered and allowed all the same; so is
// what an owner allows.
func TestBrowserGoesAway(t *testing.T) {
	n := openPages(t)
	c := n.challenges()
	ctx, cancel := context.WithCancel(t.Context())
	release := c.release
	c.release = func(ctx context.Context, id string, by quarantine.By) (quarantine.Held, error) {
		h, err := release(ctx, id, by)
		cancel()
		return h, err
	}
	first := n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Told = quarantine.ToldByReply })
	n.must(c.Deliver(ctx, web.Challenge{ID: first.Tx}, netip.MustParseAddr("192.0.2.1")))
	if n.state(first.ID) != "released" || len(n.entries()) != 1 {
		t.Errorf("%s, %q", n.state(first.ID), n.entries())
	}
	third := n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Sender = "third@shop.example" })
	if _, err := n.allowHeld(quarantine.Choice{})(ctx, third.ID, quarantine.By{Who: "ann@test.example"}); err != nil || n.state(third.ID) != "released" || len(n.entries()) != 2 {
		t.Errorf("%v, %s, %q", err, n.state(third.ID), n.entries())
	}
}

// A digest's link that is too old knows still what became of the message.
func TestLateDigestLink(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", plainMail, nil)
	text, err := n.digestLinks.Act(t.Context(), digest.Release, digest.Row{ID: h.ID, Expires: time.Now().Add(-time.Minute)}, time.Now().Add(-time.Hour))
	n.must(err)
	_, text, _ = strings.Cut(text, "/d/")
	n.must2(n.releaseHeld(t.Context(), h.ID, operator(t.Context())))
	if l, err := (digestDesk{n.App}).Link(t.Context(), text, "en"); !errors.Is(err, token.ErrExpired) || l.Held.State != quarantine.StateReleased {
		t.Errorf("got %+v, %v", l, err)
	}
}

func TestSenderView(t *testing.T) {
	later := time.Now().Add(time.Hour)
	way := func(what string, next time.Time) quarantine.Way {
		return quarantine.Way{To: "x@far.example", What: what, Next: next}
	}
	elsewhere := func(what string) quarantine.Way { return quarantine.Way{To: "y@far.example", What: what} }
	for name, c := range map[string]struct {
		ways []quarantine.Way
		want web.ChallengeState
	}{
		"queued":                     {[]quarantine.Way{way("waiting", later)}, web.ChallengeOnward},
		"deferred":                   {[]quarantine.Way{way("deferred", later)}, web.ChallengeOnward},
		"stopped by an operator":     {[]quarantine.Way{way("held", time.Time{})}, web.ChallengeOnward},
		"not known any more":         {nil, web.ChallengeOnward},
		"taken":                      {[]quarantine.Way{way("relayed", time.Time{})}, web.ChallengeDelivered},
		"into many mailboxes":        {[]quarantine.Way{way("carried", time.Time{})}, web.ChallengeDelivered},
		"refused":                    {[]quarantine.Way{way("refused", time.Time{})}, web.ChallengeRefused},
		"refused and tried anew":     {[]quarantine.Way{way("refused", time.Time{}), way("waiting", later)}, web.ChallengeOnward},
		"refused by one of two":      {[]quarantine.Way{way("refused", time.Time{}), elsewhere("relayed")}, web.ChallengeRefused},
		"on its way to one of two":   {[]quarantine.Way{way("waiting", later), elsewhere("relayed")}, web.ChallengeOnward},
		"bounced after its last try": {[]quarantine.Way{way("bounced", time.Time{})}, web.ChallengeRefused},
	} {
		var v senderView
		if v.went(c.ways); v.state() != c.want {
			t.Errorf("%s: got %s, want %s", name, v.state(), c.want)
		}
	}
}

// A release that was refused is held again, and the page says what happened.
func TestReleasedAndBack(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Told = quarantine.ToldByReply })
	h.Box, h.Acts = 1, []quarantine.Act{{What: quarantine.StateReleased}, {Who: "the server", What: quarantine.StateHeld}}
	if v, err := n.challenges().view(t.Context(), []quarantine.Held{h}); err != nil || !v.waiting || !v.back || v.state() != web.ChallengeWaits {
		t.Errorf("got %+v, %v", v, err)
	}
}
