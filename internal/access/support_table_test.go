package access

import (
	"slices"
	"testing"
)

// TestSupport is the whole table for who has support access to a mailbox: what is named here, as far as its owner may, and nothing
// else. Each new action is closed until somebody names it here and in supports.
func TestSupport(t *testing.T) {
	open := []Action{SessionUse, MailboxUse, HeldView, HeldRelease, HeldDelete, HeldAsk, EntryView, EntryChange, SettingsView, SettingsSet, MessageView}
	closed := []Action{AccountUse, LockSet, MailboxOpen} // of what an owner may
	owner := someone(Owner)
	p := owner
	p.Support = true
	for _, a := range append(Actions(), "held.burn", "") {
		named := slices.Contains(open, a)
		if MayAny(owner, a) != (named || slices.Contains(closed, a)) {
			t.Errorf("%s is for owners, and neither open nor closed in this test", a)
		}
		if got := MayAny(p, a); got != named {
			t.Errorf("%s, to anything: got %v, want %v", a, got, named)
		}
		for _, o := range []Object{
			{}, {Domain: "example.org"}, {Domain: "example.org", Box: 7}, {Domain: "example.org", Box: 7, Guarded: true}, {Domain: "example.org", Box: 7, Locked: true},
			{Domain: "example.org", Box: 8}, {Box: 7}, {Domain: "example.net", Box: 9},
		} {
			if got, want := May(p, a, o), named && May(owner, a, o); got != want {
				t.Errorf("%s to %+v: got %v, want %v", a, o, got, want)
			}
		}
	}
	if !May(p, Public, Object{}) || !MayAny(p, Public) {
		t.Error("what is for everybody is closed")
	}
	if owner.By() != owner.Name || p.By() != "support of "+owner.Name {
		t.Errorf("the owner acts as %q, support as %q", owner.By(), p.By())
	}
}
