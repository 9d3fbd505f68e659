package app

import (
	"errors"
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

// copies has a mailbox copied to addresses.
func (n *pagesNode) copies(a mail.Path, to ...mail.Path) {
	n.t.Helper()
	n.must2(n.directory.ChangeMailbox(n.t.Context(), a, func(m *directory.Mailbox) error { m.Copies = to; return nil }))
}

// far is a domain whose mail lives on a host of its own.
func (n *pagesNode) far() {
	n.t.Helper()
	n.must2(n.directory.AddHost(n.t.Context(), "root", directory.Host{Name: "far", Address: "192.0.2.99:25", Roles: []directory.Role{directory.SMTPIn}}))
	n.must2(n.directory.AddDomain(n.t.Context(), directory.Domain{Name: "far.example", Hosts: []string{"far"}}))
}

// refuse has the next hop refuse what waits for an address, and returns how much that was.
func (n *pagesNode) refuse(a mail.Path) int {
	n.t.Helper()
	list, err := n.store.Queue().Find(n.t.Context(), queue.Query{Recipient: a})
	n.must(err)
	if len(list) == 0 {
		return 0
	}
	list, err = n.store.Queue().Claim(n.t.Context(), list[0].Destination, 10, time.Hour)
	n.must(err)
	for _, tr := range list {
		said := queue.Reply{Host: "mx.gmail.example", Code: 550, Enhanced: "5.7.1", Text: "spam"}
		n.must2(n.store.Queue().Settle(n.t.Context(), []queue.Settlement{{Transfer: tr, Fate: queue.Refused, Hold: time.Now().Add(time.Hour), Reply: said}}))
	}
	return len(list)
}

// A mailbox gets a message once, however often its copy is refused elsewhere and released.
func TestCopyRefusedAfterRelease(t *testing.T) {
	n := openPages(t)
	n.copies("ann@test.example", "ann@gmail.example")
	h := n.held("ann@test.example", plainMail, nil)
	n.must2(n.releaseHeld(t.Context(), h.ID, quarantine.By{Who: "ann@test.example"}))
	for range 3 {
		if got := n.refuse("ann@gmail.example"); got != 1 || n.state(h.ID) != quarantine.StateReleased || n.inbox("ann@test.example") != 1 {
			t.Fatalf("%d refused, %s, inbox has %d", got, n.state(h.ID), n.inbox("ann@test.example"))
		}
		page, err := n.quarantine.Find(t.Context(), quarantine.Query{State: quarantine.StateHeld})
		if err != nil || len(page.Rows) != 1 || page.Rows[0].Recipient != "ann@gmail.example" || page.Rows[0].Box != quarantine.Anywhere || page.Rows[0].Domain != "test.example" {
			t.Fatalf("held: %+v, %v", page.Rows, err)
		}
		n.must2(n.releaseHeld(t.Context(), page.Rows[0].ID, operator(t.Context())))
	}
	shown, err := n.quarantine.Show(t.Context(), h.ID)
	if got := delivered(shown); err != nil || got != "it is in the mailbox; refused by 1, and held as that" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A release gives copies to mailboxes here, too, once.
func TestReleaseWithLocalCopies(t *testing.T) {
	n := openPages(t)
	n.copies("ann@test.example", "bob@test.example", "ann@gmail.example")
	h := n.held("ann@test.example", plainMail, nil)
	n.must2(n.releaseHeld(t.Context(), h.ID, quarantine.By{Who: "ann@test.example"}))
	list, err := n.store.Queue().Find(t.Context(), queue.Query{})
	if err != nil || len(list) != 2 || list[0].Destination != queue.Local || len(list[0].Boxes) != 1 || list[0].Boxes[0] != n.boxes["bob@test.example"] {
		t.Errorf("queued: %+v, %v", list, err)
	}
}

// What would go to nobody stays held.
func TestReleaseToNobody(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "sales@test.example", Targets: []mail.Path{"ann@test.example", "x@elsewhere.example"}}))
	h := n.held("sales@test.example", plainMail, func(h *quarantine.Held) { h.Box = quarantine.Elsewhere })
	n.must2(n.directory.ChangeAlias(t.Context(), "sales@test.example", func(a *directory.Alias) error { a.Targets = a.Targets[:1]; return nil }))
	if _, err := n.releaseHeld(t.Context(), h.ID, operator(t.Context())); !errors.Is(err, quarantine.ErrNowhere) || n.state(h.ID) != quarantine.StateHeld {
		t.Errorf("got %v, it is %s", err, n.state(h.ID))
	}
}

// Mail that an owner releases stays in the mailbox when the domain of its address is gone.
func TestReleaseOfARemovedDomain(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.AddDomain(t.Context(), directory.Domain{Name: "old.example"}))
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "ann@old.example", Targets: []mail.Path{"ann@test.example"}}))
	h := n.held("ann@old.example", plainMail, func(h *quarantine.Held) { h.Box = n.boxes["ann@test.example"] })
	n.must(n.directory.RemoveAlias(t.Context(), "ann@old.example"))
	n.must(n.directory.RemoveDomain(t.Context(), "old.example"))
	n.must2(n.releaseHeld(t.Context(), h.ID, quarantine.By{Who: "ann@test.example"}))
	if shown, err := n.quarantine.Show(t.Context(), h.ID); err != nil || len(shown.Ways) != 0 || n.inbox("ann@test.example") != 1 {
		t.Errorf("inbox has %d, ways %+v, %v", n.inbox("ann@test.example"), shown.Ways, err)
	}
}

// What was released and then deleted from the queue is held again, and the words say how
// each way ended.
func TestReleaseDeletedFromTheQueue(t *testing.T) {
	n := openPages(t)
	n.far()
	h := n.held("u@far.example", plainMail, func(h *quarantine.Held) { h.Box = quarantine.Anywhere })
	n.must2(n.releaseHeld(t.Context(), h.ID, operator(t.Context())))
	says := func(want string) {
		t.Helper()
		if shown, err := n.quarantine.Show(t.Context(), h.ID); err != nil || delivered(shown) != want {
			t.Errorf("got %q, %v; want %q", delivered(shown), err, want)
		}
	}
	says("it is on its way to 1")
	n.must2(n.store.Queue().Change(t.Context(), queue.Query{}, queue.Delete))
	if n.state(h.ID) != quarantine.StateHeld {
		t.Errorf("it is %s", n.state(h.ID))
	}
	says("it was released, and came back: deleted from the queue")
	n.copies("ann@test.example", "ann@gmail.example")
	h = n.held("ann@test.example", plainMail, nil)
	n.must2(n.releaseHeld(t.Context(), h.ID, operator(t.Context())))
	says("it is in the mailbox; on its way to 1")
	n.must2(n.store.Queue().Change(t.Context(), queue.Query{}, queue.Delete))
	says("it is in the mailbox; deleted from the queue for 1")
}

// What is dangerous is released by one who says that he knows, not by the way.
func TestGuardedByCommand(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", plainMail, func(h *quarantine.Held) { h.Guarded, h.Filter = true, "antivirus" })
	plain := n.held("ann@test.example", plainMail, nil)
	if b, err := n.bulkOp(t.Context(), ops.QuarantineBulk{Act: "release"}); err != nil || b.Done != 1 || b.Guarded != 1 || n.state(h.ID) != quarantine.StateHeld || n.state(plain.ID) != quarantine.StateReleased {
		t.Errorf("all: %+v, %v; it is %s", b, err, n.state(h.ID))
	}
	if _, err := n.settle(t.Context(), []string{h.ID}, warned(false, n.releaseHeld)); !errors.Is(err, quarantine.ErrGuarded) || n.state(h.ID) != quarantine.StateHeld {
		t.Errorf("by id: %v; it is %s", err, n.state(h.ID))
	}
	if b, err := n.bulkOp(t.Context(), ops.QuarantineBulk{Act: "release", HeldFilter: ops.HeldFilter{Guarded: true}}); err != nil || b.Done != 1 || n.state(h.ID) != quarantine.StateReleased {
		t.Errorf("guarded: %+v, %v; it is %s", b, err, n.state(h.ID))
	}
}
