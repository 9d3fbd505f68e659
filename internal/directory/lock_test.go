package directory

import (
	"slices"
	"testing"

	"gatepost/internal/mail"
)

func (f fixture) lock(t *testing.T, a mail.Path, locked bool) {
	t.Helper()
	m, err := f.SetLock(t.Context(), a, locked, "root")
	if err != nil || m.Locked != locked {
		t.Fatalf("lock %s: %v, %v", a, m.Locked, err)
	}
}

// Closed is whose mail nobody but the owner of a locked mailbox has.
func TestClosed(t *testing.T) {
	f := wide(t)
	f.mailbox(t, "shut@example.net")
	f.state(t, "shut@example.net", Closed)
	f.alias(t, "just-bob@example.net", "bob@example.net")
	f.alias(t, "was@example.net", "shut@example.net")
	f.alias(t, "was-was@example.net", "was@example.net")
	f.domain(t, "all.example")
	for name, change := range map[string]func(*Domain) error{
		"example.net": func(d *Domain) error { d.Names = []string{"example.com"}; return nil },
		"all.example": func(d *Domain) error { d.CatchAll = "bob@example.net"; return nil },
	} {
		if _, err := f.ChangeDomain(t.Context(), name, change); err != nil {
			t.Fatal(err)
		}
	}
	addresses := []mail.Path{
		"bob@example.net", "Bob+tag@example.net", "bob@example.com", "just-bob@example.net", "anybody@all.example", // bob's
		"shut@example.net", "shut+x@example.com", "was@example.com", "was-was+x@example.net",
		"ann@example.net", "sales@example.net", "eve@example.org", "nobody@example.net", "x@far.example", "",
	}
	closed := func() (list []mail.Path) {
		for _, a := range addresses {
			if f.Snapshot().Closed(a) {
				list = append(list, a)
			}
		}
		return list
	}
	if got := closed(); got != nil || f.Snapshot().Locks("example.net") {
		t.Errorf("nothing is locked: %v", got)
	}
	f.lock(t, "bob@example.net", true)
	f.lock(t, "shut@example.net", true)
	if got := closed(); !slices.Equal(got, addresses[:9]) { // of sales ann has it too; eve has copies of bob's
		t.Errorf("got %v, want %v", got, addresses[:9])
	}
	bob, _ := f.Snapshot().Mailbox("bob@example.net")
	if s := f.Snapshot(); !s.Locked(bob.ID) || s.Locked(bob.ID+1000) || !s.Locks("example.net") || s.Locks("example.org") {
		t.Error("bob's is locked, and none of example.org")
	}
	f.lock(t, "Bob@example.net", false)
	f.lock(t, "bob@example.net", false)
	if got := closed(); !slices.Equal(got, addresses[5:9]) {
		t.Errorf("after: got %v", got)
	}
	_, err := f.SetLock(t.Context(), "nobody@example.net", true, "root")
	wantErr(t, "nobody", err, ErrNoMailbox)
	if _, err := f.ChangeMailbox(t.Context(), "shut@example.net", func(m *Mailbox) error { m.Locked = false; return nil }); err != nil || !f.Snapshot().Locks("example.net") {
		t.Errorf("another change opened it: %v", err)
	}
}
