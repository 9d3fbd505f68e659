package app

import (
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// A closed mailbox goes with its mail after its time, and not where it was opened again, was closed before
// that was noted, or is led to.
func TestPurgeClosed(t *testing.T) {
	n := openPages(t)
	for _, name := range []string{"gone", "again", "led"} {
		n.must2(n.addMailbox(t.Context(), ops.MailboxAdd{Address: name + "@test.example"}))
		closed := "closed"
		shown, err := n.setMailbox(t.Context(), ops.MailboxSet{Address: name + "@test.example", State: &closed})
		n.must(err)
		if shown.Restorable == nil || !shown.Restorable.Equal(n.directoryBox(name).ClosedAt.Add(30*24*time.Hour)) {
			t.Errorf("%s: restorable until %v", name, shown.Restorable)
		}
	}
	gone := n.directoryBox("gone")
	n.must2(n.directory.AddAlias(t.Context(), directory.Alias{Address: "to-led@test.example", Targets: []mail.Path{"led@test.example"}}))
	left := func() (names string) {
		for _, name := range []string{"gone", "again", "led"} {
			if n.directoryBox(name).ID != 0 {
				names += name + " "
			}
		}
		return names
	}
	due := gone.ClosedAt.Add(31 * 24 * time.Hour)
	n.purgeClosedSince(t.Context(), gone.ClosedAt.Add(29*24*time.Hour))
	if got := left(); got != "gone again led " {
		t.Errorf("before its time there are %s", got)
	}
	active := "active"
	n.must2(n.setMailbox(t.Context(), ops.MailboxSet{Address: "again@test.example", State: &active}))
	if err := n.stillClosed(n.directoryBox("again"), due); err == nil {
		t.Error("one that was opened again would be removed")
	}
	n.purgeClosedSince(t.Context(), due)
	if got := left(); got != "again led " {
		t.Errorf("after its time there are %s", got)
	}
	if all, err := n.mailboxes.Folders(t.Context(), gone.ID); err != nil || len(all) != 0 {
		t.Errorf("its folders: %d, %v", len(all), err)
	}
	if until := n.restorable(directory.Mailbox{State: directory.Closed}); !until.IsZero() {
		t.Errorf("closed before that was noted, and removed after %v", until)
	}
}

func (n *pagesNode) directoryBox(name string) directory.Mailbox {
	m, _ := n.directory.Snapshot().Mailbox(mail.Path(name + "@test.example"))
	return m
}
