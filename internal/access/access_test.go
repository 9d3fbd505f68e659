package access

import (
	"fmt"
	"testing"
)

// someone is a person of a role who looks after example.org, or has a mailbox there.
func someone(r Role) Person {
	p := Person{Kind: KindAdmin, ID: 1, Name: string(r), Role: r, Domains: []string{"example.org"}}
	switch r {
	case Owner:
		p.Kind, p.ID, p.Box = KindMailbox, 7, 7
	case Operator:
		p.Domains = nil
	}
	return p
}

// TestMay is the whole table: what each role may do to each object. A letter stands for
// a role: o owner, r reader, h helpdesk, a admin, p operator.
func TestMay(t *testing.T) {
	objects := map[string]Object{
		"own mailbox":              {Domain: "example.org", Box: 7},
		"own mailbox, guarded":     {Domain: "example.org", Box: 7, Guarded: true},
		"mailbox in own domain":    {Domain: "example.org", Box: 8},
		"the same, guarded":        {Domain: "example.org", Box: 8, Guarded: true},
		"mailbox in other domain":  {Domain: "example.net", Box: 9},
		"elsewhere, own domain":    {Domain: "example.org"},
		"elsewhere, other domain":  {Domain: "example.net"},
		"the node, or oneself":     {},
		"a mailbox of no domain":   {Box: 9},
		"a mailbox without number": {Domain: "example.com", Box: 0},
		"own mailbox, locked":      {Domain: "example.org", Box: 7, Locked: true},
		"the domain's, locked":     {Domain: "example.org", Box: 8, Locked: true},
		"of a locked one":          {Domain: "example.org", Locked: true}, // held for its copies, say
	}
	names := []string{
		"own mailbox", "own mailbox, guarded", "mailbox in own domain", "the same, guarded", "mailbox in other domain",
		"elsewhere, own domain", "elsewhere, other domain", "the node, or oneself", "a mailbox of no domain", "a mailbox without number",
		"own mailbox, locked", "the domain's, locked", "of a locked one",
	}
	want := map[Action][13]string{
		Public:       {"orhap", "orhap", "orhap", "orhap", "orhap", "orhap", "orhap", "orhap", "orhap", "orhap", "orhap", "orhap", "orhap"},
		SessionUse:   {"", "", "", "", "", "", "", "orhap", "", "", "", "", ""},
		AccountUse:   {"", "", "", "", "", "", "", "orhap", "", "", "", "", ""},
		LockSet:      {"op", "op", "p", "p", "p", "p", "p", "p", "p", "p", "op", "p", "p"},
		MailboxUse:   {"o", "o", "", "", "", "", "", "", "", "", "o", "", ""},
		MailboxOpen:  {"o", "o", "", "", "", "", "", "", "", "", "o", "", ""},
		HeldView:     {"orhap", "orhap", "rhap", "rhap", "p", "rhap", "p", "p", "p", "p", "op", "p", "p"},
		HeldRelease:  {"ohap", "p", "hap", "p", "p", "hap", "p", "p", "p", "p", "op", "p", "p"},
		HeldDelete:   {"ohap", "ohap", "hap", "hap", "p", "hap", "p", "p", "p", "p", "op", "p", "p"},
		HeldAsk:      {"oha", "oha", "ha", "ha", "", "ha", "", "", "", "", "o", "", ""},
		EntryView:    {"orhap", "orhap", "rhap", "rhap", "p", "rhap", "p", "p", "p", "p", "op", "p", "p"},
		EntryChange:  {"oap", "oap", "ap", "ap", "p", "ap", "p", "p", "p", "p", "op", "p", "p"},
		SettingsView: {"orhap", "orhap", "rhap", "rhap", "p", "rhap", "p", "p", "p", "p", "orhap", "rhap", "rhap"},
		SettingsSet:  {"oap", "oap", "ap", "ap", "p", "ap", "p", "p", "p", "p", "oap", "ap", "ap"},
		RulesChange:  {"ap", "ap", "ap", "ap", "p", "ap", "p", "p", "p", "p", "p", "p", "p"},
		BlockView:    {"p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p"},
		BlockLift:    {"p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p"},
		Complaints:   {"p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p"},
		AdminChange:  {"p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p"},
		NodeReload:   {"p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p"},
		MessageView:  {"orhap", "orhap", "rhap", "rhap", "p", "rhap", "p", "p", "p", "p", "op", "p", "p"},
		QueueView:    {"rhap", "rhap", "rhap", "rhap", "p", "rhap", "p", "p", "p", "p", "p", "p", "p"},
		QueueChange:  {"hap", "hap", "hap", "hap", "p", "hap", "p", "p", "p", "p", "p", "p", "p"},
		QueueAll:     {"p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p", "p"},
		KeyView:      {"rhap", "rhap", "rhap", "rhap", "p", "rhap", "p", "p", "p", "p", "p", "p", "p"},
		KeyChange:    {"ap", "ap", "ap", "ap", "p", "ap", "p", "p", "p", "p", "p", "p", "p"},
		SenderView:   {"rhap", "rhap", "rhap", "rhap", "p", "rhap", "p", "p", "p", "p", "p", "p", "p"},
		SenderChange: {"ap", "ap", "ap", "ap", "p", "ap", "p", "p", "p", "p", "p", "p", "p"},
		HostView:     {"rhap", "rhap", "rhap", "rhap", "p", "rhap", "p", "p", "p", "p", "p", "p", "p"},
		HostChange:   {"ap", "ap", "ap", "ap", "p", "ap", "p", "p", "p", "p", "p", "p", "p"},
		StopView:     {"rhap", "rhap", "rhap", "rhap", "p", "rhap", "p", "p", "p", "p", "rhap", "rhap", "rhap"},
		StopChange:   {"ap", "ap", "ap", "ap", "p", "ap", "p", "p", "p", "p", "ap", "ap", "ap"},
	}
	letters := map[Role]string{Owner: "o", Reader: "r", Helpdesk: "h", Admin: "a", Operator: "p"}
	for _, a := range append(Actions(), Public) {
		if _, ok := want[a]; !ok {
			t.Errorf("the action %s is in no row of this test", a)
		}
		for i, name := range names {
			got := ""
			for _, r := range Roles() {
				if May(someone(r), a, objects[name]) {
					got += letters[r]
				}
			}
			if got != want[a][i] {
				t.Errorf("%s, %s: got %q, want %q", a, name, got, want[a][i])
			}
		}
	}
}

// What nobody may do: nobody, persons of no role, of a role that is unknown, without a
// mailbox; and actions that are unknown.
func TestMayNothing(t *testing.T) {
	any := Object{Domain: "example.org", Box: 7}
	for name, p := range map[string]Person{
		"nobody":                {},
		"no role":               {Kind: KindAdmin, ID: 1, Domains: []string{"example.org"}},
		"unknown role":          {Kind: KindAdmin, ID: 1, Role: "reseller", Domains: []string{"example.org"}},
		"no id":                 {Kind: KindAdmin, Role: Operator},
		"an owner without box":  {Kind: KindMailbox, ID: 1, Role: Owner, Domains: []string{"example.org"}},
		"an admin of no domain": {Kind: KindAdmin, ID: 1, Role: Admin},
	} {
		for _, a := range Actions() {
			if a != AccountUse && a != SessionUse && May(p, a, any) {
				t.Errorf("%s: may %s", name, a)
			}
		}
		if May(p, HeldView, Object{}) {
			t.Errorf("%s: may see held messages of the node", name)
		}
	}
	if p := someone(Operator); May(p, "held.burn", any) || MayAny(p, "held.burn") || MayAny(p, "") || Action("").Is() {
		t.Error("an unknown action is allowed")
	}
}

// MayAny is true where there is an object for May.
func TestMayAny(t *testing.T) {
	for _, a := range Actions() {
		for _, r := range Roles() {
			p, some := someone(r), false
			for _, o := range []Object{{}, {Domain: "example.org"}, {Domain: "example.org", Box: 7}} {
				some = some || May(p, a, o)
			}
			if got := MayAny(p, a); got != some {
				t.Errorf("%s: %s: got %v, want %v", fmt.Sprint(r), a, got, some)
			}
		}
	}
}
