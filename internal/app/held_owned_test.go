package app

import (
	"strings"
	"testing"

	"gatepost/internal/directory"
	"gatepost/quarantine"
)

// Who gets the name of a removed domain neither sees nor gets what was held for the one
// who had it before.
func TestHeldOfRemovedDomain(t *testing.T) {
	n := openPages(t)
	boxed := n.held("carl@other.example", plainMail, nil)
	bare := n.held("ghost@other.example", plainMail, func(h *quarantine.Held) { h.Box = 0 })
	n.must(n.directory.RemoveMailbox(t.Context(), "carl@other.example"))
	if h, err := n.quarantine.Show(t.Context(), bare.ID); err != nil || h.State != quarantine.StateHeld {
		t.Errorf("before: %s, %v", h.State, err)
	}
	n.must(n.directory.RemoveDomain(t.Context(), "other.example"))
	n.must2(n.directory.AddDomain(t.Context(), directory.Domain{Name: "other.example"}))
	m, err := n.directory.AddMailbox(t.Context(), directory.Mailbox{Address: "ghost@other.example"}, pagesPassword)
	n.must(err)
	n.boxes["ghost@other.example"] = m.ID
	n.must2(n.directory.AddAdmin(t.Context(), "root", directory.Admin{Name: "next", Role: directory.DomainAdmin, Domains: []string{"other.example"}}, pagesPassword))
	fresh := n.held("ghost@other.example", plainMail, nil)
	admin, owner, operator := n.logIn("next"), n.logIn("ghost@other.example"), n.logIn("olga")
	unseen := func() {
		t.Helper()
		for name, v := range map[string]*visitor{"the next admin": admin, "the next owner": owner} {
			_, list := v.get("/quarantine?state=any")
			if !strings.Contains(list, fresh.ID) || strings.Contains(list, bare.ID) || strings.Contains(list, boxed.ID) {
				t.Errorf("%s: the list shows the mail of the former owner, or not the own", name)
			}
			for _, h := range []quarantine.Held{boxed, bare} {
				for _, page := range []string{"", "/source", "/view", "/message.eml"} {
					if status, _ := v.get("/quarantine/" + h.ID + page); status != 404 {
						t.Errorf("%s: %s of %s: got %d", name, page, h.Recipient, status)
					}
				}
				v.post("/quarantine", "/quarantine/"+h.ID+"/release", "allow", "no")
			}
		}
		operator.post("/quarantine", "/quarantine/"+bare.ID+"/release", "allow", "no")
		if got := n.inbox("ghost@other.example"); got != 0 {
			t.Errorf("%d messages came to the next owner", got)
		}
	}
	unseen()
	if _, err := n.quarantine.EndRemoved(t.Context(), n.now()); err != nil {
		t.Fatal(err)
	}
	unseen()
	for _, h := range []quarantine.Held{boxed, bare} {
		got, err := n.store.Quarantine().Show(t.Context(), h.ID)
		if err != nil || got.State != quarantine.StateDeleted || len(got.Acts) != 1 || got.Acts[0].What != quarantine.StateDeleted {
			t.Errorf("%s: got %s by %+v, %v", h.Recipient, got.State, got.Acts, err)
		}
	}
	if got := n.state(fresh.ID); got != quarantine.StateHeld {
		t.Errorf("what is held for the next: %s", got)
	}
}

// What a mailbox has by an alias stays the owner's when the alias's domain is removed, and
// is not shown to who gets the name.
func TestHeldByARemovedName(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.AddDomain(t.Context(), directory.Domain{Name: "old.example"}))
	h := n.held("ann@old.example", plainMail, func(h *quarantine.Held) { h.Box = n.boxes["ann@test.example"] })
	n.must(n.directory.RemoveDomain(t.Context(), "old.example"))
	if _, err := n.quarantine.EndRemoved(t.Context(), n.now()); err != nil {
		t.Fatal(err)
	}
	n.must2(n.directory.AddDomain(t.Context(), directory.Domain{Name: "old.example"}))
	n.must2(n.directory.AddAdmin(t.Context(), "root", directory.Admin{Name: "next", Role: directory.DomainAdmin, Domains: []string{"old.example"}}, pagesPassword))
	for who, status := range map[string]int{"ann@test.example": 200, "next": 404, "adam": 200} {
		if got, _ := n.logIn(who).get("/quarantine/" + h.ID); got != status {
			t.Errorf("%s: got %d, want %d", who, got, status)
		}
	}
	if _, list := n.logIn("next").get("/quarantine"); strings.Contains(list, h.ID) {
		t.Error("the list of who has the name now shows it")
	}
}
