package access

import (
	"slices"
	"testing"
)

// TestRights is each right alone: what it opens to an admin, beside the own account.
func TestRights(t *testing.T) {
	want := map[Action][]Action{
		HeldView:     {HeldView},
		HeldRelease:  {HeldRelease, HeldView},
		HeldDelete:   {HeldDelete, HeldView},
		HeldAsk:      {HeldAsk, HeldView},
		EntryView:    {EntryView},
		EntryChange:  {EntryChange, EntryView},
		SettingsView: {SettingsView},
		SettingsSet:  {SettingsSet, SettingsView},
		RulesChange:  {RulesChange},
		MessageView:  {MessageView},
		QueueView:    {QueueView},
		QueueChange:  {QueueChange, QueueView},
		KeyView:      {KeyView},
		KeyChange:    {KeyChange, KeyView},
		SenderView:   {SenderView},
		SenderChange: {SenderChange, SenderView},
		HostView:     {HostView},
		HostChange:   {HostChange, HostView},
		StopView:     {StopView},
		StopChange:   {StopChange, StopView},
	}
	if got := Rights(Admin); len(got) != len(want) {
		t.Errorf("rights of an admin: got %q, want %d", got, len(want))
	}
	for right, opens := range want {
		p := someone(Admin)
		p.Rights = []Action{right}
		same(t, "only "+string(right), p, func(a Action) bool { return a == AccountUse || a == SessionUse || slices.Contains(opens, a) })
	}
}

// Each right withheld, of each role that has it, closes what it is for, what can't be done
// without it, and nothing else.
func TestRightWithheld(t *testing.T) {
	for _, role := range []Role{Reader, Helpdesk, Admin} {
		for _, withheld := range Rights(role) {
			closed := func(a Action) bool { return a == withheld || shownBy(a) == withheld }
			p := someone(role)
			p.Rights = slices.DeleteFunc(Rights(role), closed)
			same(t, string(role)+" without "+string(withheld), p, func(a Action) bool { return !closed(a) })
		}
	}
}

// same compares what a person may do to anything with what the role may, as far as it is open.
func same(t *testing.T, name string, p Person, open func(Action) bool) {
	t.Helper()
	role := p
	role.Rights = nil
	for _, a := range append(Actions(), Public, "held.burn") {
		for _, o := range []Object{
			{}, {Domain: "example.org"}, {Domain: "example.org", Box: 7}, {Domain: "example.org", Box: 7, Guarded: true},
			{Domain: "example.org", Box: 7, Locked: true}, {Domain: "example.net"}, {Domain: "example.net", Box: 9},
		} {
			if got, want := May(p, a, o), May(role, a, o) && (a == Public || open(a)); got != want {
				t.Errorf("%s: %s of %+v: got %v, want %v", name, a, o, got, want)
			}
		}
		if got, want := MayAny(p, a), MayAny(role, a) && (a == Public || open(a)); got != want {
			t.Errorf("%s: %s of anything: got %v, want %v", name, a, got, want)
		}
	}
}

// What is not chosen among is not narrowed; what nobody knows opens nothing.
func TestRightsOfOthers(t *testing.T) {
	for _, role := range Roles() {
		p := someone(role)
		p.Rights = []Action{"held.burn", NodeReload, MailboxUse}
		open := func(a Action) bool { return role == Owner || role == Operator || a == AccountUse || a == SessionUse }
		same(t, string(role), p, open)
	}
	for _, role := range []Role{Owner, Operator, "", "reseller"} {
		if got := Rights(role); got != nil {
			t.Errorf("rights of %q: got %q, want none", role, got)
		}
	}
}
