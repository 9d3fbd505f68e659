package intake_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// A member that another member's mailbox is copied to is a member all the same: spam for
// the list is held for him, or in his Junk.
func TestSpamForACopiedMember(t *testing.T) {
	for _, domain := range []string{"late.example", "junk.example"} {
		c := newChallengeWorld(t)
		first, second := mail.Path("none@"+domain), mail.Path("accept@"+domain)
		c.copies(t, first, second)
		c.alias(t, mail.Path("spam+all@"+domain), first, second)
		c.bring(t, sender, spam, mail.Path("spam+all@"+domain))
		if n := len(c.held(t)) + len(c.commits[0].Deliveries); n != 2 {
			t.Errorf("%s: %d mailboxes have it, want 2", domain, n)
		}
	}
}

// A list with too many members for a row each takes no member's own row, in whatever order
// the client names them.
func TestHeldForALargeList(t *testing.T) {
	c := newChallengeWorld(t)
	var all []mail.Path
	for i := range 60 {
		a := mail.Path(fmt.Sprintf("m%d@junk.example", i))
		if _, err := c.dir.AddMailbox(t.Context(), directory.Mailbox{Address: a}, ""); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	c.alias(t, "spam+list@late.example", append(all, "spam@late.example")...)
	box, _ := c.dir.Snapshot().Mailbox("spam@late.example")
	for _, order := range [][]mail.Path{{"spam+list@late.example", "spam@late.example"}, {"spam@late.example", "spam+list@late.example"}} {
		c.bring(t, sender, strings.Replace(spam, "body", fmt.Sprint(order), 1), order...)
		var boxes []int64
		for _, h := range c.commits[len(c.commits)-1].Held {
			boxes = append(boxes, h.Box)
		}
		if len(boxes) != 2 || boxes[0]+boxes[1] != box.ID {
			t.Errorf("%s: held for %d, want %d and %d", order, boxes, box.ID, quarantine.Anywhere)
		}
	}
}

// What was for an address here does not leave for whoever has its domain now. What one of
// ours sent, or sent on, goes on.
func TestReleasedOfARemovedName(t *testing.T) {
	c := newChallengeWorld(t)
	c.domain(t, "late.example", func(d *directory.Domain) { d.Names = []string{"alias.example"} })
	c.bring(t, sender, spam, "spam@alias.example")
	h := c.held(t)[0]
	if to, err := c.Onward(t.Context(), h); err != nil || len(to) != 0 {
		t.Errorf("before: %v, %v", to, err)
	}
	c.domain(t, "late.example", func(d *directory.Domain) { d.Names = nil })
	for name, tt := range map[string]struct {
		change func(*quarantine.Held)
		leaves bool
	}{
		"of a mailbox": {func(*quarantine.Held) {}, false},
		"for all":      {func(h *quarantine.Held) { h.Box = quarantine.Anywhere }, false},
		"elsewhere":    {func(h *quarantine.Held) { h.Box = quarantine.Elsewhere }, false},
		"refused":      {func(h *quarantine.Held) { h.Box, h.Filter = quarantine.Anywhere, quarantine.Undeliverable }, true},
		"refused, of the domain itself": {func(h *quarantine.Held) {
			h.Box, h.Filter, h.Domain = quarantine.Anywhere, quarantine.Undeliverable, "alias.example"
		}, false},
		"sent by one of ours": {func(h *quarantine.Held) { h.Box, h.Proof = quarantine.Anywhere, "log-in" }, true},
	} {
		h := h
		tt.change(&h)
		to, err := c.Onward(t.Context(), h)
		if tt.leaves != (err == nil) || tt.leaves != (len(to) == 1) || !tt.leaves && !errors.Is(err, directory.ErrNoDomain) {
			t.Errorf("%s: leaves for %v, %v; want %v", name, to, err, tt.leaves)
		}
	}
}

// An address that leads nowhere else any more is told, and nothing released.
func TestReleasedToNobody(t *testing.T) {
	c := newChallengeWorld(t)
	c.alias(t, "spam+all@late.example", "none@late.example", "bob@elsewhere.example")
	c.bring(t, sender, spam, "spam+all@late.example")
	if _, err := c.dir.ChangeAlias(t.Context(), "spam+all@late.example", func(a *directory.Alias) error { a.Targets = a.Targets[:1]; return nil }); err != nil {
		t.Fatal(err)
	}
	rows := c.held(t)
	if len(rows) != 2 {
		t.Fatalf("%d rows, want 2", len(rows))
	}
	for _, h := range rows {
		if to, err := c.Onward(t.Context(), h); len(to) != 0 || (h.Box == quarantine.Elsewhere) != errors.Is(err, quarantine.ErrNowhere) {
			t.Errorf("box %d: %v, %v", h.Box, to, err)
		}
	}
}

func (c *challengeWorld) alias(t *testing.T, a mail.Path, to ...mail.Path) {
	t.Helper()
	if _, err := c.dir.AddAlias(t.Context(), directory.Alias{Address: a, Targets: to}); err != nil {
		t.Fatal(err)
	}
}

func (c *challengeWorld) copies(t *testing.T, a mail.Path, to ...mail.Path) {
	t.Helper()
	if _, err := c.dir.ChangeMailbox(t.Context(), a, func(m *directory.Mailbox) error { m.Copies = to; return nil }); err != nil {
		t.Fatal(err)
	}
}
