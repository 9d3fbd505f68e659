package app

import (
	"errors"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

// limit bounds what a mailbox may hold.
func (n *pagesNode) limit(a mail.Path, l directory.Limits) int64 {
	n.t.Helper()
	m, err := n.directory.ChangeMailbox(n.t.Context(), a, func(m *directory.Mailbox) error { m.Limits = l; return nil })
	n.must(err)
	return m.ID
}

// What is held is not released into a full mailbox, and stays held.
func TestReleaseIntoFull(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", plainMail, nil)
	n.limit("ann@test.example", directory.Limits{Bytes: 10})
	if _, err := n.releaseHeld(t.Context(), h.ID, operator(t.Context())); !errors.Is(err, quarantine.ErrFull) || n.state(h.ID) != quarantine.StateHeld {
		t.Errorf("got %v, %s", err, n.state(h.ID))
	}
	n.limit("ann@test.example", directory.Limits{})
	n.must2(n.releaseHeld(t.Context(), h.ID, operator(t.Context())))
}

// An owner hears of a full mailbox once a day, whatever comes, and whatever is known in memory.
func TestQuotaWarning(t *testing.T) {
	n := openPages(t)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	n.now = func() time.Time { return now }
	box := n.limit("ann@test.example", directory.Limits{Messages: 10})
	for _, step := range []struct {
		after    time.Duration
		messages int // that come
		want     int64
	}{{0, 8, 8}, {0, 1, 10}, {time.Hour, 5, 15}, {25 * time.Hour, 0, 16}, {26 * time.Hour, 0, 16}} {
		now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).Add(step.after)
		for range step.messages {
			d := &mailbox.Delivery{Box: box, Blob: "b", Size: 1, Time: now}
			n.must(n.mailboxes.Deliver(t.Context(), d))
		}
		for _, w := range []*quotaWarner{n.warner, newQuotaWarner(n.App)} { // another node knows rows alone
			w.note(box)
			w.tick(t.Context())
		}
		if got, err := n.mailboxes.Usage(t.Context(), box); err != nil || got.Messages != step.want {
			t.Errorf("after %v: %d messages, %v, want %d", step.after, got.Messages, err, step.want)
		}
	}
}

// The postmaster of a domain hears once a day that its mailboxes together are nearly full, whichever of them it is that gets mail.
func TestDomainQuotaWarning(t *testing.T) {
	n := openPages(t)
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	now := noon
	n.now = func() time.Time { return now }
	found, err := n.directory.Snapshot().Resolve("postmaster@test.example")
	n.must(err)
	ann, bob := found.Boxes[0].ID, n.limit("bob@test.example", directory.Limits{})
	if ann == bob {
		t.Fatal("bob is the postmaster")
	}
	n.must2(n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.Total.Messages = 10; return nil }))
	for _, step := range []struct {
		what  string
		after time.Duration
		come  int // messages, for bob
		begin bool
		want  int64 // letters for ann
	}{{"room", 0, 8, false, 0}, {"nearly full", 0, 1, false, 1}, {"an hour later", time.Hour, 1, false, 1}, {"the next day", 25 * time.Hour, 1, false, 2}, {"nothing came", 50 * time.Hour, 0, false, 2}, {"it begins anew", 50 * time.Hour, 0, true, 3}} {
		now = noon.Add(step.after)
		warners := []*quotaWarner{newQuotaWarner(n.App), newQuotaWarner(n.App)} // of two nodes
		for _, w := range warners {
			w.all = step.begin
			for range step.come {
				w.note(bob)
			}
		}
		for range step.come {
			n.must(n.mailboxes.Deliver(t.Context(), &mailbox.Delivery{Box: bob, Blob: "b", Size: 1, Time: now}))
		}
		for _, w := range warners {
			w.tick(t.Context())
		}
		if got, err := n.mailboxes.Usage(t.Context(), ann); err != nil || got.Messages != step.want {
			t.Errorf("%s: %d letters, %v, want %d", step.what, got.Messages, err, step.want)
		}
	}
}

// What was not looked at before the node ended is when it begins anew, and so is what there was no room to
// note.
func TestQuotaWarningAfterKill(t *testing.T) {
	n := openPages(t)
	for i, begin := range []func() *quotaWarner{
		func() *quotaWarner { return newQuotaWarner(n.App) },
		func() *quotaWarner {
			for i := range int64(maxNoted) {
				n.warner.boxes[-i-1] = true
			}
			n.warner.all = false
			n.warner.note(n.limit("bob@test.example", directory.Limits{Messages: 10}))
			return n.warner
		},
	} {
		box := n.limit([]mail.Path{"ann@test.example", "bob@test.example"}[i], directory.Limits{Messages: 10})
		for range 9 {
			n.must(n.mailboxes.Deliver(t.Context(), &mailbox.Delivery{Box: box, Blob: "b", Size: 1, Time: n.now()}))
		}
		begin().tick(t.Context())
		if got, err := n.mailboxes.Usage(t.Context(), box); err != nil || got.Messages != 10 {
			t.Errorf("mailbox %d: %d messages, %v", box, got.Messages, err)
		}
	}
}

// A domain says for itself how long mail stays in Junk and Trash; Trash has a setting of its own.
func TestKeepsJunk(t *testing.T) {
	n := openPages(t)
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		dom         directory.Domain
		junk, trash time.Duration
	}{
		"the node's":   {directory.Domain{}, 30 * day, 30 * day},
		"the domain's": {directory.Domain{JunkDays: 7, TrashDays: 3}, 7 * day, 3 * day},
		"for ever":     {directory.Domain{JunkDays: -1, TrashDays: -1}, 0, 0},
	} {
		if j, tr := n.keepsJunk(c.dom, mailbox.Junk), n.keepsJunk(c.dom, mailbox.Trash); j != c.junk || tr != c.trash {
			t.Errorf("%s: %v and %v", name, j, tr)
		}
	}
	n.must2(n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.TrashDays = 3; return nil }))
	now := time.Now()
	if got := n.latestJunk(now); !got.Equal(now.Add(-3 * day)) {
		t.Errorf("mail stays everywhere from %v before on", now.Sub(got))
	}
	box := n.limit("ann@test.example", directory.Limits{})
	if got := n.staysFrom(now)(box, mailbox.Trash); !got.Equal(now.Add(-3 * day)) {
		t.Errorf("in ann's: %v", now.Sub(got))
	}
	if got := n.staysFrom(now)(99, mailbox.Trash); !got.IsZero() {
		t.Errorf("of nobody: %v", got)
	}
}
